"""`hypercare import`: every row its own result; run again, it goes on where it stopped and makes no ticket twice."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import typer
from typer import Argument, BadParameter, Option

from schemas.tickets import Submission
from services.cli.client import Caller, Client, Receipt
from services.cli.columns import REQUIRED, cells_of, digest, faults, meanings, submission_of
from services.cli.options import flat
from services.cli.results import Result, Results
from services.cli.rows import Row, read_rows
from services.cli.terminal import Output, complain, table
from services.errors import HypercareError, Invalid, TooLarge

app = typer.Typer(add_completion=False)

CHUNK = 200
SHOWN_PROBLEMS = 10
Send = Callable[[Sequence["Item"]], Sequence[Receipt]]


@dataclass(frozen=True)
class Source:
    """The file and how to read it."""

    file: Annotated[Path, Argument(help="A .csv, .tsv, .ndjson, .jsonl or .xlsx file.", exists=True, dir_okay=False, readable=True)]
    sheet: Annotated[str | None, Option(help="The sheet of a workbook; without it the one that is open first.")] = None
    time_zone: Annotated[str | None, Option(help="Zone of times without UTC offset, e.g. Europe/Berlin.")] = None
    set: Annotated[list[str] | None, Option("--set", metavar="FIELD=VALUE", help="Value of a field where a row has none.")] = None

    def given(self) -> dict[str, str]:
        pairs = [(name.strip(), value) for name, _, value in (text.partition("=") for text in self.set or ())]
        for name, _ in pairs:
            if name not in Submission.model_fields:
                raise BadParameter(f"--set {name}: the fields are {', '.join(Submission.model_fields)}")
        return dict(pairs)


def zone_of(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        raise BadParameter(f"--time-zone {name}: not a zone of the tz database, such as Europe/Berlin") from None


class Item(NamedTuple):
    """A row on its way: its key, and what is sent of it or what is wrong with it."""

    row: int
    key: str
    content: dict[str, str]
    problem: str


ResultsPath = Annotated[Path | None, Option("--results", help="Where the result of each row goes; without it FILE.results.csv.")]
DryRun = Annotated[bool, Option("--dry-run", help="Say what the columns mean and which rows are wrong; send nothing.")]


@app.command()
@flat
def import_file(source: Source, caller: Caller, output: Output, results: ResultsPath = None, dry_run: DryRun = False) -> None:
    """Make tickets of a CSV, NDJSON or XLSX file.

    Stopped half-way, run the same command again: rows that are done are not sent again, and no row becomes a second ticket.
    """
    rows = read_rows(source.file, source.sheet)
    items = plan(rows, _meaning(rows, source.given(), output), source)
    record = Results(results or source.file.with_name(source.file.name + ".results.csv"))
    before = sum(record.done(item.key) for item in items)
    if dry_run:
        record.by_key |= {item.key: failed(item) for item in items if item.problem}
    else:
        _run(items, record, caller, output)
    summarise(items, record, before, output)


def _meaning(rows: Sequence[Row], given: Mapping[str, str], output: Output) -> dict[str, str]:
    columns = list(dict.fromkeys(name for row in rows for name in row.cells))
    meaning = meanings(columns)
    missing = [field for field in REQUIRED if rows and field not in meaning and field not in given]
    if missing:
        known = "\n".join(
            f"no column means {field}: call one {field}, or give every row the same value by --set {field}=..." for field in missing
        )
        raise Invalid(f"{known}\nThe columns are {', '.join(columns) or 'none'}")
    unused = [column for column in columns if column not in meaning.values()]
    output.remark("Columns: " + ", ".join(f"{column} is {field}" for field, column in meaning.items()))
    if unused:
        output.remark(f"Not used: {', '.join(unused)}")
    return meaning


def plan(rows: Sequence[Row], meaning: Mapping[str, str], source: Source) -> list[Item]:
    """The key of a row is what it says and how often the file has said it before, so it outlives re-ordering and renaming."""
    given, zone, seen, items = source.given(), zone_of(source.time_zone), Counter[str](), []
    for row in rows:
        cells = cells_of(row, meaning)
        said = digest(cells)
        seen[said] += 1
        submission = submission_of(cells, given, zone)
        problem = row.problem or "; ".join(faults(submission))
        items.append(Item(row.number, f"import-{said[:40]}-{seen[said]}", submission, problem))
    return items


def _run(items: Sequence[Item], record: Results, caller: Caller, output: Output) -> None:
    todo = [item for item in items if not record.done(item.key)]
    record.add(failed(item) for item in todo if item.problem)
    good = [item for item in todo if not item.problem]
    with stoppable(items, record, output), Client(caller) as client, output.bar("importing", len(good)) as advance:
        _send_all(good, record, lambda part: send(client, part), advance)
    record.finish({item.key: item.row for item in items})


@contextmanager
def stoppable(items: Sequence[Item], record: Results, output: Output) -> Iterator[None]:
    """Where the work in the block ends early, it is said how far it came."""
    try:
        yield
    except HypercareError as error:
        raise type(error)(f"{error}\n{standing(items, record)}") from error
    except KeyboardInterrupt:
        output.remark(standing(items, record))
        raise typer.Exit(130) from None


def _send_all(items: Sequence[Item], record: Results, send: Send, advance: Callable[[int], None]) -> None:
    for start in range(0, len(items), CHUNK):
        part = items[start : start + CHUNK]
        record.add(result(item, receipt) for item, receipt in zip(part, send(part), strict=True))
        advance(len(part))


def send(client: Client, items: Sequence[Item]) -> list[Receipt]:
    """Where the API refuses the request as a whole, its halves are sent, so that a bad row stops only itself."""
    try:
        return client.submit_many([item.content | {"idempotency_key": item.key} for item in items])
    except (TooLarge, Invalid) as error:
        if len(items) == 1:
            return [Receipt(problem=str(error))]
        middle = len(items) // 2
        return send(client, items[:middle]) + send(client, items[middle:])


def failed(item: Item) -> Result:
    return Result(item.row, "failed", "", item.problem, item.key)


def result(item: Item, receipt: Receipt) -> Result:
    status = "failed" if receipt.problem else "created" if receipt.new else "known"
    return Result(item.row, status, receipt.ticket, receipt.problem, item.key)


def standing(items: Sequence[Item], record: Results) -> str:
    done = sum(record.done(item.key) for item in items)
    return f"{done} of {len(items)} rows are done; run the same command again to go on"


def summarise(items: Sequence[Item], record: Results, before: int, output: Output) -> None:
    results = [record.by_key[item.key]._replace(row=item.row) for item in items if item.key in record.by_key]
    counts = Counter(each.status for each in results)
    bad = [each for each in results if each.status == "failed"]
    summary = {"rows": len(items), "created": counts["created"], "known": counts["known"], "failed": len(bad), "done before": before}
    problems = [{"row": each.row, "problem": each.problem} for each in bad]
    if output.json or not output.quiet:
        output.show(summary | {"results": str(record.path), "problems": problems}, table(tuple(summary), [tuple(summary.values())]))
    for each in bad[:SHOWN_PROBLEMS]:
        output.remark(f"row {each.row}: {each.problem}")
    if bad:
        complain(f"{len(bad)} rows failed; all of them are in {record.path}. Mend them and run the same command again")
        raise typer.Exit(1)
