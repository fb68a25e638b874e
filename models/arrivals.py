"""How tickets will go on coming: every curve that fits the arrivals so far, each with its probability.

A day's mean is (total · share of the day + floor + spike · its share) · exposure of the day. The decay, the shape and the day of a second
spike lie on a grid; the three sizes are normal in their logarithm around the likeliest ones (Laplace's approximation). Counts are
over-dispersed: their likelihood is tempered by the dispersion (quasi-likelihood, Wedderburn 1974).
"""

from dataclasses import dataclass
from math import log

import numpy as np

from models.calendar import Calendar
from models.features import Flags, Ints
from models.growth import S_SHAPED_MARGIN, log_likelihood, settled, share_of_day
from models.prior import Prior
from models.rows import Floats

_DECAYS = np.geomspace(0.015, 0.5, 18)
_FIRST_SPIKE = 5
_MOST_SPIKES = 20
_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Curves:
    """A second spike begins on `start`, or never where that is -1. All are (curves,)."""

    decay: Floats
    s_shaped: Floats
    start: Ints

    def parts(self, days: Floats, spike_decay: float) -> Floats:
        """(3, curves, days): of the total, of the floor and of the spike, before exposure."""
        start = self.start[:, None]
        spike = np.where(start < 0, 0.0, surge(days - start, spike_decay))
        return np.stack([share_of_day(self.decay[:, None], days, self.s_shaped[:, None]), np.ones_like(spike), spike])

    def taken(self, which: Ints) -> "Curves":
        return Curves(self.decay[which], self.s_shaped[which], self.start[which])


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What is believed after `days` days. `sizes` (3, curves) are the likeliest, `root` (curves, 3, 3) is a Cholesky factor of their
    logarithms' covariance, `weight` (curves,) adds up to 1; a rest day has `weekend` of a working day's arrivals."""

    days: int
    curves: Curves
    sizes: Floats
    root: Floats
    weight: Floats
    weekend: float
    dispersion: float
    prior: Prior

    @property
    def best(self) -> int:
        return int(np.argmax(self.weight))

    def expected(self, ahead: Floats) -> float:
        """Tickets on coming days, `ahead` (days,) being their exposure; no spike but the one that may have begun."""
        parts = self.curves.parts(np.arange(float(len(ahead))) + self.days, self.prior.spike_decay)
        return float(self.weight @ (np.einsum("jk,jkd->kd", self.sizes, parts) @ ahead))

    def drawn(self, rng: np.random.Generator, paths: int, ahead: Floats) -> Floats:
        """Means of the coming days (paths, days): one curve for each path, and one more spike where it had none."""
        which = rng.choice(len(self.weight), paths, p=self.weight)
        curves = self.curves.taken(which)
        root = self.root[which]
        wide = np.einsum("kij,kj->ki", root, rng.standard_normal((paths, 3))) - (root**2).sum(2) / 2
        sizes = self.sizes[:, which] * np.exp(wide.T)
        days = np.arange(float(len(ahead))) + self.days
        usual = np.einsum("jk,jkd->kd", sizes, curves.parts(days, self.prior.spike_decay))
        return np.asarray((usual + self._second(rng, sizes[0], curves.start < 0, days)) * ahead)

    def _second(self, rng: np.random.Generator, total: Floats, calm: Flags, days: Floats) -> Floats:
        """The spike that nobody has planned, on a day that is as likely as any other, for paths that are `calm` so far."""
        start = self.days - 1 + rng.geometric(self.prior.spike_hazard, len(total))
        size = total * rng.gamma(self.prior.spike_shape, self.prior.spike_per / self.prior.spike_shape, len(total))
        none = np.zeros_like(total)
        spike = Curves(none, none, np.where(calm, start, -1)).parts(days, self.prior.spike_decay)[2]
        return np.asarray(size[:, None] * spike)


def surge(age: Floats, decay: float) -> Floats:
    """Which share of a spike's tickets comes on the day that is so many days after its first."""
    return np.where(age < 0, 0.0, np.exp(-decay * age.clip(0)) * -np.expm1(-decay))


def exposure(worked: Calendar, weekend: float) -> Floats:
    """How much of a working day's arrivals each day has."""
    return np.where(worked.stopped, 0.0, np.where(worked.rest, weekend, 1.0))


def weekend_of(counts: Floats, days: Calendar, prior: Prior) -> float:
    """Arrivals on rest days ÷ what the working days around them would give, drawn to the prior by so many tickets."""
    number = np.arange(len(counts))
    if not days.worked.any():
        return prior.weekend
    around = np.interp(number[days.rest], number[days.worked], counts[days.worked]).sum()
    return float((counts[days.rest].sum() + prior.weekend * prior.weekend_weight) / (around + prior.weekend_weight))


def learned(counts: Floats, days: Calendar, prior: Prior) -> Arrivals:
    """From arrivals per day (days,), all severities together, and the kind of each day."""
    weekend = weekend_of(counts, days, prior)
    curves, log_prior = _grid(len(counts), prior)
    parts = curves.parts(np.arange(float(len(counts))), prior.spike_decay) * exposure(days, weekend)
    shape, rate = _sizes_before(max(1.0, float(counts.sum())), prior)
    dispersion = prior.dispersion
    sizes = settled(parts / dispersion, counts / dispersion, shape, rate, _ROUNDS)
    means = np.maximum(np.einsum("jk,jkd->kd", sizes, parts), 1e-9)
    evidence = log_likelihood(means, counts) / dispersion
    dispersion = _dispersion(means[np.argmax(evidence + log_prior)], counts, prior)
    root, volume = _spread(sizes[:, :, None] * parts / means, counts / dispersion, shape)
    density = (shape * np.log(sizes) - rate * sizes).sum(0)
    score = log_likelihood(means, counts) / dispersion + density + volume + log_prior
    weight = np.exp(score - score.max())
    return Arrivals(len(counts), curves, sizes, root, weight / weight.sum(), weekend, dispersion, prior)


def _grid(days: int, prior: Prior) -> tuple[Curves, Floats]:
    """Every decay in both shapes without a spike, and with one on each of at most 20 days; and the logarithm of its prior probability."""
    starts = sorted({*np.linspace(_FIRST_SPIKE, days - 1, _MOST_SPIKES).astype(int).tolist()}) if days > _FIRST_SPIKE else []
    kinds = [(0.0, -1, days * np.log1p(-prior.spike_hazard)), (1.0, -1, -S_SHAPED_MARGIN)]
    gap = max(1.0, (days - _FIRST_SPIKE) / _MOST_SPIKES)
    kinds += [(0.0, start, log(prior.spike_hazard * gap)) for start in starts]
    s_shaped, start, believed = (np.repeat(column, len(_DECAYS)) for column in zip(*kinds, strict=True))
    decay = np.tile(_DECAYS, len(kinds))
    believed = believed - ((np.log(decay) - log(prior.decay)) / prior.decay_spread) ** 2 / 2
    return Curves(decay, s_shaped, start), np.asarray(believed)


def _sizes_before(tickets: float, prior: Prior) -> tuple[Floats, Floats]:
    """Shape and rate (3, 1) of the Gamma that total, floor and spike have before anything was seen."""
    floor = prior.floor if prior.floor is not None else prior.floor_per * tickets
    total = prior.total if prior.total is not None else prior.total_per * tickets
    shape = np.array([prior.total_shape, prior.floor_shape, prior.spike_shape])
    return shape[:, None], (shape / np.array([total, floor, prior.spike_per * tickets]))[:, None]


def _dispersion(means: Floats, counts: Floats, prior: Prior) -> float:
    """Pearson's χ² ÷ degrees of freedom, drawn to the prior, at least 1.05 so that the negative binomial exists."""
    pearson = float(((counts - means) ** 2 / np.maximum(means, 0.1)).sum())
    free = max(0, len(counts) - 3)
    return max(1.05, (pearson + prior.dispersion * prior.dispersion_weight) / (free + prior.dispersion_weight))


def _spread(share: Floats, counts: Floats, shape: Floats) -> tuple[Floats, Floats]:
    """Cholesky factors of the covariance of the sizes' logarithms, and the logarithm of the volume that each makes likely.

    `share` (parts, curves, days) of each day's mean is a part's. The second derivatives are exact, as expectation and maximisation have
    settled; the prior bounds them, so that no logarithm is wider than 1/√shape.
    """
    known = np.einsum("ikd,jkd,d->kij", share, share, counts) + np.diag(shape.ravel())
    root = np.linalg.cholesky(np.linalg.inv(known))
    return root, np.log(np.diagonal(root, axis1=1, axis2=2)).sum(-1)
