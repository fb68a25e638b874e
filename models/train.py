"""Fit the weight tables with scikit-learn. Nothing that scores tickets imports this module."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags, hstack, vstack
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from models.columns import Columns
from models.examples import Example
from models.features import SLOTS, Flags, Ints, batches
from models.lexicon import Lexicon
from models.local import Taught, Weighed, folds, learnable
from models.placed import Placed, placed, titled
from models.reading import Words
from models.rows import Floats, spread
from models.transformer import GramCounts
from schemas.predictions import TicketText
from schemas.words import KINDS

SEED = 20_260_301
_ROUTER_COST = 0.6
_SEVERITY_COST = 2.0
_LEAST_TICKETS = 2
_CONCEPT_SCALE = 0.03  # beside grams that are scaled to length one; found by leaving writers out
_PLACED_SCALE = 0.02  # as the scale of concepts; three quarters and one and a half of it give nearly the same
_LESSON_WEIGHT = 0.1
_MEASURED_WEIGHT = 2.0  # labels of the measured writers count for more than those of practice, which nobody has read a second time

Watch = Callable[[Sequence[str]], Iterable[str]]


def _joined(first: Any, second: Any) -> Any:
    return np.concatenate([first, second]) if isinstance(first, np.ndarray) else vstack([first, second]).tocsr()


@dataclass(frozen=True, slots=True)
class Table:
    """A corpus as arrays, a row an example: damped counts (examples, SLOTS), concepts heard (examples, concepts), words of the title
    and words that open or close (examples, SLOTS), how many words there are, and labels.

    `weight` says what a row counts for routing and kind, `convention` what it counts for severity and GxP flag.
    """

    counts: csr_matrix
    heard: csr_matrix
    titled: csr_matrix
    placed: csr_matrix
    length: Ints
    system: Ints
    severe: Flags
    gxp: Flags
    kind: Ints
    writer: npt.NDArray[np.str_]
    weight: Floats
    convention: Floats

    def rows(self, chosen: Flags) -> "Table":
        return Table(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def with_more(self, other: "Table") -> "Table":
        return Table(*(_joined(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the lexicon says by itself: its terms as small texts, each with the system that the term's concept leans to."""

    counts: csr_matrix
    system: Ints


@dataclass(frozen=True, slots=True)
class Course:
    """Everything to learn from. `measured` is held out writer by writer to measure and calibrate; `practice` is only ever learned from.

    The last `local` rows of practice are what people of a site confirmed.
    """

    systems: tuple[str, ...]
    measured: Table
    practice: Table
    lessons: Lessons
    local: int = 0

    @property
    def columns(self) -> Columns:
        return Columns(len(self.systems))


@dataclass(frozen=True, slots=True)
class Fitted:
    """`weights` (SLOTS, columns) for grams of length one, `concepts` (concepts, columns) to be added for each concept that is heard,
    `titled` (SLOTS, systems) to those of systems for each word of the title, `placed` (SLOTS, SEVERE) to those of severity for each word
    that opens or closes.
    """

    idf: Floats
    weights: Floats
    concepts: Floats
    titled: Floats
    placed: Floats
    offsets: Floats

    def scores(self, table: Table, columns: Columns) -> Floats:
        scores = np.asarray(_weighed(table.counts, self.idf) @ self.weights + table.heard @ self.concepts + self.offsets)
        system, severe = columns.system(scores), columns.severe(scores)
        system += table.titled @ self.titled
        severe += table.placed @ self.placed
        system /= spread(table.length)[:, None]
        return scores


def _heard_matrix(texts: Iterable[TicketText], lexicon: Lexicon) -> csr_matrix:
    rows, columns, before = [], [], 0
    for heard in map(lexicon.ears.hear, map(lexicon.ears.read, batches(texts))):
        rows.append(heard.text + before)
        columns.append(heard.concept)
        before += heard.texts
    cells = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.ones(len(cells[0])), cells), shape=(before, len(lexicon.concepts)))


def _placed_matrix(texts: Iterable[TicketText], lexicon: Lexicon, find: Callable[[Words], Placed]) -> csr_matrix:
    rows, columns, before = [], [], 0
    for found in map(find, map(lexicon.ears.read, batches(texts))):
        rows.append(found.text + before)
        columns.append(found.slot.astype(np.int64))
        before += found.texts
    cells = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.ones(len(cells[0])), cells), shape=(before, SLOTS))


def tabulate(examples: Sequence[Example], systems: Sequence[str], lexicon: Lexicon) -> Table:
    texts = [example.text for example in examples]
    severity = np.array([int(example.severity[-1]) for example in examples])
    return Table(
        counts=GramCounts().transform(texts),
        heard=_heard_matrix(texts, lexicon),
        titled=_placed_matrix(texts, lexicon, titled),
        placed=_placed_matrix(texts, lexicon, placed),
        length=np.concatenate([words.length for words in map(lexicon.ears.read, batches(texts))]),
        system=np.array([systems.index(example.system) for example in examples]),
        severe=severity[:, None] <= np.array([[1, 2, 3]]),
        gxp=np.array([example.gxp_impact for example in examples]),
        kind=np.array([KINDS.index(example.kind) for example in examples]),
        writer=np.array([example.writer for example in examples]),
        weight=np.ones(len(examples)),
        convention=np.ones(len(examples)),
    )


def _local(taught: Sequence[Weighed], systems: Sequence[str], lexicon: Lexicon) -> Table:
    """What people of a site confirmed; severity counts where they confirmed it as well."""
    table = tabulate([each.example for each in taught], systems, lexicon)
    weight, graded = _MEASURED_WEIGHT * np.array([each.weight for each in taught]), np.array([each.graded for each in taught])
    return replace(table, weight=weight, convention=weight * graded)


def course_of(measured: Sequence[Example], lexicon: Lexicon, practice: Sequence[Example] = (), local: Sequence[Taught] = ()) -> Course:
    """Systems are those of the measured examples, in alphabetical order; what else is about others is left out.

    Rows of `local` are the last ones of what is only learned from.
    """
    systems = tuple(sorted({example.system for example in measured}))
    fitting = [example for example in practice if example.system in systems]
    table = tabulate(measured, systems, lexicon)
    table = replace(table, weight=_MEASURED_WEIGHT * table.weight, convention=_MEASURED_WEIGHT * table.convention)
    more = tabulate(fitting, systems, lexicon) if fitting else table.rows(np.zeros(len(measured), np.bool_))
    known = [each for each in local if each.example.system in systems]
    if known:
        own = learnable(known, [*measured, *fitting], Counter(each.system for each in measured))
        more = more.with_more(_local(own, systems, lexicon))
    taught = [(term, systems.index(system)) for term, system in lexicon.lessons() if system in systems]
    counts = GramCounts().transform(TicketText(title=term) for term, _ in taught) if taught else csr_matrix((0, SLOTS))
    return Course(systems, table, more, Lessons(counts, np.array([system for _, system in taught], np.int64)), len(known))


def _idf(counts: csr_matrix) -> Floats:
    """ln((1 + n) / (1 + tickets with the slot)) + 1; a slot of a single ticket is dropped, for it can only be learned by heart."""
    tickets = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((1 + counts.shape[0]) / (1 + tickets)) + 1
    return np.asarray(np.where(tickets >= _LEAST_TICKETS, idf, 0.0).astype(np.float16).astype(np.float64))


def _gram_idf(table: Table, lessons: Lessons) -> Floats:
    """A slot that only lessons know weighs as much as the rarest of the tickets'."""
    idf = _idf(table.counts)
    taught = np.bincount(lessons.counts.indices, minlength=SLOTS) >= _LEAST_TICKETS
    return np.where(taught & (idf == 0), idf.max(), idf)


def _weighed(counts: csr_matrix, idf: Floats) -> csr_matrix:
    return normalize(counts @ diags(idf))


def _apart(cells: csr_matrix, label: Ints, labels: int, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """One against the rest for each of 0..labels-1; a label that nobody has is never answered."""
    machine = LinearSVC(C=_ROUTER_COST, class_weight="balanced", random_state=SEED).fit(cells, label, sample_weight=weight)
    pair = len(machine.classes_) == 2
    weights, offsets = np.zeros((labels, cells.shape[1])), np.full(labels, -1e3)
    weights[machine.classes_] = np.vstack([-machine.coef_, machine.coef_]) if pair else machine.coef_
    offsets[machine.classes_] = np.concatenate([-machine.intercept_, machine.intercept_]) if pair else machine.intercept_
    return weights, offsets


def _detector(cells: csr_matrix, label: Flags, weight: Floats) -> tuple[Floats, Floats]:
    kind = {"solver": "liblinear", "dual": True, "max_iter": 500, "random_state": SEED}
    machine = LogisticRegression(C=_SEVERITY_COST, class_weight="balanced", **kind).fit(cells, label, sample_weight=weight)
    return machine.coef_, machine.intercept_


class _Beside(NamedTuple):
    """Placed words as cells to learn from beside others: (examples, known) values of the slots that are known, and these slots' scale."""

    cells: csr_matrix
    known: Ints
    scale: Floats

    @classmethod
    def of(cls, counts: csr_matrix) -> "_Beside":
        scale = _PLACED_SCALE * _idf(counts)
        known = np.flatnonzero(scale)
        return cls((counts @ diags(scale))[:, known], known, scale[known])

    def weights(self, learned: Floats) -> Floats:
        """(columns, known) coefficients to (SLOTS, columns) weights for one word each."""
        weights = np.zeros((SLOTS, len(learned)))
        weights[self.known] = learned.T * self.scale[:, None]
        return weights


def _router(cells: csr_matrix, taught: csr_matrix, table: Table, course: Course) -> tuple[tuple[Floats, Floats], Floats]:
    """The router for `cells`, which learns from lessons as well, and its (SLOTS, systems) weights for words of titles."""
    lessons, titles = course.lessons, _Beside.of(table.titled)
    rows = vstack([hstack([cells, titles.cells]), hstack([taught, csr_matrix((len(lessons.system), len(titles.known)))])])
    weight = np.concatenate([table.weight, np.full(len(lessons.system), _LESSON_WEIGHT)])
    system, width = np.concatenate([table.system, lessons.system]), cells.shape[1]
    coefficients, offsets = _apart(rows.tocsr(), system, len(course.systems), weight)
    return (coefficients[:, :width], offsets), titles.weights(coefficients[:, width:])


def _graded(cells: csr_matrix, table: Table) -> tuple[list[tuple[Floats, Floats]], Floats]:
    """The three severity detectors for `cells`, and their (SLOTS, SEVERE) weights for words that open or close.

    Each ticket is learned from twice, with these words and without them: severity must be able to do without, for behind what a reporter
    says there may stand a signature, which no ticket of the corpus has.
    """
    placed, width = _Beside.of(table.placed), cells.shape[1]
    with_them = hstack([cells, placed.cells])
    without = hstack([cells, csr_matrix(placed.cells.shape)])
    rows, weight = vstack([with_them, without]).tocsr(), np.tile(table.convention / 2, 2)
    learned = [_detector(rows, np.tile(label, 2), weight) for label in table.severe.T]
    weights = placed.weights(np.vstack([coefficients[:, width:] for coefficients, _ in learned]))
    return [(coefficients[:, :width], offset) for coefficients, offset in learned], weights


def fit(course: Course, chosen: Flags) -> Fitted:
    """Weights from the chosen measured rows and all that is only learned from; columns as in `models.columns`.

    In one thread: on a busy machine several wait for each other longer than they work.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return _fitted(course, chosen)


def _fitted(course: Course, chosen: Flags) -> Fitted:
    table, lessons = course.measured.rows(chosen).with_more(course.practice), course.lessons
    idf, concept_value = _gram_idf(table, lessons), _CONCEPT_SCALE * _idf(table.heard)
    used = np.flatnonzero(idf)
    cells = hstack([_weighed(table.counts, idf)[:, used], table.heard @ diags(concept_value)]).tocsr()
    taught = hstack([_weighed(lessons.counts, idf)[:, used], csr_matrix((len(lessons.system), len(concept_value)))])
    router, titled = _router(cells, taught, table, course)
    graded, placed = _graded(cells, table)
    gxp, kind = _detector(cells, table.gxp, table.convention), _apart(cells, table.kind, len(KINDS), table.weight)
    parts = [router, *graded, gxp, kind]
    learned = np.vstack([coefficients for coefficients, _ in parts]).T
    weights = np.zeros((SLOTS, course.columns.count))
    weights[used] = learned[: len(used)]
    concepts, offsets = learned[len(used) :] * concept_value[:, None], np.concatenate([offset for _, offset in parts])
    return Fitted(idf, weights, concepts, titled, placed, offsets)


def local_scores(course: Course, watch: Watch = iter) -> Floats:
    """(local, columns): each ticket of the site scored by a model that learned from all but it and its neighbours in time."""
    practice, first = course.practice, len(course.practice.system) - course.local
    part = np.concatenate([np.full(first, -1), folds(course.local)])
    scores = np.zeros((course.local, course.columns.count))
    for one in watch([str(name) for name in sorted(set(part[first:].tolist()))]):
        own = part == int(one)
        fitted = fit(replace(course, practice=practice.rows(~own)), np.ones(len(course.measured.system), np.bool_))
        scores[own[first:]] = fitted.scores(practice.rows(own), course.columns)
    return scores


def unseen_scores(course: Course, watch: Watch = iter) -> Floats:
    """(measured examples, columns): each ticket scored by a model that learned from every writer but its own."""
    table = course.measured
    scores = np.zeros((len(table.system), course.columns.count))
    for writer in watch(sorted(set(table.writer))):
        own = table.writer == writer
        scores[own] = fit(course, ~own).scores(table.rows(own), course.columns)
    return scores
