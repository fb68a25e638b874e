"""Do failures grow rarer: trend statistics, and growth curves fitted to failure times or to counts per day.

Times and counts are measured from the start of one phase. Nothing here knows of tickets.
"""

from collections.abc import Sequence
from math import log, sqrt
from typing import Literal, NamedTuple

import numpy as np

from models.rows import Floats

Shape = Literal["exponential", "s_shaped"]
IMPROVING = -1.645
"""Below this Laplace's U says that failures grow rarer, at 10 % two-sided."""
S_SHAPED_MARGIN = 2.0
"""How much likelier (natural logarithm) an S-shaped curve must be before it is preferred."""

_DECAYS = np.geomspace(1e-3, 1.2, 240)
_POWERS = np.linspace(0.05, 3.0, 5901)
_ROUNDS = 400


class PowerLaw(NamedTuple):
    """Crow-AMSAA: expected failures until t are `scale` · t^`power`; below 1 the power means growth of reliability."""

    power: float
    scale: float
    end: float

    def until(self, time: float) -> float:
        return float(self.scale * time**self.power)

    @property
    def intensity(self) -> float:
        """Failures per unit of time at the end."""
        return self.until(self.end) * self.power / self.end

    @property
    def mtbf(self) -> float:
        return 1 / self.intensity


class Growth(NamedTuple):
    """Expected counts until t: `total` · F(t) + `floor` · t, where F is 1 − e^(−bt) or, S-shaped, 1 − (1 + bt)e^(−bt), b being `decay`."""

    shape: Shape
    total: float
    decay: float
    floor: float
    likelihood: float

    def until(self, time: float) -> float:
        reached = 1 - np.exp(-self.decay * time) * (1 + self.decay * time * (self.shape == "s_shaped"))
        return float(self.total * reached + self.floor * time)


def laplace(times: Sequence[float], end: float) -> float:
    """Laplace's U of failure times in (0, end]: (mean − end/2) / (end · √(1/12N)). Standard normal without a trend (Cox and Lewis 1966)."""
    return (sum(times) / len(times) - end / 2) / (end * sqrt(1 / (12 * len(times))))


def laplace_of_counts(counts: Floats, exposure: Floats, dispersion: float = 1.0) -> float:
    """The same statistic for counts per day (days,), where a day without a trend would have its share of `exposure` (days,).

    The variance is widened by `dispersion`, the ratio of variance and mean of a day's count. Without counts it is 0.
    """
    share, days = exposure / max(exposure.sum(), 1e-9), np.arange(len(counts))
    middle = float(share @ days)
    spread = float(share @ (days - middle) ** 2)
    return float(counts @ (days - middle)) / sqrt(dispersion * spread * counts.sum()) if counts.sum() and spread else 0.0


def crow_amsaa(times: Sequence[float], end: float) -> PowerLaw:
    """Maximum likelihood for a test that ends at `end`: power = n / Σ ln(end/tᵢ), scale = n / end^power (Crow 1975; IEC 61164)."""
    power = len(times) / sum(log(end / time) for time in times)
    return PowerLaw(power, len(times) / end**power, end)


def crow_amsaa_of_counts(counts: Floats) -> PowerLaw:
    """The same for counts per interval of length 1, the power from a grid with steps of 0.0005."""
    ends = np.arange(len(counts) + 1.0)
    share = np.diff((ends / ends[-1]) ** _POWERS[:, None])
    power = float(_POWERS[np.argmax(np.log(share) @ counts)])
    return PowerLaw(power, float(counts.sum() / ends[-1] ** power), float(ends[-1]))


def share_of_day(decay: Floats, days: Floats, s_shaped: Floats) -> Floats:
    """The share of all that falls on [day, day + 1): Goel-Okumoto (1979) or, where `s_shaped` is 1, Yamada's S (1983). They broadcast."""
    begin, end = decay * days, decay * (days + 1)
    return np.maximum(np.exp(-begin) * (1 + s_shaped * begin) - np.exp(-end) * (1 + s_shaped * end), 0.0)


def settled(parts: Floats, counts: Floats, shape: Floats, rate: Floats, rounds: int = _ROUNDS) -> Floats:
    """Sizes (parts, curves) that make `counts` (days,) likeliest where a day's mean is Σ size · part and `parts` is (parts, curves, days).

    Each size has a Gamma prior for its logarithm, `shape` and `rate` (parts, 1); 0 and 0 is none. The problem is convex; expectation and
    maximisation in turn approach its only solution without a step size (Dempster, Laird and Rubin 1977).
    """
    exposed = parts.sum(-1) + rate
    sizes = np.broadcast_to(counts.sum() / len(parts) / np.maximum(parts.sum(-1), 1e-9), exposed.shape)
    for _ in range(rounds):
        means = np.einsum("jk,jkd->kd", sizes, parts)
        sizes = (sizes * np.einsum("jkd,kd->jk", parts, counts / np.maximum(means, 1e-12)) + shape) / np.maximum(exposed, 1e-12)
    return np.asarray(sizes)


def fit(counts: Floats, exposure: Floats | None = None, floor: bool = True) -> Growth:
    """The likeliest curve for counts per day (days,), the decay from a grid of 240 between 0.001 and 1.2 per day.

    `exposure` (days,) says how much of an ordinary day each day is (weekends, shutdowns). An S-shaped curve is chosen only where it is
    likelier by `S_SHAPED_MARGIN`.
    """
    days, exposed = np.arange(float(len(counts))), np.ones(len(counts)) if exposure is None else exposure
    decay, s_shaped = (grid.ravel() for grid in np.meshgrid(_DECAYS, [0.0, 1.0]))
    parts = np.stack([share_of_day(decay[:, None], days, s_shaped[:, None]), np.full((len(decay), len(days)), float(floor))]) * exposed
    sizes = settled(parts, counts, np.zeros((2, 1)), np.zeros((2, 1)))
    likelihood = log_likelihood(np.einsum("jk,jkd->kd", sizes, parts), counts)
    best = int(np.argmax(likelihood - S_SHAPED_MARGIN * s_shaped))
    shape: Shape = "s_shaped" if s_shaped[best] else "exponential"
    return Growth(shape, float(sizes[0, best]), float(decay[best]), float(sizes[1, best]), float(likelihood[best]))


def log_likelihood(means: Floats, counts: Floats) -> Floats:
    """Of Poisson counts (days,) under means (curves, days), without the part that no mean changes."""
    return np.asarray(np.log(np.maximum(means, 1e-12)) @ counts - means.sum(-1))
