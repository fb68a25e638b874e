"""From raw scores to probabilities that mean what they say, and to the points at which the model may act alone."""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.rows import Floats

Share = Annotated[float, Field(ge=0, le=1)]
Slope = tuple[float, float]


class Calibration(BaseModel):
    """Numbers fitted on tickets of writers that the scoring model had not seen.

    Per system, in the model's order: `thresholds`, the probability from which the system was right often enough to route alone, and
    `set_edges`, the probability below which a system is left out of the prediction set. `severity` holds a slope and offset for each of
    P(sev1), P(at least sev2), P(at least sev3); `gxp` one. `sev1_edge` is the Sev1 risk from which a person looks at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(gt=0)]
    thresholds: tuple[Share, ...]
    set_edges: tuple[Share, ...]
    severity: tuple[Slope, Slope, Slope]
    gxp: Slope
    sev1_edge: Share


def logistic(score: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(score, -40.0, 40.0))))


def system_probabilities(scores: Floats, temperature: float) -> Floats:
    """(texts, systems) scores to probabilities by softmax at one temperature (Guo et al. 2017, section 4)."""
    scaled = scores / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def severity_probabilities(scores: Floats, slopes: tuple[Slope, Slope, Slope]) -> Floats:
    """(texts, 3) scores of "at least sev1, sev2, sev3" to (texts, 4) probabilities of sev1 to sev4 (Frank and Hall 2001).

    The three are fitted apart; a running maximum keeps "at least sev2" from being less likely than "at least sev1".
    """
    slope = np.array(slopes)
    at_least = np.maximum.accumulate(logistic(scores * slope[:, 0] + slope[:, 1]), axis=1)
    edges = np.hstack([np.zeros((len(scores), 1)), at_least, np.ones((len(scores), 1))])
    return np.diff(edges, axis=1)


def gxp_probability(scores: Floats, slope: Slope) -> Floats:
    return logistic(scores * slope[0] + slope[1])
