"""`hypercare import-history`: a row per event of an earlier tool's tickets. Run again, it goes on; nothing is told twice."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from pydantic import TypeAdapter, ValidationError
from typer import Argument, BadParameter, Option

from schemas.history import PastEvent
from schemas.words import Name
from services.cli.client import Caller, Client, Receipt
from services.cli.columns import SEVERITIES, bare, cells_of, faults, instant
from services.cli.importer import DryRun, Item, ResultsPath, failed, result, stoppable, summarise, zone_of
from services.cli.options import flat
from services.cli.results import Results
from services.cli.rows import Cell, Row, read_rows
from services.cli.terminal import Output
from services.errors import Invalid, TooLarge

app = typer.Typer(add_completion=False)

MOST_AT_ONCE = 1_000
"""As many as the API takes in one request."""
REQUIRED = tuple(name for name, field in PastEvent.model_fields.items() if field.is_required())
Story = Sequence[Item]
"""The rows of one ticket, in the order in which they happened."""


@dataclass(frozen=True)
class Past:
    """The file, and where it comes from."""

    file: Annotated[Path, Argument(help="A .ndjson, .jsonl, .csv, .tsv or .xlsx file.", exists=True, dir_okay=False, readable=True)]
    source: Annotated[str | None, Option(help="Name of the earlier tool, the same for all its files; else the file's name.")] = None
    time_zone: Annotated[str | None, Option(help="Zone of times without UTC offset, e.g. Europe/Berlin.")] = None

    def name(self) -> str:
        name = self.file.stem if self.source is None else self.source
        try:
            return str(TypeAdapter(Name).validate_python(name))
        except ValidationError:
            raise BadParameter(f"--source {name}: give a name of 1 to 100 characters, such as servicenow") from None


@app.command()
@flat
def import_history(past: Past, caller: Caller, output: Output, results: ResultsPath = None, dry_run: DryRun = False) -> None:
    """Move in from an earlier tool: tickets with all that happened to them there, each event at its own time.

    docs/history-format.md describes the file. The rows of a ticket are taken together or not at all, and nobody is told of what is past.
    Stopped half-way, run the same command again; a later file of the same source adds what is new.
    """
    rows = read_rows(past.file)
    items = planned(rows, _meaning(rows, output), past)
    record = Results(results or past.file.with_name(past.file.name + ".results.csv"))
    before = sum(record.done(item.key) for item in items)
    todo = [item for story in stories([item for item in items if not record.done(item.key)]) for item in _held_back(story)]
    if dry_run:
        record.by_key |= {item.key: failed(item) for item in todo if item.problem}
    else:
        record.add(failed(item) for item in todo if item.problem)
        with stoppable(items, record, output), Client(caller) as client:
            _send_all(client, past.name(), [item for item in todo if not item.problem], record, output)
        record.finish({item.key: item.row for item in items})
    summarise(items, record, before, output)


def _meaning(rows: Sequence[Row], output: Output) -> dict[str, str]:
    """Field to column: the names are the format's own, whatever their case."""
    columns = {bare(name): name for row in rows for name in row.cells}
    meaning = {field: columns[bare(field)] for field in PastEvent.model_fields if bare(field) in columns}
    if missing := [field for field in REQUIRED if rows and field not in meaning]:
        raise Invalid(f"There is no column {', '.join(missing)}; docs/history-format.md describes the file")
    if unused := sorted(set(columns.values()) - set(meaning.values())):
        output.remark(f"Not used: {', '.join(unused)}")
    return meaning


def planned(rows: Sequence[Row], meaning: Mapping[str, str], past: Past) -> list[Item]:
    """A row's key is its source, ticket, type and time, and how often the file has said it before."""
    source, zone, seen, items = past.name(), zone_of(past.time_zone), Counter[str](), []
    for row in rows:
        content = _content(cells_of(row, meaning), zone)
        said = "\n".join([source, *(content.get(field, "") for field in REQUIRED)])
        key = sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        seen[key] += 1
        problem = row.problem or "; ".join(faults(content, PastEvent))
        items.append(Item(row.number, f"history-{key}-{seen[key]}", content, problem))
    return items


def _content(cells: Mapping[str, Cell], zone: ZoneInfo | None) -> dict[str, str]:
    """A PastEvent as JSON; severities may have the names that `hypercare import` knows."""
    fields = {field: value if isinstance(value, str) else value.isoformat() for field, value in cells.items()}
    if "occurred_at" in cells:
        fields["occurred_at"] = instant(cells["occurred_at"], zone)
    if "severity" in fields:
        fields["severity"] = SEVERITIES.get(bare(fields["severity"]), fields["severity"])
    return fields


def stories(items: Iterable[Item]) -> list[Story]:
    """The rows ticket by ticket; one that names none is alone."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.content.get("ticket", item.key), []).append(item)
    return list(found.values())


def _held_back(story: Story) -> Iterator[Item]:
    """A ticket that is told by half would be taken for open, so its good rows wait for the wrong one."""
    wrong = next((item for item in story if item.problem), None)
    for item in story:
        waits = wrong and not item.problem
        yield item._replace(problem=f"waits for row {wrong.row} of the same ticket") if wrong and waits else item


def _send_all(client: Client, source: str, items: Sequence[Item], record: Results, output: Output) -> None:
    with output.bar("moving in", len(items)) as advance:
        for part in _parts(stories(items)):
            sent = [item for story in part for item in story]
            record.add(map(result, sent, send(client, source, part)))
            advance(len(sent))


def _parts(told: Iterable[Story]) -> Iterator[list[Story]]:
    """As many tickets as go into a request. Only one that has more rows than that is sent in several."""
    part: list[Story] = []
    for story in told:
        in_order = sorted(story, key=lambda item: datetime.fromisoformat(item.content["occurred_at"]))
        for piece in (in_order[first : first + MOST_AT_ONCE] for first in range(0, len(in_order), MOST_AT_ONCE)):
            if sum(map(len, part)) + len(piece) > MOST_AT_ONCE:
                yield part
                part = []
            part.append(piece)
    if part:
        yield part


def send(client: Client, source: str, part: Sequence[Story]) -> list[Receipt]:
    """Where the API refuses the request as a whole, its halves are sent, so that a bad row stops only its own ticket."""
    items = [item for story in part for item in story]
    try:
        return client.move_over(source, [item.content for item in items])
    except (TooLarge, Invalid) as error:
        if len(part) == 1:
            return [Receipt(problem=str(error))] * len(items)
        middle = len(part) // 2
        return send(client, source, part[:middle]) + send(client, source, part[middle:])
