"""What the columns of a file mean: the fields of a submission under the names that other tools and other languages give them."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from schemas.tickets import Submission
from services.cli.rows import Cell, Row

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
GERMAN_TIMES = ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y, %H:%M", "%d.%m.%Y, %H:%M:%S")
REQUIRED = tuple(name for name, field in Submission.model_fields.items() if field.is_required())


def bare(name: str) -> str:
    """A name without case, spaces and punctuation."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


NAMES = {field: tuple(dict.fromkeys(bare(name) for name in (field, *_TABLE["fields"][field]))) for field in Submission.model_fields}
SEVERITIES = {bare(name): severity for severity, names in _TABLE["severities"].items() for name in (severity, *names)}


def meanings(columns: Iterable[str]) -> dict[str, str]:
    """Field to column. Where several columns mean one field, the name that stands first in columns.toml wins."""
    by_name = {bare(column): column for column in reversed(list(columns))}
    found = {field: next((by_name[name] for name in names if name in by_name), None) for field, names in NAMES.items()}
    return {field: column for field, column in found.items() if column is not None}


def cells_of(row: Row, meaning: Mapping[str, str]) -> dict[str, Cell]:
    return {field: row.cells[column] for field, column in meaning.items() if column in row.cells}


def submission_of(cells: Mapping[str, Cell], given: Mapping[str, str], zone: ZoneInfo | None) -> dict[str, str]:
    """A submission as JSON; `given` fills what the row leaves open."""
    fields = dict(given) | {field: value if isinstance(value, str) else value.isoformat() for field, value in cells.items()}
    if "occurred_at" in fields:
        fields["occurred_at"] = instant(cells.get("occurred_at", fields["occurred_at"]), zone)
    if "reported_severity" in fields:
        fields["reported_severity"] = SEVERITIES.get(bare(fields["reported_severity"]), fields["reported_severity"])
    return fields


def instant(value: Cell, zone: ZoneInfo | None) -> str:
    """RFC 3339 where the value is a time in ISO 8601 or in the German way; a time without offset is one of `zone`. Else as it was."""
    found = value if isinstance(value, datetime) else _time(value)
    if found is None:
        return str(value)
    return (found.replace(tzinfo=zone) if found.tzinfo is None and zone else found).isoformat()


def _time(text: str) -> datetime | None:
    for form in (None, *GERMAN_TIMES):
        try:
            return datetime.strptime(text, form) if form else datetime.fromisoformat(text)
        except ValueError:
            continue
    return None


def digest(cells: Mapping[str, Cell]) -> str:
    """SHA-256 over what the row itself says, whatever the columns are called and the command line adds."""
    spoken = {field: value if isinstance(value, str) else value.isoformat() for field, value in cells.items()}
    return sha256(repr(sorted(spoken.items())).encode("utf-8", "surrogatepass")).hexdigest()


def faults(content: Mapping[str, Any], shape: type[BaseModel] = Submission) -> list[str]:
    """What keeps this from being a submission, or what else it is to be, one line per field."""
    try:
        shape.model_validate(content)
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc'])) or 'row'}: {_told(fault)}" for fault in error.errors()]
    return []


def _told(fault: Any) -> str:
    if fault["loc"] == ("occurred_at",) and "UTC offset" in fault["msg"]:
        return "the time has no UTC offset; add one, e.g. 2026-03-01T06:15:00+01:00, or for a file give --time-zone, e.g. Europe/Berlin"
    return str(fault["msg"]).removeprefix("Value error, ")
