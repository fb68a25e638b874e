"""Make a model version: train, calibrate, measure, and record a few answers that it must always give again."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed

import numpy as np

from models.calibrate import calibrate, certainties
from models.calibration import Costs
from models.evaluate import Report, assess, rights
from models.examples import Example, corpus_digest
from models.features import FEATURES
from models.floor_report import FloorReport, floor_report
from models.floors import load_floors
from models.judged import Judged
from models.known_words import known_words, unseen_shares
from models.learning import Lesson, learning_curve
from models.lexicon import Lexicon
from models.local import Taught
from models.manifest import Content, DataMark, Golden, Manifest, Reference, mark, named
from models.registry import ARRAYS, WORDS, packed
from models.train import Course, Watch, course_of, fit, local_scores, unseen_scores
from models.triage import Arrays, TriageModel
from models.vocabulary import vocabulary


def _goldens(model: TriageModel, examples: Sequence[Example]) -> tuple[Golden, ...]:
    """The first example of each system."""
    first = {example.system: example.text for example in reversed(examples)}
    texts = [first[system] for system in model.systems]
    return tuple(
        Golden(
            text=text,
            system=answer.systems[0].system,
            confidence=answer.confidence,
            decision=answer.decision,
            severity=answer.severity,
            sev1_risk=answer.sev1_risk,
            gxp=answer.gxp,
            kind=answer.kind,
        )
        for text, answer in zip(texts, model.predict(texts), strict=True)
    )


def _stored(arrays: Arrays) -> Arrays:
    """As they come back from half precision."""
    learned = (arrays.idf, arrays.weights, arrays.concepts, arrays.titled, arrays.placed)
    idf, weights, *others = (part.astype(np.float16) for part in learned)
    offsets = arrays.offsets.astype(np.float32).astype(np.float64)
    concepts, titled, placed = (part.astype(np.float64) for part in others)
    return Arrays(idf.astype(np.float64), weights.astype(np.float32), concepts, titled, placed, offsets, arrays.vocabulary, arrays.known)


def _arrays(course: Course, examples: Sequence[Example]) -> Arrays:
    fitted = fit(course, np.ones(len(course.measured.system), np.bool_))
    words, known = vocabulary(examples), known_words(example.text for example in examples)
    weights = fitted.weights.astype(np.float32)
    return _stored(Arrays(fitted.idf, weights, fitted.concepts, fitted.titled, fitted.placed, fitted.offsets, words, known))


def scores_of(report: Report) -> dict[str, float]:
    overall = report.overall
    shares = {"strict": overall.strict, "right": overall.right, "severity": overall.severity}
    return {**shares, "routed": overall.routed, "routed_right": overall.routed_right, **report.figures}


@dataclass(frozen=True, slots=True)
class Material:
    """What a version is made of. `examples` are held out writer by writer to measure; `practice` is only learned from.

    `seen` names examples that were read when practice was written. `local` is what people of a site confirmed.
    """

    examples: Sequence[Example]
    lexicon: Lexicon
    costs: Costs
    practice: Sequence[Example] = ()
    seen: frozenset[str] = frozenset()
    local: Sequence[Taught] = ()

    @property
    def course(self) -> Course:
        return course_of(self.examples, self.lexicon, self.practice, self.local)

    def mark(self) -> DataMark:
        everything = [*self.examples, *self.practice, *(each.example for each in self.local)]
        return DataMark(
            sha256=corpus_digest(everything),
            tickets=len(self.examples),
            writers=tuple(sorted({example.writer for example in self.examples})),
            practice=len(self.practice),
            measured=corpus_digest(self.examples),
            local=len(self.local),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """All that a card tells of a way of training: measured on `data`, whose systems `systems` are."""

    data: DataMark
    systems: tuple[str, ...]
    report: Report
    floors: FloorReport
    curve: tuple[Lesson, ...]


def measure(material: Material, watch: Watch = iter) -> Measured:
    course, examples = material.course, material.examples
    report = assess(examples, course, unseen_scores(course, watch), material.costs, material.seen)
    curve = learning_curve(examples, course, material.costs, watch)
    return Measured(material.mark(), course.systems, report, floor_report(examples, load_floors()), curve)


def _reference(material: Material, judged: Judged, systems: Sequence[str]) -> Reference:
    unknown = unseen_shares(material.examples, material.practice)
    sure, _ = np.histogram(judged.confidence, bins=10, range=(0, 1))
    answered = np.bincount(judged.first, minlength=len(systems))
    return Reference(
        answered=dict(zip(systems, (answered / len(judged.first)).round(4).tolist(), strict=True)),
        confidence=tuple((sure / len(judged.first)).round(4).tolist()),
        set_size=round(float(judged.set_size.mean()), 4),
        unknown_words=round(float(unknown.mean()), 4),
    )


def make_version(material: Material, name: str, watch: Watch = iter) -> tuple[Manifest, dict[str, bytes]]:
    """A manifest and the files' bytes, the same for the same material, name and libraries. Needs at least two writers."""
    course, examples = material.course, material.examples
    unseen = unseen_scores(course, watch)
    report = assess(examples, course, unseen, material.costs, material.seen)
    calibration = calibrate(unseen, course.measured, rights(examples, course.systems), material.costs)
    if course.local:
        calibration = calibration.model_copy(update={"sites": certainties(course, local_scores(course, watch))})
    arrays = _arrays(course, [*examples, *material.practice])
    model = TriageModel(name, course.systems, arrays, calibration, material.lexicon)
    files = {ARRAYS: packed(arrays), WORDS: material.lexicon.written()}
    content = Content(
        features=FEATURES,
        systems=course.systems,
        calibration=calibration,
        files={file: mark(data) for file, data in files.items()},
        data=material.mark(),
        scores=scores_of(report),
        reference=_reference(material, report.judged, course.systems),
        made_with={package: installed(package) for package in ("numpy", "scikit-learn")},
        goldens=_goldens(model, examples),
    )
    return named(name, content), files
