"""What the team closes on a day when work is waiting: its own past days, drawn again.

Never a probability of closing for each open ticket: while a team is saturated that shrinks with the queue and says nothing of capacity.
"""

from dataclasses import dataclass

import numpy as np

from models.calendar import Calendar, calendar
from models.course import Course
from models.features import Flags, Ints
from models.prior import Prior
from models.rows import Floats

_RECENT = 21
_WAITING = 0.5


@dataclass(frozen=True, slots=True)
class Throughput:
    """Closed tickets on days that show capacity, by kind of day, and the share of closed tickets that comes back."""

    worked: Ints
    rest: Ints
    reopening: float

    def drawn(self, rng: np.random.Generator, paths: int, ahead: Calendar) -> Ints:
        """(paths, days): each path first draws which days are its team's, then a day of these for each coming day."""
        days = len(ahead.rest)
        kinds = [_twice(rng, pool, paths, days) for pool in (self.worked, self.rest)]
        return np.where(ahead.stopped, 0, np.where(ahead.rest, kinds[1], kinds[0]))

    def per_week(self) -> float:
        return float(5 * self.worked.mean() + 2 * self.rest.mean())


def throughput(course: Course, prior: Prior) -> Throughput:
    """Of the last 21 days, so that a team that has changed is seen. Where no day of a kind shows capacity, all of that kind must do."""
    closed, days = np.array(course.closed).sum(1), calendar(course, course.days)
    back = np.array(course.reopened).sum()
    busy = _waiting(course) >= _WAITING * closed
    recent = np.arange(course.days) >= course.days - _RECENT
    worked = _shown(closed, days.worked, busy, recent)
    rest = _shown(closed, days.rest, busy, recent)
    if not len(worked):
        worked = closed
    if not len(rest):
        rest = np.rint(worked * prior.weekend_capacity).astype(np.int64)
    return Throughput(worked, rest, min(0.9, float((back + 1) / (closed.sum() + 20))))


def _shown(closed: Ints, kind: Flags, busy: Flags, recent: Flags) -> Ints:
    choices = (closed[kind & busy & recent], closed[kind & busy], closed[kind])
    return next((pool for pool in choices if len(pool) >= 2), choices[-1])


def _waiting(course: Course) -> Floats:
    """Open tickets at the end of each day, counted back from what is open now."""
    moved = (np.array(course.arrivals) + np.array(course.reopened) - np.array(course.closed)).sum(1)
    return np.asarray(sum(course.open) - moved.sum() + np.cumsum(moved))


def _twice(rng: np.random.Generator, pool: Ints, paths: int, days: int) -> Ints:
    own = pool[rng.integers(len(pool), size=(paths, len(pool)))]
    return np.take_along_axis(own, rng.integers(len(pool), size=(paths, days)), 1)
