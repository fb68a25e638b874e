"""The card of a model version: what it learned from and how well it does on writers it has not seen. Every number is measured.

The Markdown, the figures and the JSON are all written from one `Card`, so they cannot differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from models.calibration import Share
from models.confusion import Matrix, confusion
from models.curves import Coverage, Reliability, coverages, reliabilities
from models.evaluate import Line, Report
from models.floor_report import FloorReport, RuleLine
from models.learning import Lesson
from models.manifest import DataMark, FileMark, Manifest, Part, Reference
from models.proportion import Proportion, proportion
from models.release import Measured
from schemas.words import KINDS, SEVERITIES


class GroupLine(Part):
    group: str
    tickets: int
    strict: Proportion
    right: Proportion
    severity: Proportion
    routed: Proportion
    routed_right: Proportion


class Group(Part):
    name: str
    lines: tuple[GroupLine, ...]


class Figure(Part):
    """`value` alone, or with the interval of the share that it is."""

    name: str
    value: float
    interval: Proportion | None = None


class FloorsHeld(Part):
    sev1_recall: Proportion
    sev1_false_alarms: Proportion
    gxp_recall: Proportion
    gxp_false_alarms: Proportion
    rules: tuple[RuleLine, ...]


class LearningPoint(Part):
    """What came of learning from a `part` of the material: `tickets` on average, practice among them."""

    part: Share
    tickets: int
    strict: Proportion
    right: Proportion
    severity: Proportion


class Material(Part):
    """`same` says that this version was made from what was measured; `seen` measured tickets were read before practice was written."""

    data: DataMark
    same: bool
    seen: int


class Thresholds(Part):
    """Per system the confidence from which it is routed and that from which it stands in a prediction set, and what holds for all."""

    routed: dict[str, Share]
    in_set: dict[str, Share]
    sev1_candidate: Share
    temperature: float
    doubt: Share


class Card(Part):
    format: Literal[1] = 1
    version: str
    features: str
    systems: tuple[str, ...]
    made_with: dict[str, str]
    files: dict[str, FileMark]
    goldens: int
    material: Material
    overall: GroupLine
    groups: tuple[Group, ...]
    figures: tuple[Figure, ...]
    thresholds: Thresholds
    confusions: tuple[Matrix, ...]
    mix: Matrix
    reliability: tuple[Reliability, ...]
    coverage: tuple[Coverage, ...]
    learning: tuple[LearningPoint, ...]
    floors: FloorsHeld
    reference: Reference | None


def _group_line(line: Line) -> GroupLine:
    shares = {name: proportion(getattr(line, name), line.tickets) for name in ("strict", "right", "severity", "routed")}
    return GroupLine(group=line.group, tickets=line.tickets, routed_right=proportion(line.routed_right, line.sent), **shares)


def _groups(report: Report) -> tuple[Group, ...]:
    told: Mapping[str, Sequence[Line]] = {"writer": report.writers, **report.groups}
    return tuple(Group(name=name, lines=tuple(map(_group_line, lines))) for name, lines in told.items())


def _figures(report: Report) -> tuple[Figure, ...]:
    judged, figures = report.judged, report.figures
    everything, sev1 = len(judged.first), int((judged.true_level == 0).sum())
    of_sev1 = dict.fromkeys(("sev1_candidate_recall", "sev1_suggested_sev3_or_sev4"), sev1)
    of = dict.fromkeys(("gxp", "kind", "set_coverage", "sev1_candidates"), everything) | of_sev1
    of |= {name: everything for name in figures if name.startswith("answered_")}
    return tuple(
        Figure(name=name, value=value, interval=proportion(value, of[name]) if name in of else None)
        for name, value in sorted(figures.items())
    )


def _thresholds(manifest: Manifest) -> Thresholds:
    systems, calibration = manifest.content.systems, manifest.content.calibration
    return Thresholds(
        routed=dict(zip(systems, calibration.thresholds, strict=True)),
        in_set=dict(zip(systems, calibration.set_edges, strict=True)),
        sev1_candidate=calibration.sev1_edge,
        temperature=calibration.temperature,
        doubt=calibration.doubt,
    )


def _confusions(report: Report, systems: Sequence[str]) -> tuple[Matrix, ...]:
    judged, flags = report.judged, ("no GxP impact", "GxP impact")
    return (
        confusion("system", systems, judged.true_system, judged.first),
        confusion("severity, as suggested", SEVERITIES, judged.true_level, judged.suggested),
        confusion("severity, the likeliest", SEVERITIES, judged.true_level, judged.likeliest),
        confusion("GxP", flags, judged.true_gxp.astype(int), judged.gxp.astype(int)),
        confusion("kind", KINDS, judged.true_kind, judged.kind),
    )


def _learning(curve: Iterable[Lesson]) -> tuple[LearningPoint, ...]:
    return tuple(
        LearningPoint(
            part=lesson.part,
            tickets=lesson.tickets,
            **{name: proportion(getattr(lesson.line, name), lesson.line.tickets) for name in ("strict", "right", "severity")},
        )
        for lesson in curve
    )


def _floors(floors: FloorReport, report: Report) -> FloorsHeld:
    everything = len(report.judged.first)
    sev1, gxp = int((report.judged.true_level == 0).sum()), int(report.judged.true_gxp.sum())
    return FloorsHeld(
        sev1_recall=proportion(floors.sev1_recall, sev1),
        sev1_false_alarms=proportion(floors.sev1_false_alarms, everything - sev1),
        gxp_recall=proportion(floors.gxp_recall, gxp),
        gxp_false_alarms=proportion(floors.gxp_false_alarms, everything - gxp),
        rules=floors.rules,
    )


def card_of(manifest: Manifest, measured: Measured) -> Card:
    content, report = manifest.content, measured.report
    chosen = dict(zip(content.systems, content.calibration.thresholds, strict=True))
    return Card(
        version=manifest.version,
        features=content.features,
        systems=content.systems,
        made_with=content.made_with,
        files=content.files,
        goldens=len(content.goldens),
        material=Material(data=measured.data, same=content.data == measured.data, seen=report.seen),
        overall=_group_line(report.overall),
        groups=_groups(report),
        figures=_figures(report),
        thresholds=_thresholds(manifest),
        confusions=_confusions(report, measured.systems),
        mix=report.mix,
        reliability=reliabilities(report.judged),
        coverage=coverages(report.judged, {system: chosen.get(system, 1.0) for system in measured.systems}),
        learning=_learning(measured.curve),
        floors=_floors(measured.floors, report),
        reference=content.reference,
    )
