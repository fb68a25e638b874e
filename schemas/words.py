"""The small vocabulary that every other shape is made of.

Text that PostgreSQL, a log line or a metrics page cannot carry is refused here, once: NUL and the other C0 controls except tab and
line breaks, and lone surrogates. Everything else is kept byte for byte.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, StringConstraints

Severity = Literal["sev1", "sev2", "sev3", "sev4"]
SEVERITIES: tuple[Severity, ...] = ("sev1", "sev2", "sev3", "sev4")
GxpFlag = Literal["none", "potential", "confirmed"]
Kind = Literal["defect", "data", "access", "training", "request"]
KINDS: tuple[Kind, ...] = ("defect", "data", "access", "training", "request")
State = Literal["submitted", "triage", "routed", "acknowledged", "waiting", "resolved", "closed", "cancelled", "backlogged"]
OPEN_STATES: tuple[State, ...] = ("submitted", "triage", "routed", "acknowledged", "waiting")
STATES: tuple[State, ...] = (*OPEN_STATES, "resolved", "closed", "cancelled", "backlogged")
CausedBy = Literal["release", "pre_existing", "platform"]
"""What a fault came from: the release that went live, what was wrong before, or a platform that the go-live did not touch."""
WaitingFor = Literal["reporter", "retest", "window", "vendor", "change_approval"]
CauseClass = Literal[
    "code_defect", "configuration", "master_data", "data_migration", "interface_technical", "interface_functional", "access",
    "infrastructure", "device", "training", "process", "enhancement", "duplicate", "cannot_reproduce",
    "not_recorded",
]  # fmt: skip
NOT_RECORDED: CauseClass = "not_recorded"
"""Of a resolution that was moved over from an earlier tool which did not keep its cause; nobody else may say so."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def printable(text: str) -> str:
    if _UNPRINTABLE.search(text):
        raise ValueError("holds a control character or half of a surrogate pair; remove it and send the text again")
    return text


def _written(instant: object) -> object:
    """Pydantic would take a number, or text that is one, for seconds since 1970."""
    if not isinstance(instant, datetime) and not (isinstance(instant, str) and _INSTANT.match(instant)):
        raise ValueError("needs date, time and UTC offset, for example 2026-03-01T06:15:00+01:00")
    return instant


def _dated(day: object) -> object:
    """The same holds for days."""
    if not isinstance(day, date) and not (isinstance(day, str) and _DAY.fullmatch(day)):
        raise ValueError("needs a day, for example 2026-03-01")
    return day


def in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("needs a UTC offset, for example 2026-03-01T06:15:00+01:00")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the calendar") from None


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Printable = Annotated[str, AfterValidator(printable)]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Name = Annotated[Printable, StringConstraints(min_length=1, max_length=100), AfterValidator(_filled)]
Line = Annotated[Printable, StringConstraints(min_length=1, max_length=300), AfterValidator(_filled)]
Prose = Annotated[Printable, StringConstraints(max_length=20_000)]
Reason = Annotated[Printable, StringConstraints(min_length=5, max_length=2_000), AfterValidator(_filled)]
Day = Annotated[date, BeforeValidator(_dated)]
Instant = Annotated[datetime, BeforeValidator(_written), AfterValidator(in_utc)]
