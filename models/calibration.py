"""From raw scores to probabilities that mean what they say, and to the points at which the model may act alone."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from models.rows import Floats

Share = Annotated[float, Field(ge=0, le=1)]
Slope = tuple[float, float]
Level = tuple[float, float, float, float]
LEAST_WORDS = 5
"""Shorter texts are never routed alone: there was next to nothing like them to measure on, and people mean anything by them."""
Costs = tuple[tuple[float, float, float, float], ...]


def writer_of(site: str) -> str:
    """The name under which a site stands among writers: the first part of its examples' ids."""
    return site.replace("-", "_")


class Certainty(BaseModel):
    """Temperature and doubt of one site, from `labels` of its own tickets that the scoring model had not seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(gt=0)]
    doubt: Share
    labels: int


class Calibration(BaseModel):
    """Numbers fitted on tickets of writers that the scoring model had not seen.

    `temperature` and `doubt` as in `system_probabilities`.
    Per system, in the model's order: `thresholds`, the probability from which the system was right often enough to route alone, and
    `set_edges`, the probability below which a system is left out of the prediction set.
    `severity` holds for each of P(sev1), P(at least sev2), P(at least sev3) what the three scores weigh, and an offset; `gxp` a slope and
    an offset. `sev1_edge` is the Sev1 risk from which a person looks at once. `costs` says what it costs to answer a ticket of severity
    row+1 with severity column+1. `sites` (see `writer_of`) have a temperature and a doubt of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(gt=0)]
    doubt: Share
    thresholds: tuple[Share, ...]
    set_edges: tuple[Share, ...]
    severity: tuple[Level, Level, Level]
    gxp: Slope
    sev1_edge: Share
    costs: Costs
    sites: dict[str, Certainty] = {}

    def certainty(self, sites: Sequence[str]) -> tuple[float | Floats, float | Floats]:
        """Temperature and doubt: one for all, or (texts,) by the site of each text."""
        if not self.sites:
            return self.temperature, self.doubt
        own = [self.sites.get(writer_of(site), self) for site in sites]
        return np.array([each.temperature for each in own]), np.array([each.doubt for each in own])


def logistic(score: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(score, -40.0, 40.0))))


def system_probabilities(scores: Floats, temperature: float | Floats, doubt: float | Floats = 0.0) -> Floats:
    """(texts, systems) scores to probabilities by softmax at a temperature (Guo et al. 2017, section 4); one for all, or (texts,).

    `doubt` is the share of tickets whose reader might have named any system: no score makes more than that certain.
    """
    if not isinstance(temperature, float):
        temperature, doubt = (np.asarray(each)[..., None] for each in (temperature, doubt))
    scaled = scores / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray((1 - doubt) * raised / raised.sum(axis=1, keepdims=True) + doubt / scores.shape[1])


def at_least(scores: Floats, levels: tuple[Level, Level, Level]) -> Floats:
    """(texts, 3) scores of "at least sev1, sev2, sev3" to the probabilities of that.

    The three are fitted apart; a running maximum keeps "at least sev2" from being less likely than "at least sev1".
    """
    weights = np.array(levels)
    return np.maximum.accumulate(logistic((scores[:, None, :] * weights[None, :, :3]).sum(axis=2) + weights[:, 3]), axis=1)


def severity_probabilities(scores: Floats, levels: tuple[Level, Level, Level]) -> Floats:
    """(texts, 3) scores as above to (texts, 4) probabilities of sev1 to sev4 (Frank and Hall 2001)."""
    edges = np.hstack([np.zeros((len(scores), 1)), at_least(scores, levels), np.ones((len(scores), 1))])
    return np.diff(edges, axis=1)


def cheapest(severities: Floats, costs: Costs) -> npt.NDArray[np.int64]:
    """(texts, 4) probabilities of sev1 to sev4 to the answer of least expected cost, 0 for sev1 (Elkan 2001)."""
    return np.asarray((severities @ np.array(costs)).argmin(axis=1))


def gxp_probability(scores: Floats, slope: Slope) -> Floats:
    return logistic(scores * slope[0] + slope[1])
