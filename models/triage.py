"""The port through which a service asks a model, and the linear model behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.calibration import Calibration, gxp_probability, severity_probabilities, system_probabilities
from models.contributions import leading_words, speakable, word_weights
from models.features import Grams, Hashes, batches, grams
from models.rows import Floats, Rows, counted, product, weighted
from schemas.predictions import Prediction, RankedSeverity, RankedSystem, TicketText, Word
from schemas.words import SEVERITIES


class Model(Protocol):
    """Answers for a batch at once, in the order of the texts; the same texts and version give the same answers, alone or in a batch."""

    @property
    def version(self) -> str: ...

    def predict(self, texts: Sequence[TicketText]) -> list[Prediction]: ...


@dataclass(frozen=True, slots=True)
class Arrays:
    """What was learned. Columns of `weights` (SLOTS, systems + 4) and `offsets`: the systems, at least sev1, sev2, sev3, and GxP.

    `idf` (SLOTS,) weighs the slots; `vocabulary` holds the sorted hashes of the words that an explanation may show.
    """

    idf: Floats
    weights: npt.NDArray[np.float32]
    offsets: Floats
    vocabulary: Hashes


@dataclass(frozen=True, slots=True)
class Answers:
    """Rounded as they are published, so that a decision can be recomputed from what was published."""

    systems: Floats
    severities: Floats
    sev1_risk: Floats
    gxp: Floats


def answers(scores: Floats, calibration: Calibration) -> Answers:
    """Probabilities from raw scores, column order as in Arrays."""
    systems = system_probabilities(scores[:, :-4], calibration.temperature)
    severities = severity_probabilities(scores[:, -4:-1], calibration.severity)
    gxp = gxp_probability(scores[:, -1], calibration.gxp)
    return Answers(systems.round(4), severities.round(4), severities[:, 0].round(4), gxp.round(4))


class TriageModel:
    """Hashed grams through one weight table: routes, suggests severity and GxP flag, and says which words it went by.

    Holds arrays only and needs numpy only; safe to call from several threads.
    """

    def __init__(self, version: str, systems: Sequence[str], arrays: Arrays, calibration: Calibration) -> None:
        self.version = version
        self.systems = tuple(systems)
        self._arrays = arrays
        self._calibration = calibration

    def predict(self, texts: Sequence[TicketText]) -> list[Prediction]:
        return [prediction for batch in batches(texts) for prediction in self._predict(grams(batch))]

    def _predict(self, found: Grams) -> list[Prediction]:
        rows = counted(found)
        value = weighted(rows, self._arrays.idf)
        answer = answers(product(rows, value, self._arrays.weights) + self._arrays.offsets, self._calibration)
        order = np.argsort(-answer.systems, axis=1, kind="stable")
        words = self._words(found, rows, value, order[:, 0])
        return [self._prediction(answer, at, order[at], words[at]) for at in range(found.texts)]

    def _words(self, found: Grams, rows: Rows, value: Floats, first: npt.NDArray[np.intp]) -> list[tuple[Word, ...]]:
        """A word counts by how much more it gave the first system than it gave the systems on average."""
        table = self._arrays.weights[rows.slot, : len(self.systems)]
        excess = table[np.arange(len(table)), first[rows.text]] - table.mean(axis=1)
        weights = word_weights(found, rows, value * excess)
        return leading_words(found, weights, speakable(found, self._arrays.vocabulary))

    def _prediction(self, answer: Answers, at: int, order: npt.NDArray[np.intp], words: tuple[Word, ...]) -> Prediction:
        first, risk, probabilities = int(order[0]), float(answer.sev1_risk[at]), answer.systems[at]
        confidence, threshold = float(probabilities[first]), self._calibration.thresholds[first]
        edges = self._calibration.set_edges
        return Prediction(
            systems=tuple(RankedSystem(system=self.systems[i], probability=probabilities[i]) for i in order),
            prediction_set=tuple(self.systems[i] for i in order if i == first or probabilities[i] >= edges[i]),
            confidence=confidence,
            threshold=threshold,
            decision="route" if confidence >= threshold else "triage",
            severity=SEVERITIES[int(answer.severities[at].argmax())],
            severities=tuple(
                RankedSeverity(severity=name, probability=p) for name, p in zip(SEVERITIES, answer.severities[at], strict=True)
            ),
            sev1_risk=risk,
            sev1_candidate=risk >= self._calibration.sev1_edge,
            gxp=bool(answer.gxp[at] >= 0.5),
            words=words,
            model=self.version,
        )
