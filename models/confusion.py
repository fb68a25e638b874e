"""What was answered where the reader said what, counted."""

from collections.abc import Sequence

import numpy as np

from models.features import Ints
from models.manifest import Part


class Matrix(Part):
    """`counts[row][column]` tickets that are the one by `across` and the other by `down`; rows and columns in the order of their names."""

    name: str
    down: str
    across: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def counts(rows: Ints, columns: Ints, shape: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
    """How often each pair of places occurs."""
    flat = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return tuple(tuple(row) for row in flat.reshape(shape).tolist())


def confusion(name: str, labels: Sequence[str], told: Ints, answered: Ints) -> Matrix:
    square = (len(labels), len(labels))
    return Matrix(
        name=name, down="reader", across="answered", rows=tuple(labels), columns=tuple(labels), counts=counts(told, answered, square)
    )


def macro_f1(told: Ints, answered: Ints, labels: int) -> float:
    """Mean over the labels of 2 TP / (2 TP + FP + FN), so that a rare label counts as much as a common one (van Rijsbergen 1979)."""
    table = np.array(counts(told, answered, (labels, labels)))
    both = table.sum(axis=0) + table.sum(axis=1)
    return round(float((2 * table.diagonal() / np.maximum(1, both)).mean()), 4)
