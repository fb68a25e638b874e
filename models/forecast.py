"""When the exit criteria of a go-live will hold: two dates, or honestly none.

Arrivals follow the curves that fit so far (models/arrivals.py), closures the team's own days (models/throughput.py), and a thousand
paths say when the criteria are met (models/paths.py). Sources and limits: docs/forecast.md.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf
from typing import Literal, NamedTuple

import numpy as np

from models import reasons
from models.arrivals import Arrivals, exposure, learned, surge
from models.calendar import calendar
from models.course import HORIZON, Course, Exit
from models.growth import IMPROVING, Shape, laplace_of_counts
from models.paths import PATHS, Coming, Paths, lived, mix_of
from models.prior import prior_of
from models.rows import Floats
from models.standing import standing
from models.throughput import Throughput, throughput

State = Literal["date", "too_early", "never", "holds"]

STABLE = 0.10
LOOK_AHEAD = 28
TREND_DAYS = 28
LEAST_DAYS, LEAST_TICKETS = 7, 20
LEAST_DAYS_KNOWN, LEAST_TICKETS_KNOWN = 3, 10


class Fitted(NamedTuple):
    """The most probable curve: arrivals per working day are total · share of the day + floor; a rest day has `weekend` of them."""

    shape: Shape
    total: float
    decay: float
    floor: float
    weekend: float
    dispersion: float


class FanDay(NamedTuple):
    """Open tickets that the exit counts, at the end of a day since go-live."""

    day: int
    p15: float
    median: float
    p85: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """`p50` and `p85` are days after `today`, the last whole day of the course; none where `state` gives no date, or where it lies beyond
    the horizon. `remaining` are the tickets expected in the next 28 days, `trend` is Laplace's U, `moved` by how much the fit changed in a
    day (a share), `unreached` the share of paths that do not get there within 180 days."""

    state: State
    reason: str
    today: int
    p50: int | None = None
    p85: int | None = None
    fitted: Fitted | None = None
    remaining: float | None = None
    trend: float | None = None
    moved: float | None = None
    unreached: float | None = None
    fan: tuple[FanDay, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fit:
    """The arrivals as learned today, with the trend, the change since yesterday, and the exposure of the days ahead."""

    counts: Floats
    arrivals: Arrivals
    trend: float
    moved: float
    ahead: Floats

    @property
    def fitted(self) -> Fitted:
        best, of = self.arrivals.best, self.arrivals
        total, floor, _ = (float(size) for size in of.sizes[:, best])
        shape: Shape = "s_shaped" if of.curves.s_shaped[best] else "exponential"
        return Fitted(shape, total, float(of.curves.decay[best]), floor, of.weekend, of.dispersion)

    def coming(self, days: int) -> float:
        return self.arrivals.expected(self.ahead[:days])


_USUAL = Exit()


def forecast(course: Course, criteria: Exit = _USUAL, paths: int = PATHS) -> Forecast:
    """The same course and exit give the same forecast bit for bit (with the same NumPy): the random numbers begin from their digest."""
    today = course.days - 1
    if not standing(course).unmet(criteria).any():
        return Forecast("holds", reasons.holding(), today, 0, 0, unreached=0.0)
    if few := _too_few(course):
        return Forecast("too_early", few, today)
    fit = _fit(course)
    early, remaining = _not_yet(course, criteria, fit), fit.coming(LOOK_AHEAD)
    known = Forecast("too_early", early, today, fitted=fit.fitted, remaining=remaining, trend=fit.trend, moved=fit.moved)
    return known if known.reason else _dated(known, course, criteria, fit, paths)


def _too_few(course: Course) -> str:
    days, tickets = (LEAST_DAYS_KNOWN, LEAST_TICKETS_KNOWN) if course.earlier else (LEAST_DAYS, LEAST_TICKETS)
    came = int(np.array(course.arrivals).sum())
    enough = course.days >= days and (came >= tickets or course.days >= TREND_DAYS)
    return "" if enough else reasons.too_few(came, course.days, tickets, days)


def _fit(course: Course) -> _Fit:
    counts, days, now = np.array(course.arrivals, float).sum(1), calendar(course, course.days + HORIZON), course.days
    prior = prior_of(course.earlier)
    today, before = (learned(counts[:end], days.between(0, end), prior) for end in (now, now - 1))
    exposed = exposure(days, today.weekend)
    total = counts.sum() + today.expected(exposed[now : now + LOOK_AHEAD])
    total_before = counts[:-1].sum() + before.expected(exposure(days, before.weekend)[now - 1 : now + LOOK_AHEAD])
    trend = laplace_of_counts(counts, exposed[:now], today.dispersion)
    return _Fit(counts, today, trend, abs(total / total_before - 1), exposed[now:])


def _not_yet(course: Course, criteria: Exit, fit: _Fit) -> str:
    """Why no date is given yet; empty where one may be. Earlier waves have shown the fall already, so only a rise speaks against it."""
    calm = fit.counts[-7:].mean() <= criteria.most_arrivals < inf
    known = bool(course.earlier)
    if not calm and course.days < TREND_DAYS and fit.trend >= (-IMPROVING if known else IMPROVING):
        return reasons.not_falling(fit.trend, known)
    return reasons.moving(fit.moved, STABLE) if fit.moved >= STABLE else ""


def _dated(known: Forecast, course: Course, criteria: Exit, fit: _Fit, paths: int) -> Forecast:
    work, rng = throughput(course, fit.arrivals.prior), np.random.default_rng(_seed(course, criteria))
    lives = lived(course, criteria, _coming(course, fit, work, rng, paths), rng)
    told = replace(known, unreached=lives.unreached, fan=_fan(known.today, lives))
    p50, p85 = lives.percentile(0.5), lives.percentile(0.85)
    if p50 is None:
        return replace(told, state="never", reason=_outlook(course, criteria, fit, work).never(lives.unreached, lives.unmet, criteria))
    return replace(told, state="date", reason=reasons.dated(p50, p85), p50=p50, p85=p85)


def _seed(course: Course, criteria: Exit) -> int:
    told = repr((replace(course, rest=frozenset()), sorted(course.rest), criteria))
    return int.from_bytes(sha256(told.encode()).digest()[:16])


def _coming(course: Course, fit: _Fit, work: Throughput, rng: np.random.Generator, paths: int) -> Coming:
    ahead, prior = calendar(course, course.days + HORIZON).between(course.days, course.days + HORIZON), fit.arrivals.prior
    means = fit.arrivals.drawn(rng, paths, fit.ahead) + planned(course, prior.spike_decay) * ~ahead.stopped
    mix = mix_of(course, prior, rng, paths)
    return Coming(means, work.drawn(rng, paths, ahead), work.reopening, fit.arrivals.dispersion, mix)


def planned(course: Course, decay: float) -> Floats:
    """Tickets that planned scope events ahead will bring on each day to the horizon (days,), each event's decaying from its first day."""
    days = np.arange(course.days, course.days + HORIZON)[:, None]
    events = [event for event in course.events if event.kind == "scope" and event.day >= course.days]
    age = days - np.array([event.day for event in events], float)
    size = np.array([event.tickets for event in events], float)
    return np.asarray((surge(age, decay) * size).sum(1))


def _outlook(course: Course, criteria: Exit, fit: _Fit, work: Throughput) -> reasons.Outlook:
    seen = np.array(course.arrivals).sum(0) + np.array(fit.arrivals.prior.mix)
    mix, waiting = seen / seen.sum(), sum(course.open[: criteria.counted])
    level = fit.arrivals.expected(fit.ahead) - fit.arrivals.expected(fit.ahead[:-7])
    work_left = max(0.0, waiting - min(criteria.most_open, waiting)) + float(mix[: criteria.counted].sum()) * fit.coming(reasons.REACHABLE)
    needed = work_left / reasons.REACHABLE * 7
    return reasons.Outlook(work.per_week() * (1 - work.reopening), needed, level, level * float(mix[0]))


def _fan(today: int, lives: Paths) -> tuple[FanDay, ...]:
    return tuple(FanDay(today + day, *map(float, row)) for day, row in enumerate(lives.open))
