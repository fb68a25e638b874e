"""Shares of a number of tickets, and how far the truth may lie from them."""

from math import sqrt
from statistics import NormalDist
from typing import Annotated

from pydantic import Field

from models.calibration import Share
from models.manifest import Part

_Z = NormalDist().inv_cdf(0.975)


class Proportion(Part):
    """A share of `of` tickets between the ends of its 95 % interval. Of no tickets nothing is known: the interval is 0 to 1."""

    share: Share
    low: Share
    high: Share
    of: Annotated[int, Field(ge=0)]

    def __str__(self) -> str:
        return f"{self.share:.3f} ({self.low:.2f}–{self.high:.2f})" if self.of else "–"


def wilson(share: float, of: int) -> tuple[float, float]:
    """The score interval (Wilson 1927): the shares from which the one seen is less than 1.96 standard errors away.

    It takes tickets for independent. Those of one writer are alike, so for a new writer it is too narrow.
    """
    if not of:
        return 0.0, 1.0
    spread = _Z * _Z / of
    middle, half = share + spread / 2, sqrt(share * (1 - share) * spread + spread * spread / 4)
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def proportion(share: float, of: int) -> Proportion:
    low, high = wilson(share, of)
    return Proportion(share=round(share, 4), low=round(low, 4), high=round(high, 4), of=of)
