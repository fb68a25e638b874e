"""When the exit criteria of a go-live will hold: two dates, or honestly none.

Arrivals follow the curves that fit so far (models/arrivals.py), closures the team's own days (models/throughput.py), and a thousand
paths say when the criteria are met (models/paths.py). Sources and limits: docs/forecast.md.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf
from typing import Literal, NamedTuple

import numpy as np

from models.arrivals import Arrivals, exposure, learned
from models.calendar import Calendar, calendar
from models.course import Course, Exit
from models.growth import IMPROVING, Shape, laplace_of_counts
from models.paths import HORIZON, PATHS, Coming, Paths, lived, mix_of
from models.prior import prior_of
from models.rows import Floats
from models.standing import CRITERIA, standing
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
        return Forecast("holds", "All exit criteria hold today.", today, 0, 0, unreached=0.0)
    if few := _too_few(course):
        return Forecast("too_early", few, today)
    fit = _fit(course)
    known = Forecast("too_early", "", today, None, None, fit.fitted, fit.coming(LOOK_AHEAD), fit.trend, fit.moved)
    if early := _not_yet(course, criteria, fit):
        return replace(known, reason=early)
    prior, rng = prior_of(course.earlier), np.random.default_rng(_seed(course, criteria))
    work = throughput(course, prior)
    return _told(known, lived(course, criteria, _coming(course, fit, work, rng, paths), rng), _Why(course, criteria, fit, work))


def _too_few(course: Course) -> str:
    days, tickets = (LEAST_DAYS_KNOWN, LEAST_TICKETS_KNOWN) if course.earlier else (LEAST_DAYS, LEAST_TICKETS)
    came = int(np.array(course.arrivals).sum())
    if course.days >= days and came >= tickets:
        return ""
    return f"Too early: {came} tickets in {course.days} days say too little; a date needs {tickets} tickets and {days} whole days."


def _fit(course: Course) -> _Fit:
    counts, days = np.array(course.arrivals, float).sum(1), calendar(course, course.days + HORIZON)
    prior, now = prior_of(course.earlier), course.days
    today, before = (learned(counts[:end], _until(days, end), prior) for end in (now, now - 1))
    exposed, exposed_before = exposure(days, today.weekend), exposure(days, before.weekend)
    total = counts.sum() + today.expected(exposed[now : now + LOOK_AHEAD])
    total_before = counts[:-1].sum() + before.expected(exposed_before[now - 1 : now + LOOK_AHEAD])
    trend = laplace_of_counts(counts, exposed[:now], today.dispersion)
    return _Fit(counts, today, trend, abs(total / total_before - 1), exposed[now:])


def _until(days: Calendar, end: int) -> Calendar:
    return Calendar(days.rest[:end], days.stopped[:end])


def _not_yet(course: Course, criteria: Exit, fit: _Fit) -> str:
    """Why no date is given yet; empty where one may be. Earlier waves have shown the fall already, so only a rise speaks against it."""
    calm = fit.counts[-7:].mean() <= criteria.most_arrivals < inf
    limit = -IMPROVING if course.earlier else IMPROVING
    if not calm and course.days < TREND_DAYS and fit.trend >= limit:
        return f"Too early: new tickets do not grow fewer for sure (Laplace U = {fit.trend:.2f}, a date needs less than {limit})."
    if fit.moved >= STABLE:
        return f"Too early: the expected number of tickets moved by {fit.moved:.0%} since yesterday, a date needs less than {STABLE:.0%}."
    return ""


def _coming(course: Course, fit: _Fit, work: Throughput, rng: np.random.Generator, paths: int) -> Coming:
    ahead = calendar(course, course.days + HORIZON)
    ahead = Calendar(ahead.rest[course.days :], ahead.stopped[course.days :])
    prior = fit.arrivals.prior
    means = fit.arrivals.drawn(rng, paths, fit.ahead) + planned(course, prior.spike_decay) * (fit.ahead > 0)
    mix = mix_of(course, prior, rng, paths)
    return Coming(means, work.drawn(rng, paths, ahead), work.reopening, fit.arrivals.dispersion, mix)


def planned(course: Course, decay: float) -> Floats:
    """Tickets that planned scope events ahead will bring on each day to the horizon (days,), each event's decaying from its first day."""
    days = np.arange(course.days, course.days + HORIZON)[:, None]
    events = [event for event in course.events if event.kind == "scope" and event.day >= course.days]
    age = days - np.array([event.day for event in events], float)
    size = np.array([event.tickets for event in events], float)
    return np.asarray((np.where(age < 0, 0.0, np.exp(-decay * age.clip(0)) * -np.expm1(-decay)) * size).sum(1))


def _seed(course: Course, criteria: Exit) -> int:
    told = repr((replace(course, rest=frozenset()), sorted(course.rest), criteria))
    return int.from_bytes(sha256(told.encode()).digest()[:16])


@dataclass(frozen=True, slots=True)
class _Why:
    """What a sentence for people is made of."""

    course: Course
    criteria: Exit
    fit: _Fit
    work: Throughput

    def dated(self, paths: Paths) -> str:
        p50, p85 = paths.percentile(0.5), paths.percentile(0.85)
        late = f"with 85 % in {p85} days" if p85 is not None else f"15 % or more of the paths take longer than {HORIZON} days"
        return f"The exit criteria are expected to hold in {p50} days, {late}."

    def never(self, paths: Paths) -> str:
        begun = f"At today's staffing {paths.unreached:.0%} of the paths do not meet the exit criteria within {HORIZON} days: "
        return begun + getattr(self, "_" + CRITERIA[int(np.argmax(paths.unmet))])()


def _told(known: Forecast, paths: Paths, why: _Why) -> Forecast:
    if paths.unreached > 0.5:
        return replace(known, state="never", reason=why.never(paths), unreached=paths.unreached, fan=_fan(known, paths))
    p50, p85 = paths.percentile(0.5), paths.percentile(0.85)
    dated = replace(known, state="date", reason=why.dated(paths), p50=p50, p85=p85)
    return replace(dated, unreached=paths.unreached, fan=_fan(known, paths))


def _fan(known: Forecast, paths: Paths) -> tuple[FanDay, ...]:
    return tuple(FanDay(known.today + day, *map(float, row)) for day, row in enumerate(paths.open))
