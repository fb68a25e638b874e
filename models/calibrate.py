"""Fit a Calibration on scores of tickets whose writers the scoring model had not seen."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.calibration import Calibration, Slope, logistic, system_probabilities
from models.features import Flags, Ints
from models.rows import Floats

TARGET_RIGHT = 0.955  # the best cut of a curve looks better than it is: this much keeps unseen writers at 0.95
SET_ERROR = 0.10
SEV1_MISSED = 0.10
_LEAST_ROUTED = 30
_NEVER = 1.0


def _temperature(scores: Floats, system: Ints) -> float:
    """The temperature of least mean negative log-likelihood, on a grid of 2 % steps from 0.02 to 20."""
    grid = np.geomspace(0.02, 20.0, 350)
    rows = np.arange(len(system))
    losses = [-np.log(system_probabilities(scores, t)[rows, system] + 1e-12).mean() for t in grid]
    return float(grid[int(np.argmin(losses))].round(6))


def threshold(confidence: Floats, right: Flags) -> float:
    """The lowest confidence from which on at least TARGET_RIGHT of the tickets were right; 1 where no 30 tickets reach that."""
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((share >= TARGET_RIGHT) & (np.arange(len(order)) >= _LEAST_ROUTED - 1))
    return float(np.round(confidence[order][good[-1]], 4)) if len(good) else _NEVER


def set_edge(probability: Floats) -> float:
    """Class-conditional split-conformal edge (Vovk 2012) from the probabilities that tickets of a system gave to it.

    The k-th smallest with k = floor((n + 1) * SET_ERROR); with fewer than nine tickets nothing can be excluded, so the edge is 0.
    """
    kth = int((len(probability) + 1) * SET_ERROR)
    return float(np.round(np.sort(probability)[kth - 1], 4)) if kth else 0.0


def _slope(score: Floats, label: Flags) -> Slope:
    """Slope and offset of Platt's logistic (1999)."""
    fitted: Any = LogisticRegression(C=1e6).fit(score[:, None], label)
    return round(float(fitted.coef_[0, 0]), 6), round(float(fitted.intercept_[0]), 6)


def _sev1_edge(risk: Floats, sev1: Flags) -> float:
    """The k-th smallest risk among true Sev1, k = floor((n + 1) * SEV1_MISSED); 0, everything is a candidate, below nineteen."""
    kth = int((np.count_nonzero(sev1) + 1) * SEV1_MISSED)
    return float(np.sort(risk[sev1])[kth - 1].round(4)) if kth else 0.0


def calibrate(scores: Floats, system: Ints, right: Flags, severe: Flags, gxp: npt.NDArray[np.bool_]) -> Calibration:
    """`scores` (n, systems + 4), `right` (n, systems): would this answer be right; `severe` (n, 3) as in `models.train.Table`."""
    routing = scores[:, :-4]
    temperature = _temperature(routing, system)
    probability = system_probabilities(routing, temperature)
    first, confidence = probability.argmax(axis=1), probability.max(axis=1)
    was_right = right[np.arange(len(first)), first]
    systems = range(routing.shape[1])
    slopes = [_slope(scores[:, column - 4], severe[:, column]) for column in range(3)]
    risk = logistic(scores[:, -4] * slopes[0][0] + slopes[0][1])
    return Calibration(
        temperature=temperature,
        thresholds=tuple(threshold(confidence[first == s], was_right[first == s]) for s in systems),
        set_edges=tuple(set_edge(probability[system == s, s]) for s in systems),
        severity=(slopes[0], slopes[1], slopes[2]),
        gxp=_slope(scores[:, -1], gxp),
        sev1_edge=_sev1_edge(risk, severe[:, 0]),
    )
