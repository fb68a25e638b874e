"""How good a way of training is, on tickets of writers it has not seen: scores, calibration and thresholds all come from the others."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from models.calibrate import calibrate
from models.calibration import Costs
from models.confusion import Matrix, counts, macro_f1
from models.examples import Example
from models.features import Flags, Ints
from models.judged import Judged, joined, judge
from models.rows import Floats
from models.train import Course

BINS = 15


@dataclass(frozen=True, slots=True)
class Line:
    """Shares of a group of tickets. `routed_right` is the share of the `sent` routed ones that were right; 1 where nothing was routed."""

    group: str
    tickets: int
    sent: int
    strict: float
    right: float
    severity: float
    routed: float
    routed_right: float


@dataclass(frozen=True, slots=True)
class Report:
    """`overall` counts tickets; `mean` weighs each writer alike, `least` is the least of the writers.

    `judged` holds every ticket; `seen` of them were read when what was learned from was written; `mix` counts systems by languages.
    """

    overall: Line
    writers: tuple[Line, ...]
    groups: dict[str, tuple[Line, ...]]
    figures: dict[str, float]
    judged: Judged
    seen: int
    mix: Matrix


def rights(examples: Sequence[Example], systems: Sequence[str]) -> Flags:
    """(examples, systems): would this answer be right."""
    return np.array([[system in (example.system, example.alt_system) for system in systems] for example in examples])


def _share(flags: Flags) -> float:
    return round(float(flags.mean()), 4) if len(flags) else 1.0


def _line(group: str, judged: Judged, chosen: Flags) -> Line:
    return Line(
        group=group,
        tickets=int(chosen.sum()),
        sent=int((chosen & judged.routed).sum()),
        strict=_share(judged.strict[chosen]),
        right=_share(judged.right[chosen]),
        severity=_share(judged.severity[chosen]),
        routed=_share(judged.routed[chosen]),
        routed_right=_share(judged.right[chosen & judged.routed]),
    )


def equal_mass(said: Floats) -> list[Ints]:
    """Places of what was said, the least first, in BINS parts of nearly the same size; none is empty."""
    return [part for part in np.array_split(np.argsort(said, kind="stable"), BINS) if len(part)]


def calibration_error(confidence: Floats, right: Flags) -> float:
    """Expected calibration error over 15 bins of equal mass (Nixon et al. 2019, adaptive)."""
    gaps = [abs(confidence[part].mean() - right[part].mean()) * len(part) for part in equal_mass(confidence)]
    return round(float(sum(gaps)) / len(confidence), 4)


def _figures(judged: Judged, writers: Sequence[Line]) -> dict[str, float]:
    sev1 = judged.true_level == 0
    saved = 1 - float(judged.cost.mean()) / max(1e-9, float(judged.likeliest_cost.mean()))
    return {
        "calibration_error": calibration_error(judged.confidence, judged.strict),
        "gxp": _share(judged.gxp == judged.true_gxp),
        "kind": _share(judged.kind == judged.true_kind),
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


def _answered(judged: Judged, systems: Sequence[str]) -> dict[str, float]:
    """`answered_<system>` is the system's share of the first answers."""
    shares = {f"answered_{system}": _share(judged.first == place) for place, system in enumerate(systems)}
    return {"macro_f1": macro_f1(judged.true_system, judged.first, len(systems)), **shares}


def _least_honest(judged: Judged, writers: Sequence[str], seen: Flags) -> dict[str, float]:
    """The means over the writers when every ticket that was read beforehand counts as wrong."""
    of, names = np.array(writers), sorted(set(writers))
    good = {"strict": judged.strict & ~seen, "right": judged.right & ~seen}
    return {
        f"{name}_mean_seen_as_wrong": round(float(np.mean([flags[of == one].mean() for one in names])), 4) for name, flags in good.items()
    }


def _judged(course: Course, right: Flags, scores: Floats, costs: Costs) -> tuple[Judged, Ints]:
    """Every ticket by a calibration fitted on the other writers' scores, writer by writer, and where each stands in the course."""
    table, parts, order = course.measured, [], []
    for writer in sorted(set(table.writer)):
        own = table.writer == writer
        with threadpool_limits(limits=1, user_api="blas"):
            calibration = calibrate(scores[~own], table.rows(~own), right[~own], costs)
        parts.append(judge(table.rows(own), right[own], scores[own], calibration))
        order.append(np.flatnonzero(own))
    return joined(parts), np.concatenate(order)


def assess(examples: Sequence[Example], course: Course, scores: Floats, costs: Costs, seen: Container[str] = ()) -> Report:
    """`scores` from `models.train.unseen_scores`. Each writer is judged by a calibration fitted on the others' unseen scores.

    `seen` names tickets that were read when what was learned from was written.
    """
    judged, order = _judged(course, rights(examples, course.systems), scores, costs)
    told = [examples[at] for at in order]
    writers = [example.writer for example in told]
    lines, known = _by(judged, writers), np.array([example.id in seen for example in told])
    return Report(
        overall=_line("all", judged, np.ones(len(told), np.bool_)),
        writers=lines,
        groups=_groups(judged, told, course.systems),
        figures=_figures(judged, lines) | _answered(judged, course.systems) | _least_honest(judged, writers, known),
        judged=judged,
        seen=int(known.sum()),
        mix=_mix(told, course.systems),
    )


def _groups(judged: Judged, told: Sequence[Example], systems: Sequence[str]) -> dict[str, tuple[Line, ...]]:
    return {
        "answered": _by(judged, [systems[at] for at in judged.first]),
        "reader's system": _by(judged, [example.system for example in told]),
        "language": _by(judged, [example.language for example in told]),
        "role": _by(judged, [example.reporter_role for example in told]),
    }


def _by(judged: Judged, group: Sequence[str]) -> tuple[Line, ...]:
    of = np.array(group)
    return tuple(_line(str(name), judged, of == name) for name in sorted(set(group)))


def _mix(told: Sequence[Example], systems: Sequence[str]) -> Matrix:
    languages = sorted({example.language for example in told})
    rows = np.array([systems.index(example.system) for example in told])
    columns = np.array([languages.index(example.language) for example in told])
    table = counts(rows, columns, (len(systems), len(languages)))
    return Matrix(name="mix", down="reader's system", across="language", rows=tuple(systems), columns=tuple(languages), counts=table)
