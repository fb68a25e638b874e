"""How many go-lives stand on one evening, and which exit criteria each of them does not meet."""

from dataclasses import dataclass

import numpy as np

from models.course import Course, Exit
from models.features import Flags, Ints
from models.rows import Floats


@dataclass(slots=True)
class Standing:
    """`open` (paths, 4), days in a row without a Sev1 (paths,), and arrivals of the last 7 days or fewer (days, paths)."""

    open: Ints
    free: Ints
    week: list[Ints]

    def unmet(self, criteria: Exit) -> Flags:
        """(4, paths): Sev1, Sev2, open, arrivals."""
        sev1 = (self.open[:, 0] > 0) | (self.free < criteria.sev1_free_days)
        counted = self.open[:, : criteria.counted].sum(1)
        return np.stack([sev1, self.open[:, 1] > criteria.most_sev2, counted > criteria.most_open, self.weekly() > criteria.most_arrivals])

    def weekly(self) -> Floats:
        """A7: arrivals per day, mean of the last 7 days."""
        return np.asarray(np.mean(self.week, axis=0))

    def pass_day(self, came: Ints, closable: Ints) -> None:
        """One more day: `came` (paths, 4), `closable` (paths,) net of what comes back; the gravest are closed first."""
        there = self.open + came
        self.open = there - np.diff(np.minimum(there.cumsum(1), closable[:, None]), prepend=0)
        self.free = np.where(came[:, 0] > 0, 0, self.free + 1)
        self.week = [*self.week[-6:], came.sum(1)]

    def kept(self, these: Flags, alive: Ints) -> Ints:
        """Goes on with these paths only; returns which of `alive` they are."""
        self.open, self.free, self.week = self.open[these], self.free[these], [came[these] for came in self.week]
        return alive[these]


def standing(course: Course, paths: int = 1) -> Standing:
    """The same evening for every path: the last day of the course."""
    arrivals = np.array(course.arrivals)
    grave = np.flatnonzero(arrivals[:, 0])
    free = course.days - 1 - int(grave[-1]) if len(grave) else course.days
    week = [np.full(paths, came) for came in arrivals[-7:].sum(1)]
    return Standing(np.tile(np.array(course.open), (paths, 1)), np.full(paths, free), week)
