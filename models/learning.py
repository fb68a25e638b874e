"""Would more tickets help: the way of training, measured when it has a part of them to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.calibration import Costs
from models.evaluate import Line, assess
from models.examples import Example
from models.features import Flags
from models.rows import Floats
from models.train import Course, Watch, fit

PARTS = (0.1, 0.25, 0.5, 1.0)
_GROUPS = 4
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Lesson:
    """`part` of what could be learned from, on average `tickets` tickets and practice tickets, and the shares that came of it."""

    part: float
    tickets: int
    line: Line


def portion(count: int, part: float) -> Flags:
    """(count,) flags of an evenly spread part (Weyl 1916): the same at every call, and a greater part holds every smaller one."""
    return np.asarray(np.arange(count) * _GOLDEN % 1 < part)


def _groups(writers: Sequence[str]) -> list[list[str]]:
    names = sorted(set(writers))
    return [names[first::_GROUPS] for first in range(min(_GROUPS, len(names)))]


@dataclass(frozen=True, slots=True)
class _Try:
    """Learning from the `chosen` measured tickets and from `practice`, to be asked about those `left_out`."""

    part: float
    name: str
    left_out: Flags
    chosen: Flags
    practice: Flags

    def teaches(self, course: Course) -> bool:
        """Is there something to tell apart: two values at least of every label."""
        pairs = [(getattr(course.measured, name), getattr(course.practice, name)) for name in ("system", "severe", "gxp", "kind")]
        labels = [np.concatenate([measured[self.chosen], practice[self.practice]]) for measured, practice in pairs]
        return all(len(np.unique(column)) > 1 for label in labels for column in np.atleast_2d(label.T))

    def scores(self, course: Course) -> Floats:
        learned = fit(replace(course, practice=course.practice.rows(self.practice)), self.chosen)
        return learned.scores(course.measured.rows(self.left_out), course.columns)

    @property
    def tickets(self) -> int:
        return int(self.chosen.sum() + self.practice.sum())


def _tries(course: Course, part: float) -> list[_Try]:
    """One for each group of writers, or none where a group would leave too little to learn from."""
    writer = course.measured.writer
    measured, practice = portion(len(writer), part), portion(len(course.practice.system), part)
    groups = [(group, np.isin(writer, group)) for group in _groups(writer.tolist())]
    tries = [_Try(part, f"{part:.0%} without {' '.join(group)}", own, measured & ~own, practice) for group, own in groups]
    return tries if all(each.teaches(course) for each in tries) else []


def learning_curve(examples: Sequence[Example], course: Course, costs: Costs, watch: Watch = iter) -> tuple[Lesson, ...]:
    """Writers are left out in four groups, not one by one, for time: the last point has learned from fewer tickets than a whole report.

    A part that is too small to learn from is left out.
    """
    tries = {part: found for part in PARTS if (found := _tries(course, part))}
    scores = {part: np.zeros((len(examples), course.columns.count)) for part in tries}
    steps = [each for found in tries.values() for each in found]
    for _, step in zip(watch([step.name for step in steps]), steps, strict=True):
        scores[step.part][step.left_out] = step.scores(course)
    reports = {part: assess(examples, course, scores[part], costs).overall for part in tries}
    return tuple(Lesson(part, round(float(np.mean([each.tickets for each in found]))), reports[part]) for part, found in tries.items())
