"""Fit a Calibration on scores of tickets whose writers the scoring model had not seen."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError
from sklearn.linear_model import LogisticRegression

from models.calibration import Calibration, Certainty, Costs, Level, Slope, at_least, system_probabilities
from models.columns import Columns
from models.errors import RulesInvalid
from models.features import Flags, Ints
from models.rows import Floats
from models.train import Course, Table
from schemas.words import SEVERITIES

COSTS = Path(__file__).parent / "costs.toml"
TARGET_RIGHT = 0.955  # the best cut of a curve looks better than it is: this much keeps unseen writers at 0.95
LEAST_CONFIDENCE = 0.5
SET_ERROR = 0.10
SEV1_MISSED = 0.04  # 0.05 on the calibrating writers gives a little less than 0.95 on the next one
LEAST_LABELS = 50
_LEAST_ROUTED = 30
_DOUBTS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1)
_NEVER = 1.0


def _certainty(scores: Floats, system: Ints) -> tuple[float, float]:
    """Temperature and doubt of least mean negative log-likelihood, on a grid: 2 % steps from 0.02 to 20, and 0 to 10 %."""
    rows, systems, best = np.arange(len(system)), scores.shape[1], (np.inf, 1.0, 0.0)
    for temperature in np.geomspace(0.02, 20.0, 350):
        own = system_probabilities(scores, temperature)[rows, system]
        losses = [(-np.log((1 - doubt) * own + doubt / systems + 1e-12).mean(), temperature, doubt) for doubt in _DOUBTS]
        best = min(best, *losses)
    return round(float(best[1]), 6), best[2]


def certainties(course: Course, scores: Floats) -> dict[str, Certainty]:
    """Of each site with enough labels; `scores` (local, columns) from `models.train.local_scores`."""
    rows = course.practice.rows(np.arange(len(course.practice.system)) >= len(course.practice.system) - course.local)
    found = {}
    for site in sorted(set(rows.writer.tolist())):
        own = rows.writer == site
        if own.sum() >= LEAST_LABELS:
            temperature, doubt = _certainty(course.columns.system(scores[own]), rows.system[own])
            found[str(site)] = Certainty(temperature=temperature, doubt=doubt, labels=int(own.sum()))
    return found


def threshold(confidence: Floats, right: Flags) -> float:
    """The lowest confidence from which on at least TARGET_RIGHT of the tickets were right; 1 where no 30 tickets reach that.

    Where all tickets together reach it, there is no reason to ask for more than that confidence itself; and nobody would understand that
    a ticket was routed alone by a model that held another team for likelier than the one it chose.
    """
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((share >= TARGET_RIGHT) & (np.arange(len(order)) >= _LEAST_ROUTED - 1))
    if not len(good):
        return _NEVER
    lowest = float(np.round(confidence[order][good[-1]], 4))
    wanted = min(lowest, TARGET_RIGHT) if good[-1] == len(order) - 1 else lowest
    return max(wanted, LEAST_CONFIDENCE)


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


def _level(scores: Floats, label: Flags) -> Level:
    """What each of the three severity scores says of one level: a logistic regression on those scores, scaled to deviation one."""
    scale = scores.std(axis=0)
    fitted: Any = LogisticRegression(C=1.0).fit(scores / scale, label)
    first, second, third = (round(float(weight), 6) for weight in fitted.coef_[0] / scale)
    return first, second, third, round(float(fitted.intercept_[0]), 6)


def _sev1_edge(risk: Floats, sev1: Flags) -> float:
    """The k-th smallest risk among true Sev1, k = floor((n + 1) * SEV1_MISSED); 0, everything is a candidate, below nineteen.

    A guarantee on average, as long as tickets to come are like those seen (split-conformal risk, Vovk 2012).
    """
    kth = int((np.count_nonzero(sev1) + 1) * SEV1_MISSED)
    return float(np.sort(risk[sev1])[kth - 1].round(4)) if kth else 0.0


def load_costs(path: Path = COSTS) -> Costs:
    """The 4 x 4 matrix of a file, zero on the diagonal and nowhere below. Raises RulesInvalid."""
    try:
        told = TypeAdapter(Costs).validate_python(tomllib.loads(path.read_text("utf-8"))["costs"])
    except (OSError, KeyError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise RulesInvalid(f"{path} cannot be used as costs: {error}") from error
    wrong = [f"row {row + 1}" for row, line in enumerate(told) if line[row] != 0 or min(line) < 0]
    if len(told) != len(SEVERITIES) or wrong:
        raise RulesInvalid(f"{path}: needs four rows of four costs, none negative, 0 for the right answer: {wrong or 'count the rows'}")
    return told


def calibrate(scores: Floats, table: Table, right: Flags, costs: Costs) -> Calibration:
    """`scores` (n, columns) of the rows of `table` by models that had not seen their writers; `right` (n, systems): would this be right."""
    columns = Columns(right.shape[1])
    routing, severe = columns.system(scores), columns.severe(scores)
    temperature, doubt = _certainty(routing, table.system)
    probability = system_probabilities(routing, temperature, doubt)
    first, confidence = probability.argmax(axis=1), probability.max(axis=1)
    was_right = right[np.arange(len(first)), first]
    systems = range(columns.systems)
    first_level, second_level, third_level = (_level(severe, label) for label in table.severe.T)
    levels = (first_level, second_level, third_level)
    return Calibration(
        temperature=temperature,
        doubt=doubt,
        thresholds=tuple(threshold(confidence[first == s], was_right[first == s]) for s in systems),
        set_edges=tuple(set_edge(probability[table.system == s, s]) for s in systems),
        severity=levels,
        gxp=_slope(columns.gxp(scores), table.gxp),
        sev1_edge=_sev1_edge(at_least(severe, levels)[:, 0], table.severe[:, 0]),
        costs=costs,
    )
