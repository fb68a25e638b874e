"""Everything countable of a site at an instant. docs/figures.md defines each figure to the last event."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from schemas.words import SEVERITIES

UNDECIDED = "undecided"
GRADES: tuple[str, ...] = (*SEVERITIES, UNDECIDED)
Step = Literal["minute", "hour", "day"]


class Durations(BaseModel, frozen=True):
    """Seconds over `count` tickets; the other three are absent where there is none."""

    count: int
    mean: float | None
    median: float | None
    p90: float | None


class Times(BaseModel, frozen=True):
    all: Durations
    by_severity: dict[str, Durations]


class Open(BaseModel, frozen=True):
    """Tickets that are neither resolved nor cancelled. A ticket without system or severity counts under "undecided"."""

    total: int
    by_system: dict[str, int]
    by_severity: dict[str, int]
    by_state: dict[str, int]
    by_severity_and_state: dict[str, dict[str, int]]
    oldest_seconds: float | None


class Bucket(BaseModel, frozen=True):
    start: datetime
    count: int


class Arrivals(BaseModel, frozen=True):
    """`per_hour`: the 24 UTC hours up to this one; `per_day`: the 7 UTC days up to today. The last of each is not over yet."""

    total: int
    per_hour: tuple[Bucket, ...]
    per_day: tuple[Bucket, ...]


class TriageQueue(BaseModel, frozen=True):
    tickets: int
    oldest_seconds: float | None


class Point(BaseModel, frozen=True):
    at: datetime
    open: int


class Burndown(BaseModel, frozen=True):
    """Open tickets at the start of each UTC minute, hour or day, and at the instant of the figures."""

    step: Step
    points: tuple[Point, ...]


class Figures(BaseModel, frozen=True):
    """Of one site, or of all where `site` is absent, as known at `as_of`, when the ledger ended with `ledger_seq`."""

    site: str | None
    as_of: datetime
    ledger_seq: int
    open: Open
    done: dict[str, int]
    arrivals: Arrivals
    acknowledgement: Times
    resolution: Times
    triage_queue: TriageQueue
    reopened: int
    reopenings: int
    sev1_open: int
    sev1_unacknowledged: int
    burndown: Burndown


class Summary(BaseModel, frozen=True):
    site: str
    open: int
    sev1_open: int
    triage_queue: int
    oldest_seconds: float | None


class Overview(BaseModel, frozen=True):
    """Every site in alphabetical order, and the figures of all together."""

    sites: tuple[Summary, ...]
    figures: Figures
