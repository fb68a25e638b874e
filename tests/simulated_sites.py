"""Simulated sites after their go-live, half-hour by half-hour: what came, what left, what is open, and what was planned.

A site has, drawn anew for each seed: 180 to 420 problems that are found at a rate decaying with b (log-normal, median 0.09 a day,
sigma 0.3) on top of a floor of 1 to 2.5 tickets a day. A day's count is negative binomial with a variance of 1 to 2 times its mean;
Saturdays and Sundays have 0.3 to 0.6 of a working day's arrivals, and the week as a whole is normal. From 06:00 to 22:00 three times as
much comes in an hour as at night. The team ends Poisson(capacity) tickets on a working day, capacity being 9 to 15, half of it on a
Saturday or Sunday, from 08:00 to 18:00; 4 % are reopened a day later. The go-live is at midnight on a day from Monday to Friday.

The plan is `Rates` from a rough prior of the site: problems, decay, floor and capacity (over the whole week) as they are, each wrong by
a log-normal factor of sigma `PRIOR`. It knows no weekends. Nobody planned the disturbances, which begin on a day from 7 to 21: a spike of
60 to 120 tickets that decays with 0.2 to 0.6 a day, or half the capacity gone for good.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.golives import Rates
from services.stabilisation.plan import planned

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAYS = 38
PER_DAY = 48
STEPS = DAYS * PER_DAY
STEP_S = 86_400 // PER_DAY
PRIOR = {"problems": 0.2, "decay": 0.15, "floor": 0.3, "capacity": 0.1}
WEEKEND_CAPACITY = 0.5
WHOLE_WEEK = (5 + 2 * WEEKEND_CAPACITY) / 7
REOPENED = 0.04
EARLIEST, LATEST = 7, 21
HOURS = np.arange(PER_DAY) * 24 / PER_DAY
COMES = np.where((HOURS >= 6) & (HOURS < 22), 3.0, 1.0)
WORKS = ((HOURS >= 8) & (HOURS < 18)).astype(float)


class Site(NamedTuple):
    """From day `disturbed` on `spike` tickets more come, decaying with `spike_decay`, and of `capacity` the part `remaining` is left."""

    seed: int
    problems: float
    decay: float
    floor: float
    dispersion: float
    weekend: float
    capacity: float
    weekday: int
    plan: Rates
    disturbed: float
    spike: float = 0.0
    spike_decay: float = 0.4
    remaining: float = 1.0

    def rests(self) -> npt.NDArray[np.bool_]:
        """(days,): Saturdays and Sundays."""
        return (self.weekday + np.arange(DAYS)) % 7 >= 5


class Course(NamedTuple):
    """What happened in each half-hour, and what is open and planned at its end: (steps,) each. `ended` left the open count."""

    site: Site
    arrivals: Ints
    ended: Ints
    open: Ints
    planned: Floats


def site(seed: int) -> Site:
    rng = np.random.default_rng([seed, 0])
    problems, decay, floor = rng.uniform(180, 420), 0.09 * np.exp(rng.normal(0, 0.3)), rng.uniform(1, 2.5)
    capacity = rng.uniform(9, 15)
    known = {"problems": problems, "decay": decay, "floor": floor, "capacity": capacity * WHOLE_WEEK}
    plan = Rates(**{name: float(value * np.exp(rng.normal(0, PRIOR[name]))) for name, value in known.items()})
    rest = (rng.uniform(1, 2), rng.uniform(0.3, 0.6), capacity, int(rng.integers(0, 5)), plan, float(rng.uniform(EARLIEST, LATEST)))
    return Site(seed, problems, float(decay), floor, *rest)


def worse_planned(of: Site) -> Site:
    """The same site, and what the plan took for its figures twice as wrong, as factors."""
    true = {"problems": of.problems, "decay": of.decay, "floor": of.floor, "capacity": of.capacity * WHOLE_WEEK}
    return of._replace(plan=Rates(**{name: getattr(of.plan, name) ** 2 / value for name, value in true.items()}))


def spiked(of: Site) -> Site:
    rng = np.random.default_rng([of.seed, 1])
    return of._replace(spike=rng.uniform(60, 120), spike_decay=rng.uniform(0.2, 0.6))


def halved(of: Site) -> Site:
    return of._replace(remaining=0.5)


def happened(of: Site) -> Course:
    """The same site always has the same course, and without a disturbance it is the same up to it."""
    arrivals = _usual(of) + _spike(of)
    able = _able(of)
    back = np.random.default_rng([of.seed, 4])
    ended, returning = np.zeros(STEPS, np.int64), np.zeros(STEPS + PER_DAY, np.int64)
    level, levels = 0, np.zeros(STEPS, np.int64)
    for step in range(STEPS):
        there = level + arrivals[step] + returning[step]
        ended[step] = min(there, able[step])
        returning[step + PER_DAY] = back.binomial(ended[step], REOPENED)
        level = levels[step] = there - ended[step]
    days = (np.arange(STEPS) + 1) / PER_DAY
    return Course(of, arrivals, ended, levels, np.array([planned(of.plan, day) for day in days]))


def _usual(of: Site) -> Ints:
    rng, days = np.random.default_rng([of.seed, 2]), np.arange(DAYS)
    factor = np.where(of.rests(), of.weekend, 1.0) * 7 / (5 + 2 * of.weekend)
    mean = (of.problems * np.exp(-of.decay * days) * -np.expm1(-of.decay) + of.floor) * factor
    if of.dispersion > 1:
        mean = rng.gamma(mean / (of.dispersion - 1), of.dispersion - 1)
    return rng.multinomial(rng.poisson(mean), COMES / COMES.sum()).ravel()


def _spike(of: Site) -> Ints:
    days = np.arange(STEPS + 1) / PER_DAY
    found = of.spike * -np.expm1(-of.spike_decay * np.maximum(days - of.disturbed, 0))
    return np.random.default_rng([of.seed, 3]).poisson(np.diff(found))


def _able(of: Site) -> Ints:
    """What the team can end: halving thins the same random numbers, so that nothing changes before."""
    rng, share = np.random.default_rng([of.seed, 5]), WORKS / WORKS.sum()
    capacity = (np.where(of.rests(), WEEKEND_CAPACITY, 1.0)[:, None] * of.capacity * share).ravel()
    able = rng.poisson(capacity)
    thinned = np.random.default_rng([of.seed, 6]).binomial(able, of.remaining)
    left: Ints = np.where(np.arange(STEPS) / PER_DAY >= of.disturbed, thinned, able)
    return left
