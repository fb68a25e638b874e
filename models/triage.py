"""The port through which a service asks a model, and the linear model behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from models.calibration import LEAST_WORDS, Calibration, cheapest, gxp_probability, severity_probabilities, system_probabilities
from models.columns import Columns
from models.contributions import leading_words, speakable, word_weights
from models.features import SLOTS, Batch, Hashes, Ints, batches
from models.hearing import Heard
from models.known import lookup, unknown_shares
from models.lexicon import Lexicon
from models.placed import Placed, placed, placed_scores, titled
from models.reading import Grams, Reader, grams
from models.rows import Floats, Rows, counted, product, spread, summed, weighted
from models.similar import Similar
from schemas.predictions import Prediction, RankedSeverity, RankedSystem, TicketText, Word
from schemas.words import KINDS, SEVERITIES


class Model(Protocol):
    """Answers for a batch at once, in the order of the texts; the same texts and version give the same answers, alone or in a batch."""

    @property
    def version(self) -> str: ...

    def predict(self, texts: Sequence[TicketText]) -> list[Prediction]: ...


@dataclass(frozen=True, slots=True)
class Arrays:
    """What was learned; columns as in `models.columns`. `weights` (SLOTS, columns) are for grams, `concepts` (concepts, columns) are added
    for each concept that is heard, `titled` (SLOTS, systems) to the scores of systems for each word of the title, `placed` (SLOTS, SEVERE)
    to those of severity for each word that opens or closes, `offsets` (columns,) always. `idf` (SLOTS,) weighs the slots; `vocabulary`
    holds the sorted hashes of the words that an explanation may show, `known` those of the words that count as known (none in versions
    that did not record them).
    """

    idf: Floats
    weights: npt.NDArray[np.float32]
    concepts: Floats
    titled: Floats
    placed: Floats
    offsets: Floats
    vocabulary: Hashes
    known: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))


@dataclass(frozen=True, slots=True)
class Answers:
    """Rounded as they are published, so that a decision can be recomputed from what was published. `kind` (texts,) is a place in KINDS."""

    systems: Floats
    severities: Floats
    gxp: Floats
    kind: Ints


def answers(scores: Floats, calibration: Calibration, sites: Sequence[str] | None = None) -> Answers:
    """Probabilities from raw scores; `sites` names the site of each text, where that is known."""
    columns = Columns(len(calibration.thresholds))
    systems = system_probabilities(columns.system(scores), *calibration.certainty(sites or [""] * len(scores)))
    severities = severity_probabilities(columns.severe(scores), calibration.severity)
    gxp = gxp_probability(columns.gxp(scores), calibration.gxp)
    return Answers(systems.round(4), severities.round(4), gxp.round(4), columns.kind(scores).argmax(axis=1))


@dataclass(frozen=True, slots=True)
class Read:
    """A batch as the model reads it: grams in weighted rows, and which text has which concept."""

    grams: Grams
    rows: Rows
    value: Floats
    heard: Heard
    titled: Placed

    @property
    def length(self) -> Ints:
        return self.grams.words.length


class TriageModel:
    """Hashed grams and concepts through one weight table: routes, suggests severity, kind and GxP flag, and says what it went by.

    Holds arrays and the lexicon, needs numpy only; safe to call from several threads.
    """

    def __init__(self, version: str, systems: Sequence[str], arrays: Arrays, calibration: Calibration, lexicon: Lexicon) -> None:
        self.version = version
        self.systems = tuple(systems)
        self.lexicon = lexicon
        self._arrays = arrays
        self._calibration = calibration
        self._known = lookup(arrays.known)

    def predict(self, texts: Sequence[TicketText]) -> list[Prediction]:
        return [prediction for batch, sites in _parts(texts) for prediction in self._predict(self._read(batch), sites)]

    def routes(self, texts: Sequence[TicketText]) -> Floats:
        """(texts, systems) probabilities without the rest and without explanations: what costs least where only the route counts."""
        return np.concatenate([self._routes(batch, sites) for batch, sites in _parts(texts)])

    @cached_property
    def _routing(self) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(self._arrays.weights[:, : len(self.systems)])

    @cached_property
    def _hearing(self) -> Floats:
        return np.ascontiguousarray(self._arrays.concepts[:, : len(self.systems)])

    def _routes(self, batch: Batch, sites: Sequence[str]) -> Floats:
        words, systems = self.lexicon.ears.read(batch), len(self.systems)
        found, heard = grams(words), self.lexicon.ears.hear(words)
        rows = counted(found)
        value = weighted(rows, self._arrays.idf).astype(np.float32)
        scores = product(rows, value, self._routing) + self._arrays.offsets[:systems]
        scores += summed(heard.text, self._hearing.take(heard.concept, axis=0), len(batch))
        scores += placed_scores(titled(words), self._arrays.titled)
        return system_probabilities(scores / spread(words.length)[:, None], *self._calibration.certainty(sites))

    def similar(self) -> Similar:
        """An empty list of known tickets, compared by what this model takes for telling."""
        return Similar(self._arrays.idf, self.lexicon.ears.read)

    def _read(self, batch: Batch) -> Read:
        words = self.lexicon.ears.read(batch)
        found = grams(words)
        rows = counted(found)
        return Read(found, rows, weighted(rows, self._arrays.idf), self.lexicon.ears.hear(words), titled(words))

    def _scores(self, read: Read) -> Floats:
        """Concepts are added one by one in their order: a text scores the same alone and in any batch."""
        scores = product(read.rows, read.value, self._arrays.weights) + self._arrays.offsets
        np.add.at(scores, read.heard.text, self._arrays.concepts[read.heard.concept])
        columns = Columns(len(self.systems))
        system, severe = columns.system(scores), columns.severe(scores)
        system += placed_scores(read.titled, self._arrays.titled)
        severe += placed_scores(placed(read.grams.words), self._arrays.placed)
        system /= spread(read.length)[:, None]
        return np.asarray(scores)

    def _predict(self, read: Read, sites: Sequence[str]) -> list[Prediction]:
        answer = answers(self._scores(read), self._calibration, sites)
        order = np.argsort(-answer.systems, axis=1, kind="stable")
        suggested = cheapest(answer.severities, self._calibration.costs)
        unknown = unknown_shares(read.grams.words, self._known)
        told = zip(
            answer.systems.tolist(), order.tolist(), answer.severities.tolist(), suggested.tolist(),
            (answer.gxp >= 0.5).tolist(), answer.kind.tolist(), read.length.tolist(), unknown.tolist(),
            self._words(read, order[:, 0]), strict=True,
        )  # fmt: skip
        return [self._prediction(Told(*each)) for each in told]

    def _words(self, read: Read, first: npt.NDArray[np.intp]) -> list[tuple[Word, ...]]:
        """A word or concept counts by how much more it gave the first system than it gave the systems on average."""
        systems = len(self.systems)
        table = self._arrays.weights[read.rows.slot, :systems]
        excess = table[np.arange(len(table)), first[read.rows.text]] - table.mean(axis=1)
        weights = word_weights(read.grams, read.rows, read.value * excess)
        title = self._arrays.titled[read.titled.slot]
        weights[read.titled.word] += title[np.arange(len(title)), first[read.titled.text]] - title.mean(axis=1)
        text, concept = read.heard.text, read.heard.concept
        given = self._arrays.concepts[concept, :systems]
        added = given[np.arange(len(given)), first[text]] - given.mean(axis=1)
        means = [f"concept:{self.lexicon.concepts[number].means}" for number in concept]
        heard = zip(text.tolist(), means, added.tolist(), strict=True)
        return leading_words(read.grams, weights, speakable(read.grams, self._arrays.vocabulary), heard)

    def _prediction(self, told: "Told") -> Prediction:
        first = told.order[0]
        confidence, threshold = told.systems[first], self._calibration.thresholds[first]
        edges, risk = self._calibration.set_edges, told.severities[0]
        return Prediction(
            systems=tuple(RankedSystem(system=self.systems[i], probability=told.systems[i]) for i in told.order),
            prediction_set=tuple(self.systems[i] for i in told.order if i == first or told.systems[i] >= edges[i]),
            confidence=confidence,
            threshold=threshold,
            decision="route" if confidence >= threshold and told.length >= LEAST_WORDS else "triage",
            severity=SEVERITIES[told.suggested],
            severities=tuple(RankedSeverity(severity=name, probability=p) for name, p in zip(SEVERITIES, told.severities, strict=True)),
            sev1_risk=risk,
            sev1_candidate=risk >= self._calibration.sev1_edge,
            gxp=told.gxp,
            kind=KINDS[told.kind],
            unknown_words=told.unknown,
            words=told.words,
            model=self.version,
        )


def _parts(texts: Sequence[TicketText]) -> Iterator[tuple[Batch, list[str]]]:
    """Batches, each with the sites of its texts."""
    done = 0
    for batch in batches(texts):
        yield batch, [text.site for text in texts[done : done + len(batch)]]
        done += len(batch)


def similar_for(model: Model) -> Similar:
    """An empty list of known tickets for the company of this model; to one that is not ours every gram tells the same."""
    return model.similar() if isinstance(model, TriageModel) else Similar(np.ones(SLOTS), Reader().read)


class Told(NamedTuple):
    """One text's answers as plain numbers."""

    systems: list[float]
    order: list[int]
    severities: list[float]
    suggested: int
    gxp: bool
    kind: int
    length: int
    unknown: float
    words: tuple[Word, ...]
