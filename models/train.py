"""Fit the weight tables with scikit-learn. Nothing that scores tickets imports this module."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from models.examples import Example
from models.features import SLOTS, Flags, Ints, batches, grams
from models.rows import Floats, counted, damped

SEED = 20_260_301
_ROUTER_COST = 0.3
_SEVERITY_COST = 10.0
_LEAST_TICKETS = 2

Watch = Callable[[Sequence[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A corpus as arrays. `counts` is a sparse (examples, SLOTS) matrix of damped counts; labels are rows of 0/1 a column."""

    counts: csr_matrix
    systems: tuple[str, ...]
    system: Ints
    severe: Flags
    gxp: Flags
    writer: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Fitted:
    idf: Floats
    weights: Floats
    offsets: Floats

    def scores(self, counts: csr_matrix) -> Floats:
        return np.asarray(_weighed(counts, self.idf) @ self.weights + self.offsets)


def _count_matrix(examples: Sequence[Example]) -> csr_matrix:
    rows, columns, values, before = [], [], [], 0
    for batch in batches(example.text for example in examples):
        found = counted(grams(batch))
        rows.append(found.text + before)
        columns.append(found.slot)
        values.append(damped(found.count))
        before += found.texts
    cells = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.concatenate(values), cells), shape=(before, SLOTS))


def tabulate(examples: Sequence[Example]) -> Table:
    systems = tuple(sorted({example.system for example in examples}))
    severity = np.array([int(example.severity[-1]) for example in examples])
    return Table(
        counts=_count_matrix(examples),
        systems=systems,
        system=np.array([systems.index(example.system) for example in examples]),
        severe=severity[:, None] <= np.array([[1, 2, 3]]),
        gxp=np.array([example.gxp_impact for example in examples]),
        writer=np.array([example.writer for example in examples]),
    )


def _idf(counts: csr_matrix) -> Floats:
    """ln((1 + n) / (1 + tickets with the slot)) + 1; a slot of a single ticket is dropped, for it can only be learned by heart."""
    tickets = np.bincount(counts.indices, minlength=SLOTS)
    idf = np.log((1 + counts.shape[0]) / (1 + tickets)) + 1
    return np.asarray(np.where(tickets >= _LEAST_TICKETS, idf, 0.0).astype(np.float16).astype(np.float64))


def _weighed(counts: csr_matrix, idf: Floats) -> csr_matrix:
    return normalize(counts @ diags(idf))


def _router(cells: csr_matrix, system: Ints) -> tuple[Floats, Floats]:
    machine = LinearSVC(C=_ROUTER_COST, class_weight="balanced", random_state=SEED).fit(cells, system)
    return machine.coef_, machine.intercept_


def _detector(cells: csr_matrix, label: Flags) -> tuple[Floats, Floats]:
    kind = {"solver": "liblinear", "dual": True, "max_iter": 500, "random_state": SEED}
    machine = LogisticRegression(C=_SEVERITY_COST, class_weight="balanced", **kind).fit(cells, label)
    return machine.coef_, machine.intercept_


def fit(table: Table, chosen: Flags) -> Fitted:
    """Weights from the chosen rows, columns in the order of `models.triage.Arrays`. Every system must occur among them."""
    idf = _idf(table.counts[chosen])
    used = np.flatnonzero(idf)
    cells = _weighed(table.counts[chosen], idf)[:, used]
    labels = [*table.severe[chosen].T, table.gxp[chosen]]
    parts = [_router(cells, table.system[chosen]), *(_detector(cells, label) for label in labels)]
    weights = np.zeros((SLOTS, len(table.systems) + len(labels)))
    weights[used] = np.vstack([coefficients for coefficients, _ in parts]).T
    return Fitted(idf, weights, np.concatenate([offset for _, offset in parts]))


def unseen_scores(table: Table, watch: Watch = iter) -> Floats:
    """(examples, columns): each ticket scored by a model that learned from every writer but its own."""
    scores = np.zeros((len(table.system), len(table.systems) + 4))
    for writer in watch(sorted(set(table.writer))):
        own = table.writer == writer
        scores[own] = fit(table, ~own).scores(table.counts[own])
    return scores
