"""Make a model version: train, calibrate, measure, and record a few answers that it must always give again."""

from collections.abc import Sequence
from importlib.metadata import version as installed

import numpy as np

from models.evaluate import Report, assess, calibrated_on, rights
from models.examples import Example, corpus_digest
from models.features import FEATURES
from models.manifest import Content, DataMark, Golden, Manifest, mark, named
from models.registry import ARRAYS, packed
from models.train import Table, Watch, fit, tabulate, unseen_scores
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
        )
        for text, answer in zip(texts, model.predict(texts), strict=True)
    )


def _stored(arrays: Arrays) -> Arrays:
    """As they come back from half precision."""
    idf, weights = arrays.idf.astype(np.float16), arrays.weights.astype(np.float16)
    offsets = arrays.offsets.astype(np.float32)
    return Arrays(idf.astype(np.float64), weights.astype(np.float32), offsets.astype(np.float64), arrays.vocabulary)


def _arrays(table: Table, examples: Sequence[Example]) -> Arrays:
    fitted = fit(table, np.ones(len(examples), np.bool_))
    return _stored(Arrays(fitted.idf, fitted.weights.astype(np.float32), fitted.offsets, vocabulary(examples)))


def scores_of(report: Report) -> dict[str, float]:
    overall = report.overall
    shares = {"strict": overall.strict, "right": overall.right, "severity": overall.severity}
    return {**shares, "routed": overall.routed, "routed_right": overall.routed_right, **report.figures}


def make_version(examples: Sequence[Example], name: str, watch: Watch = iter) -> tuple[Manifest, bytes]:
    """A manifest and the arrays' bytes, the same for the same examples, name and libraries. Needs at least two writers."""
    table = tabulate(examples)
    unseen = unseen_scores(table, watch)
    everyone = np.ones(len(examples), np.bool_)
    calibration = calibrated_on(table, rights(examples, table.systems), unseen, everyone)
    arrays = _arrays(table, examples)
    model, data = TriageModel(name, table.systems, arrays, calibration), packed(arrays)
    content = Content(
        features=FEATURES,
        systems=table.systems,
        calibration=calibration,
        files={ARRAYS: mark(data)},
        data=DataMark(sha256=corpus_digest(examples), tickets=len(examples), writers=tuple(sorted(set(table.writer.tolist())))),
        scores=scores_of(assess(examples, table, unseen)),
        made_with={package: installed(package) for package in ("numpy", "scikit-learn")},
        goldens=_goldens(model, examples),
    )
    return named(name, content), data
