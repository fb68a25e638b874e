"""A thousand ways in which a go-live may go on, day by day, and on which day each of them first meets the exit criteria."""

from dataclasses import dataclass

import numpy as np

from models.course import HORIZON, Course, Exit
from models.features import Ints
from models.prior import Prior
from models.rows import Floats
from models.standing import Standing, standing

PATHS = 1000
_LAST_WEEKS = 28
_DRAWN = 0.9


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
    """`reached` (paths,) are days from today, -1 where the horizon comes first; `open` (days, 3) are the 15th, 50th and 85th percentile of
    what the exit counts as open, up to the day by which nine of ten paths have reached it; `unmet` (4,) is the share of the last four
    weeks' days on which each criterion fails, over the paths that still live."""

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
    """Lives every path until it reaches the exit, at most as many days as are drawn. Those that reach it live on while the fan is drawn."""
    now, alive = standing(course, len(coming.means)), np.arange(len(coming.means))
    reached = np.full(len(alive), -1)
    fan, failing = [_fan(now, criteria)], list[Floats]()
    for day in range(1, coming.means.shape[1] + 1):
        _live(now, alive, day - 1, coming, rng)
        unmet = now.unmet(criteria)
        reached[alive] = np.where((reached[alive] < 0) & ~unmet.any(0), day, reached[alive])
        left = reached[alive] < 0
        failing = [*failing[1 - _LAST_WEEKS :], (unmet & left).sum(1) / max(1, left.sum())]
        if left.sum() > (1 - _DRAWN) * len(reached):
            fan.append(_fan(now, criteria))
        elif (alive := now.kept(left, alive)).size == 0:
            break
    return Paths(reached, np.array(fan), np.mean(failing, axis=0))


def _live(now: Standing, alive: Ints, day: int, coming: Coming, rng: np.random.Generator) -> None:
    means, closable, spread = coming.means[alive, day], coming.closable[alive, day], coming.dispersion - 1
    varied = rng.standard_gamma(np.maximum(means, 1e-9) / spread) * spread
    came = rng.poisson(varied[:, None] * coming.mix[alive])
    now.pass_day(came, closable - rng.binomial(closable, coming.reopening))


def _fan(now: Standing, criteria: Exit) -> Floats:
    return np.asarray(np.percentile(now.open[:, : criteria.counted].sum(1), (15, 50, 85)))
