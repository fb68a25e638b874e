"""A thousand ways in which a go-live may go on, day by day, and on which day each of them first meets the exit criteria."""

from dataclasses import dataclass

import numpy as np

from models.course import HORIZON, Course, Exit
from models.features import Flags, Ints
from models.prior import Prior
from models.rows import Floats
from models.standing import Standing, standing

PATHS = 1000
_LAST_WEEKS = 28


@dataclass(frozen=True, slots=True)
class Coming:
    """What is drawn before the first day is lived: means of arrivals and what the team can close, (paths, days); `reopening` is a share."""

    means: Floats
    closable: Ints
    reopening: float
    dispersion: float
    mix: Floats


@dataclass(frozen=True, slots=True)
class Paths:
    """`reached` (paths,) are days from today, -1 where the horizon comes first; `open` (days lived, 3) are the 15th, 50th and 85th
    percentile of what the exit counts as open; `unmet` (4,) is the share of the last four weeks' days on which each criterion fails,
    over paths that never reach."""

    reached: Ints
    open: Floats
    unmet: Floats

    @property
    def unreached(self) -> float:
        return float((self.reached < 0).mean())

    def percentile(self, share: float) -> int | None:
        """The day by which so many of all paths have reached it; none where the horizon comes first."""
        days = np.sort(np.where(self.reached < 0, HORIZON + 1, self.reached))
        day = int(days[int(np.ceil(share * len(days))) - 1])
        return day if day <= HORIZON else None


def mix_of(course: Course, prior: Prior, rng: np.random.Generator, paths: int) -> Floats:
    """Shares of the severities (paths, 4): Dirichlet, the course's own counts drawn to the prior by so many tickets."""
    seen = np.array(course.arrivals).sum(0)
    return rng.dirichlet(seen + np.array(prior.mix) * prior.mix_weight, paths)


def lived(course: Course, criteria: Exit, coming: Coming, rng: np.random.Generator) -> Paths:
    """Lives every path until all have reached the exit, at most as many days as are drawn."""
    now = standing(course, len(coming.means))
    reached = np.full(len(coming.means), -1)
    fan, failing = [_fan(now, criteria)], list[Flags]()
    for day, (means, closable) in enumerate(zip(coming.means.T, coming.closable.T, strict=True), 1):
        _live(now, means, closable, coming, rng)
        unmet = now.unmet(criteria)
        reached = np.where((reached < 0) & ~unmet.any(0), day, reached)
        fan.append(_fan(now, criteria))
        failing = [*failing[1 - _LAST_WEEKS :], unmet]
        if (reached > 0).all():
            break
    return Paths(reached, np.array(fan), _failing(failing, reached < 0))


def _live(now: Standing, means: Floats, closable: Ints, coming: Coming, rng: np.random.Generator) -> None:
    spread = coming.dispersion - 1
    varied = rng.standard_gamma(np.maximum(means, 1e-9) / spread) * spread
    came = rng.poisson(varied[:, None] * coming.mix)
    now.pass_day(came, closable - rng.binomial(closable, coming.reopening))


def _fan(now: Standing, criteria: Exit) -> Floats:
    return np.asarray(np.percentile(now.open[:, : criteria.counted].sum(1), (15, 50, 85)))


def _failing(days: list[Flags], never: Flags) -> Floats:
    return np.array([unmet[:, never].mean(1) for unmet in days]).mean(0) if never.any() else np.zeros(4)
