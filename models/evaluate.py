"""How good a way of training is, on tickets of writers it has not seen: scores, calibration and thresholds all come from the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.calibrate import calibrate
from models.calibration import Calibration
from models.examples import Example
from models.features import Flags, Ints
from models.rows import Floats
from models.train import Table
from models.triage import answers

_BINS = 15


@dataclass(frozen=True, slots=True)
class Judged:
    """One item a ticket: what would have been answered, and whether it was right. `right` allows the alternative system."""

    first: Ints
    confidence: Floats
    strict: Flags
    right: Flags
    routed: Flags
    covered: Flags
    set_size: Ints
    severity: Flags
    sev1: Flags
    candidate: Flags
    gxp: Flags


@dataclass(frozen=True, slots=True)
class Line:
    """Shares of a group of tickets. `routed_right` is the share of the routed ones that were right; 1 where nothing was routed."""

    group: str
    tickets: int
    strict: float
    right: float
    severity: float
    routed: float
    routed_right: float


@dataclass(frozen=True, slots=True)
class Report:
    overall: Line
    writers: tuple[Line, ...]
    answered: tuple[Line, ...]
    figures: dict[str, float]


def rights(examples: Sequence[Example], systems: Sequence[str]) -> Flags:
    """(examples, systems): would this answer be right."""
    return np.array([[system in (example.system, example.alt_system) for system in systems] for example in examples])


def calibrated_on(table: Table, right: Flags, scores: Floats, chosen: Flags) -> Calibration:
    return calibrate(scores[chosen], table.system[chosen], right[chosen], table.severe[chosen], table.gxp[chosen])


def _judged(table: Table, right: Flags, scores: Floats, calibration: Calibration) -> Judged:
    answer = answers(scores, calibration)
    first, at = answer.systems.argmax(axis=1), np.arange(len(scores))
    confidence = answer.systems[at, first]
    kept = answer.systems >= np.array(calibration.set_edges)
    kept[at, first] = True
    return Judged(
        first=first,
        confidence=confidence,
        strict=first == table.system,
        right=right[at, first],
        routed=confidence >= np.array(calibration.thresholds)[first],
        covered=kept[at, table.system],
        set_size=kept.sum(axis=1),
        severity=answer.severities.argmax(axis=1) == 3 - table.severe.sum(axis=1),
        sev1=table.severe[:, 0],
        candidate=answer.sev1_risk >= calibration.sev1_edge,
        gxp=(answer.gxp >= 0.5) == table.gxp,
    )


def _rows(table: Table, chosen: Flags) -> Table:
    labels = (table.system[chosen], table.severe[chosen], table.gxp[chosen], table.writer[chosen])
    return Table(table.counts[chosen], table.systems, *labels)


def _joined(parts: Sequence[Judged]) -> Judged:
    return Judged(*(np.concatenate([getattr(part, name) for part in parts]) for name in Judged.__slots__))


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return round(float(flags.mean()), 4) if len(flags) else 1.0


def _line(group: str, judged: Judged, chosen: Flags) -> Line:
    return Line(
        group=group,
        tickets=int(chosen.sum()),
        strict=_share(judged.strict[chosen]),
        right=_share(judged.right[chosen]),
        severity=_share(judged.severity[chosen]),
        routed=_share(judged.routed[chosen]),
        routed_right=_share(judged.right[chosen & judged.routed]),
    )


def calibration_error(confidence: Floats, right: Flags) -> float:
    """Expected calibration error over 15 bins of equal mass (Nixon et al. 2019, adaptive)."""
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, _BINS)
    gaps = [abs(confidence[part].mean() - right[part].mean()) * len(part) for part in bins if len(part)]
    return round(float(sum(gaps)) / len(order), 4)


def _figures(judged: Judged) -> dict[str, float]:
    return {
        "calibration_error": calibration_error(judged.confidence, judged.strict),
        "gxp": _share(judged.gxp),
        "set_coverage": _share(judged.covered),
        "set_size": round(float(judged.set_size.mean()), 4),
        "sev1_candidates": _share(judged.candidate),
        "sev1_candidate_recall": _share(judged.candidate[judged.sev1]),
    }


def assess(examples: Sequence[Example], table: Table, scores: Floats) -> Report:
    """`scores` from `models.train.unseen_scores`. Each writer is judged by a calibration fitted on the others' unseen scores."""
    right, writers = rights(examples, table.systems), sorted(set(table.writer))
    parts = []
    for writer in writers:
        own = table.writer == writer
        parts.append(_judged(_rows(table, own), right[own], scores[own], calibrated_on(table, right, scores, ~own)))
    judged, writer_of = _joined(parts), np.concatenate([table.writer[table.writer == writer] for writer in writers])
    return Report(
        overall=_line("all", judged, np.ones(len(writer_of), np.bool_)),
        writers=tuple(_line(str(writer), judged, writer_of == writer) for writer in writers),
        answered=tuple(_line(system, judged, judged.first == at) for at, system in enumerate(table.systems)),
        figures=_figures(judged),
    )
