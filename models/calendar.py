"""Which days of a go-live are worked, which are rest, and on which nothing is done or reported at all."""

from dataclasses import dataclass

import numpy as np

from models.course import Course
from models.features import Flags


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days 0 to the last one looked at: (days,) each. A day is worked, or rest, or stopped (planned holidays and shutdowns)."""

    rest: Flags
    stopped: Flags

    @property
    def worked(self) -> Flags:
        return ~(self.rest | self.stopped)

    def between(self, first: int, end: int) -> "Calendar":
        return Calendar(self.rest[first:end], self.stopped[first:end])


def calendar(course: Course, days: int) -> Calendar:
    number = np.arange(days)
    stopped = np.isin(number, [event.day for event in course.events if event.kind != "scope"])
    rest = ((course.weekday + number) % 7 >= 5) | np.isin(number, list(course.rest))
    return Calendar(rest & ~stopped, stopped)
