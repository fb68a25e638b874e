"""What would have been answered to tickets of writers that the model had not seen, beside what their reader said."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.calibration import LEAST_WORDS, Calibration, cheapest
from models.features import Flags, Ints
from models.rows import Floats
from models.train import Table
from models.triage import answers


@dataclass(frozen=True, slots=True)
class Judged:
    """One item a ticket. `true_` is what the reader said; severities are 0 for sev1, systems and kinds are places in their lists.

    `right` says whether the first system or the alternative was meant, `severity` whether the likeliest one was right; `cost` is that of
    the suggested severity, `likeliest_cost` that of the likeliest. `wordy` texts have words enough to be routed alone.
    """

    true_system: Ints
    first: Ints
    confidence: Floats
    right: Flags
    wordy: Flags
    routed: Flags
    covered: Flags
    set_size: Ints
    true_level: Ints
    suggested: Ints
    likeliest: Ints
    cost: Floats
    likeliest_cost: Floats
    risk: Floats
    candidate: Flags
    true_gxp: Flags
    gxp: Flags
    true_kind: Ints
    kind: Ints

    @property
    def strict(self) -> Flags:
        return np.asarray(self.first == self.true_system)

    @property
    def severity(self) -> Flags:
        return np.asarray(self.likeliest == self.true_level)


def judge(table: Table, right: Flags, scores: Floats, calibration: Calibration) -> Judged:
    """`right` (examples, systems): would this answer be right."""
    answer = answers(scores, calibration)
    first, at = answer.systems.argmax(axis=1), np.arange(len(scores))
    confidence, wordy = answer.systems[at, first], table.length >= LEAST_WORDS
    kept = answer.systems >= np.array(calibration.set_edges)
    kept[at, first] = True
    level, likeliest = 3 - table.severe.sum(axis=1), answer.severities.argmax(axis=1)
    suggested, costs = cheapest(answer.severities, calibration.costs), np.array(calibration.costs)
    return Judged(
        true_system=table.system,
        first=first,
        confidence=confidence,
        right=right[at, first],
        wordy=wordy,
        routed=(confidence >= np.array(calibration.thresholds)[first]) & wordy,
        covered=kept[at, table.system],
        set_size=kept.sum(axis=1),
        true_level=level,
        suggested=suggested,
        likeliest=likeliest,
        cost=costs[level, suggested],
        likeliest_cost=costs[level, likeliest],
        risk=answer.severities[:, 0],
        candidate=answer.severities[:, 0] >= calibration.sev1_edge,
        true_gxp=table.gxp,
        gxp=answer.gxp >= 0.5,
        true_kind=table.kind,
        kind=answer.kind,
    )


def joined(parts: Sequence[Judged]) -> Judged:
    return Judged(*(np.concatenate([getattr(part, name) for part in parts]) for name in Judged.__slots__))
