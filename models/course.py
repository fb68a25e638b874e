"""What is known of a go-live, day by day, and what it has to become before hypercare may end."""

from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Literal

from models.errors import CourseInvalid

HORIZON = 180
"""Days ahead that a forecast looks at."""

Counts = tuple[int, int, int, int]
"""Of sev1, sev2, sev3 and sev4."""


@dataclass(frozen=True, slots=True)
class ScopeEvent:
    """Something planned: `tickets` more than usual from this day on (a new line, a patch), or a day without work and reporting."""

    day: int
    kind: Literal["scope", "holiday", "shutdown"] = "scope"
    tickets: float = 0.0


@dataclass(frozen=True, slots=True)
class Wave:
    """An earlier go-live with the same template, as it was fitted; `scale` is the exposure here ÷ there (users, lines, batch-steps)."""

    total: float
    decay: float
    floor: float
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Exit:
    """When hypercare may end. A criterion that is not wanted is set to infinity, days without a Sev1 to 0.

    `sev1_free_days`: no Sev1 is open and none came on so many whole days; `most_sev2`: open Sev2; `most_open`: open tickets of the
    `counted` gravest severities; `most_arrivals`: new tickets per day, mean of 7 days.
    """

    sev1_free_days: int = 10
    most_sev2: float = 3
    most_open: float = 25
    most_arrivals: float = 5.0
    counted: int = 3


NOTHING_GRAVE = Exit(sev1_free_days=0, most_sev2=0, most_open=inf, most_arrivals=inf)
"""No Sev1 and no Sev2 is open."""


@dataclass(frozen=True, slots=True)
class Course:
    """Whole site-local days since go-live, day 0 first; `weekday` is that of day 0, Monday being 0.

    `closed` are resolutions, cancellations and moves to the backlog; `open` is what is open after the last day. `rest` are days without
    normal work besides Saturday and Sunday, past and coming; a planned event counts once it is ahead, its tickets are arrivals after that.
    """

    arrivals: tuple[Counts, ...]
    closed: tuple[Counts, ...]
    reopened: tuple[Counts, ...]
    open: Counts
    weekday: int = 0
    rest: frozenset[int] = frozenset()
    events: tuple[ScopeEvent, ...] = ()
    earlier: tuple[Wave, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.arrivals) == len(self.closed) == len(self.reopened) > 0:
            raise CourseInvalid("arrivals, closed and reopened need the same days, at least one: give every day a row, of zeros if need be")
        if min(chain(*self.arrivals, *self.closed, *self.reopened, self.open)) < 0:
            raise CourseInvalid("a count is below 0: give counts per day, not differences")
        if not 0 <= self.weekday <= 6:
            raise CourseInvalid(f"weekday {self.weekday} is not one: give 0 (Monday) to 6 (Sunday)")
        if any(min(wave.total, wave.decay, wave.floor, wave.scale) <= 0 for wave in self.earlier):
            raise CourseInvalid("total, decay, floor and scale of an earlier wave must be above 0: leave out what could not be fitted")

    @property
    def days(self) -> int:
        return len(self.arrivals)
