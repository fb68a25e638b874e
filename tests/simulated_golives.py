"""Simulated hypercares of one site each, with what really happened: the forecast and the alerts are judged on them.

A site has, drawn anew for each seed: 180 to 420 defects that are found at a rate decaying with b (log-normal, median 0.09 a day, sigma 0.3)
on top of a floor of 1 to 2.5 tickets a day; a day's count is negative binomial with a variance of 1 to 2 times its mean; Saturdays and
Sundays have 0.3 to 0.6 of a working day's arrivals, and the week as a whole is normal; 35 % of the sites have a second spike of 60 to 120
tickets that begins on a day from 8 to 40 and decays with 0.2 to 0.6 a day. Severities: 3 % Sev1, 12 % Sev2, 45 % Sev3, 40 % Sev4.
The team closes Poisson(capacity) on a working day, capacity being 9 to 15, and 0.4 of it on a Saturday or Sunday, the gravest first; each
closed ticket is reopened the next day with 4 %. Go-live is on any day from Monday to Friday. A course has 240 days.

Exit in the study is the first day after whose end 5 days were free of Sev1, Sev2 ≤ 3, open ≤ 25 (all severities), and A7 ≤ 5.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.course import Counts, Course, Exit

DAYS = 240
DECAY = 0.09
MIX = (0.03, 0.12, 0.45, 0.40)
STUDY_EXIT = Exit(sev1_free_days=5, most_sev2=3, most_open=25, most_arrivals=5.0, counted=4)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Spike(NamedTuple):
    day: int
    tickets: float
    decay: float


@dataclass(frozen=True)
class Site:
    """What a site is like; `halved_from` is the day from which its capacity is halved. The same site always has the same course."""

    seed: int
    defects: float
    decay: float
    floor: float
    dispersion: float
    weekend: float
    capacity: float
    weekday: int
    spikes: tuple[Spike, ...] = ()
    halved_from: int | None = None
    weekend_capacity: float = 0.4
    reopening: float = 0.04
    mix: tuple[float, float, float, float] = MIX

    def rests(self) -> npt.NDArray[np.bool_]:
        """(days,): Saturdays and Sundays."""
        return (self.weekday + np.arange(DAYS)) % 7 >= 5


class GoLive(NamedTuple):
    """What happened: arrivals, closed, reopened and, at the end of each day, open: (days, 4); the team's capacity: (days,)."""

    site: Site
    arrivals: Ints
    closed: Ints
    reopened: Ints
    open: Ints
    capacity: Floats

    def course(self, days: int) -> Course:
        """What is known when so many days are over."""
        arrivals, closed, reopened = (rows(part[:days]) for part in (self.arrivals, self.closed, self.reopened))
        return Course(arrivals, closed, reopened, rows(self.open[days - 1 : days])[0], self.site.weekday)

    def exit_day(self, criteria: Exit = STUDY_EXIT) -> int | None:
        """The first day after whose end the criteria hold: counted by hand, day after day."""
        return next((day for day in range(DAYS) if self._holds(day, criteria)), None)

    def _holds(self, day: int, criteria: Exit) -> bool:
        free, week = criteria.sev1_free_days, self.arrivals[max(0, day - 6) : day + 1]
        sev1 = self.open[day, 0] > 0 or day + 1 < free or (free and self.arrivals[day + 1 - free : day + 1, 0].any())
        grave = self.open[day, 1] > criteria.most_sev2 or self.open[day, : criteria.counted].sum() > criteria.most_open
        return not (sev1 or grave or week.sum() / len(week) > criteria.most_arrivals)


def rows(part: Ints) -> tuple[Counts, ...]:
    return tuple((a, b, c, d) for a, b, c, d in part.tolist())


def site(seed: int, decay: float = DECAY) -> Site:
    """A site drawn from the ranges of the module's docstring, or with another median decay."""
    rng = np.random.default_rng([seed, 0])
    drawn = Site(
        seed=seed,
        defects=rng.uniform(180, 420),
        decay=decay * np.exp(rng.normal(0, 0.3)),
        floor=rng.uniform(1, 2.5),
        dispersion=rng.uniform(1, 2),
        weekend=rng.uniform(0.3, 0.6),
        capacity=rng.uniform(9, 15),
        weekday=int(rng.integers(0, 5)),
    )
    second = rng.random() < 0.35
    return with_spike(drawn, int(rng.integers(8, 41)), rng.uniform(60, 120), rng.uniform(0.2, 0.6)) if second else drawn


def with_spike(of: Site, day: int, tickets: float, decay: float = 0.35) -> Site:
    """The same site with so many tickets more, from that day on. What came without them comes as before."""
    return replace(of, spikes=(*of.spikes, Spike(day, tickets, decay)))


def with_half_the_capacity(of: Site, day: int) -> Site:
    return replace(of, halved_from=day)


def happened(of: Site) -> GoLive:
    """Lives the site's 240 days."""
    arrivals = _arrivals(of)
    capacity = _capacity(of)
    closable = np.random.default_rng([of.seed, 1]).poisson(capacity)
    rng = np.random.default_rng([of.seed, 2])
    waiting, back = np.zeros(4, np.int64), np.zeros(4, np.int64)
    days = []
    for came, can in zip(arrivals, closable, strict=True):
        there = waiting + came + back
        done = np.diff(np.minimum(np.cumsum(there), can), prepend=0)
        waiting, reopened, back = there - done, back, rng.binomial(done, of.reopening)
        days.append((done, reopened, waiting))
    closed, reopened, left = (np.array(part) for part in zip(*days, strict=True))
    return GoLive(of, arrivals, closed, reopened, left, capacity)


def golive(seed: int, decay: float = DECAY) -> GoLive:
    return happened(site(seed, decay))


def _capacity(of: Site) -> Floats:
    halved = np.arange(DAYS) >= (DAYS if of.halved_from is None else of.halved_from)
    return np.where(of.rests(), of.weekend_capacity, 1.0) * np.where(halved, 0.5, 1.0) * of.capacity


def _arrivals(of: Site) -> Ints:
    """(days, 4); every spike has random numbers of its own, so that adding one leaves the others' tickets alone."""
    days, factor = np.arange(DAYS), np.where(of.rests(), of.weekend, 1.0) * 7 / (5 + 2 * of.weekend)
    usual = (of.defects * np.exp(-of.decay * days) * -np.expm1(-of.decay) + of.floor) * factor
    counts = _counts(of, usual, 3)
    for place, spike in enumerate(of.spikes):
        age = days - spike.day
        counts = counts + _counts(of, np.where(age < 0, 0, spike.tickets * np.exp(-spike.decay * age) * -np.expm1(-spike.decay)), 4 + place)
    return counts


def _counts(of: Site, means: Floats, stream: int) -> Ints:
    rng, spread = np.random.default_rng([of.seed, stream]), of.dispersion - 1
    varied = rng.gamma(np.maximum(means, 1e-9) / spread) * spread
    return np.asarray(rng.poisson(varied[:, None] * np.array(of.mix)))
