"""How good a way of training is, on tickets of writers it has not seen: scores, calibration and thresholds all come from the others."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.calibrate import calibrate
from models.calibration import LEAST_WORDS, Calibration, Costs, cheapest
from models.examples import Example
from models.features import Flags, Ints
from models.rows import Floats
from models.train import Course, Table
from models.triage import answers

_BINS = 15


@dataclass(frozen=True, slots=True)
class Judged:
    """One item a ticket: what would have been answered, and whether it was right. `right` allows the alternative system.

    `severity` says whether the likeliest one was right; `cost` is that of the suggestion, `likeliest_cost` that of the likeliest;
    `level` is the reader's severity, 0 for sev1, and `suggested` the suggested one.
    """

    first: Ints
    confidence: Floats
    strict: Flags
    right: Flags
    routed: Flags
    covered: Flags
    set_size: Ints
    severity: Flags
    cost: Floats
    likeliest_cost: Floats
    level: Ints
    suggested: Ints
    candidate: Flags
    gxp: Flags
    kind: Flags


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
    """`overall` counts tickets; `mean` weighs each writer alike, `least` is the least of the writers."""

    overall: Line
    writers: tuple[Line, ...]
    groups: dict[str, tuple[Line, ...]]
    figures: dict[str, float]


def rights(examples: Sequence[Example], systems: Sequence[str]) -> Flags:
    """(examples, systems): would this answer be right."""
    return np.array([[system in (example.system, example.alt_system) for system in systems] for example in examples])


def _judged(table: Table, right: Flags, scores: Floats, calibration: Calibration) -> Judged:
    answer = answers(scores, calibration)
    first, at = answer.systems.argmax(axis=1), np.arange(len(scores))
    confidence = answer.systems[at, first]
    kept = answer.systems >= np.array(calibration.set_edges)
    kept[at, first] = True
    level, likeliest = 3 - table.severe.sum(axis=1), answer.severities.argmax(axis=1)
    suggested, costs = cheapest(answer.severities, calibration.costs), np.array(calibration.costs)
    return Judged(
        first=first,
        confidence=confidence,
        strict=first == table.system,
        right=right[at, first],
        routed=(confidence >= np.array(calibration.thresholds)[first]) & (table.length >= LEAST_WORDS),
        covered=kept[at, table.system],
        set_size=kept.sum(axis=1),
        severity=likeliest == level,
        cost=costs[level, suggested],
        likeliest_cost=costs[level, likeliest],
        level=level,
        suggested=suggested,
        candidate=answer.severities[:, 0] >= calibration.sev1_edge,
        gxp=(answer.gxp >= 0.5) == table.gxp,
        kind=answer.kind == table.kind,
    )


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


def _figures(judged: Judged, writers: Sequence[Line]) -> dict[str, float]:
    sev1 = judged.level == 0
    saved = 1 - float(judged.cost.mean()) / max(1e-9, float(judged.likeliest_cost.mean()))
    return {
        "calibration_error": calibration_error(judged.confidence, judged.strict),
        "gxp": _share(judged.gxp),
        "kind": _share(judged.kind),
        "set_coverage": _share(judged.covered),
        "set_size": round(float(judged.set_size.mean()), 4),
        "severity_cost": round(float(judged.cost.mean()), 4),
        "severity_cost_saved": round(saved, 4),
        "sev1_candidates": _share(judged.candidate),
        "sev1_candidate_recall": _share(judged.candidate[sev1]),
        "sev1_suggested_sev3_or_sev4": _share(judged.suggested[sev1] >= 2),
        **{f"{name}_mean": round(float(np.mean([getattr(line, name) for line in writers])), 4) for name in ("strict", "right", "severity")},
        **{f"{name}_least": min(getattr(line, name) for line in writers) for name in ("strict", "right", "severity")},
    }


def _least_honest(judged: Judged, writers: Sequence[str], seen: Flags) -> dict[str, float]:
    """The means over the writers when every ticket that was read beforehand counts as wrong."""
    of, names = np.array(writers), sorted(set(writers))
    good = {"strict": judged.strict & ~seen, "right": judged.right & ~seen}
    return {
        f"{name}_mean_seen_as_wrong": round(float(np.mean([flags[of == one].mean() for one in names])), 4) for name, flags in good.items()
    }


def assess(examples: Sequence[Example], course: Course, scores: Floats, costs: Costs, seen: Container[str] = ()) -> Report:
    """`scores` from `models.train.unseen_scores`. Each writer is judged by a calibration fitted on the others' unseen scores.

    `seen` names tickets that were read when what was learned from was written.
    """
    table, right = course.measured, rights(examples, course.systems)
    writers, parts, order = sorted(set(table.writer)), [], []
    for writer in writers:
        own = table.writer == writer
        calibration = calibrate(scores[~own], table.rows(~own), right[~own], costs)
        parts.append(_judged(table.rows(own), right[own], scores[own], calibration))
        order.append(np.flatnonzero(own))
    judged, told = _joined(parts), [examples[at] for at in np.concatenate(order)]
    lines = _by(judged, [example.writer for example in told])
    groups = {
        "answered": _by(judged, [course.systems[at] for at in judged.first]),
        "reader's system": _by(judged, [example.system for example in told]),
        "language": _by(judged, [example.language for example in told]),
        "role": _by(judged, [example.reporter_role for example in told]),
    }
    known = np.array([example.id in seen for example in told])
    figures = _figures(judged, lines) | _least_honest(judged, [example.writer for example in told], known)
    return Report(_line("all", judged, np.ones(len(told), np.bool_)), lines, groups, figures)


def _by(judged: Judged, group: Sequence[str]) -> tuple[Line, ...]:
    of = np.array(group)
    return tuple(_line(str(name), judged, of == name) for name in sorted(set(group)))
