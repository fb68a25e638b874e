"""`hypercare classify`: what the classifier would say of a file of tickets, without a server: for a site's old ones, before go-live."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TextIO

import typer
from typer import Argument, Option

from models.errors import ModelError
from models.floors import Floors
from models.registry import load_model
from models.severity import severity_of
from models.similar import Place, Similar, in_its_place
from models.triage import TriageModel
from schemas.predictions import Prediction, SimilarTicket, TicketText
from schemas.words import SEVERITIES, Severity
from services.classifier import floors_of
from services.cli.columns import cells_of, meanings, submission_of
from services.cli.options import flat
from services.cli.rows import Row, read_rows
from services.cli.terminal import Output, complain
from services.errors import Invalid, Misconfigured
from services.settings import Settings, load_settings

app = typer.Typer(add_completion=False)

CHUNK = 256
SHOWN_PROBLEMS = 10
LONGEST_TITLE = 300


@dataclass(frozen=True)
class Old:
    """The file, and where the answers go."""

    file: Annotated[
        Path, Argument(help="A .csv, .tsv, .ndjson, .jsonl or .xlsx file of tickets.", exists=True, dir_okay=False, readable=True)
    ]
    sheet: Annotated[str | None, Option(help="The sheet of a workbook; without it the one that is open first.")] = None
    to: Annotated[Path | None, Option("--to", help="Where the answers go, a JSON object per line; without it standard output.")] = None


class Asked(NamedTuple):
    """A row of the file: its number, its name in the tool that it came from, its text and claimed severity, or what is wrong with it."""

    row: int
    name: str
    text: TicketText | None = None
    claim: Severity | None = None
    problem: str = ""


@dataclass(frozen=True)
class Judge:
    """The model and the rules that a classifier with the same settings uses, and the rows that were judged before."""

    model: TriageModel
    floors: Floors
    before: Similar
    places: dict[str, Place] = field(default_factory=dict)

    def judged(self, asked: Sequence[Asked]) -> list[dict[str, Any]]:
        texts = [each.text for each in asked if each.text]
        known = len(self.before)
        self.before.add([each.name for each in asked if each.text], texts)
        self.places.update({each.name: (each.text.site, each.text.batch) for each in asked if each.text})
        similar = self.before.like(texts, range(known, len(self.before)))
        told = zip(texts, self.model.predict(texts), similar, strict=True)
        return [self._told(each, *next(told)) if each.text else _wrong(each) for each in asked]

    def _told(self, asked: Asked, text: TicketText, prediction: Prediction, similar: Sequence[SimilarTicket]) -> dict[str, Any]:
        floors = self.floors.hits(text)
        decision = severity_of(floors, asked.claim, prediction.severity)
        said = prediction.model_dump(mode="json", exclude={"gxp", "severity", "similar"})
        return (
            {"row": asked.row, "ticket": asked.name, "system": prediction.systems[0].system}
            | said
            | {
                "severity": decision.severity,
                "decided_by": decision.decided_by,
                "reason": decision.reason,
                "suggested_severity": prediction.severity,
                "gxp": "potential" if prediction.gxp or any(floor.gxp for floor in floors) else "none",
                "floors": [floor.model_dump(mode="json") for floor in floors],
                "rules": self.floors.digest,
                "similar": [
                    in_its_place(one, (text.site, text.batch), self.places.get(one.ticket)).model_dump(mode="json") for one in similar
                ],
            }
        )


@app.command()
@flat
def classify(old: Old, output: Output) -> None:
    """Say of every ticket in a file where it would go, how severe it looks, and why.

    Nothing is stored and no server is needed. Each answer is a line of JSON, in the order of the file.
    """
    asked = [_asked(row, meaning) for rows in [read_rows(old.file, old.sheet)] for meaning in [_meaning(rows)] for row in rows]
    settings = load_settings()
    model = _model(settings)
    judge = Judge(model, floors_of(settings), model.similar())
    counts = Counter[str]()
    with _stream(old.to) as stream, output.bar("classifying", len(asked)) as advance:
        for first in range(0, len(asked), CHUNK):
            part = judge.judged(asked[first : first + CHUNK])
            stream.writelines(json.dumps(told, ensure_ascii=True) + "\n" for told in part)
            counts.update(told.get("decision", "problem") for told in part)
            advance(len(part))
    _summarise(asked, counts, output)


def _model(settings: Settings) -> TriageModel:
    """The version that decides until another is promoted."""
    try:
        return load_model(settings.model)
    except ModelError as error:
        raise Misconfigured(str(error)) from error


def _meaning(rows: Sequence[Row]) -> dict[str, str]:
    columns = list(dict.fromkeys(name for row in rows for name in row.cells))
    meaning = meanings(columns)
    if rows and not {"title", "body"} & set(meaning):
        raise Invalid(f"no column means title or body: call one title. The columns are {', '.join(columns)}")
    return meaning


def _problem(cells: Mapping[str, str], title: str) -> str:
    claim = cells.get("reported_severity")
    if not title.strip():
        return "the row has neither title nor body"
    if claim not in (None, *SEVERITIES):
        return f"reported_severity: {claim!r} is none of {', '.join(SEVERITIES)}"
    return "" if cells.get("people_affected", "0").isdecimal() else f"people_affected: {cells['people_affected']!r} is no number of people"


def _asked(row: Row, meaning: Mapping[str, str]) -> Asked:
    """What a ticket holds beside its text is no part of the question; a ticket without a title begins with its body."""
    cells = submission_of(cells_of(row, meaning), {}, None)
    name = cells.get("source_id") or f"row {row.number}"
    title = cells.get("title") or cells.get("body", "")[:LONGEST_TITLE]
    claim = cells.get("reported_severity")
    if problem := row.problem or _problem(cells, title):
        return Asked(row.number, name, problem=problem)
    text = TicketText(title=title, **{field: cells[field] for field in TicketText.model_fields if field in cells and field != "title"})
    return Asked(row.number, name, text, next((one for one in SEVERITIES if one == claim), None))


def _wrong(asked: Asked) -> dict[str, Any]:
    return {"row": asked.row, "ticket": asked.name, "problem": asked.problem}


@contextmanager
def _stream(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("w", encoding="utf-8") as stream:
            yield stream
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror or error}") from error


def _summarise(asked: Sequence[Asked], counts: Mapping[str, int], output: Output) -> None:
    sure, unsure = counts["route"], counts["triage"]
    output.remark(f"{len(asked)} rows: {sure} would be routed alone, {unsure} would wait for a person")
    wrong = [each for each in asked if each.problem]
    for each in wrong[:SHOWN_PROBLEMS]:
        output.remark(f"row {each.row}: {each.problem}")
    if wrong:
        complain(f"{len(wrong)} rows could not be judged; their lines say why")
        raise typer.Exit(1)
