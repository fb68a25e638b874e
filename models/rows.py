"""Counts of a batch as weighted, length-one rows, and their product with a weight table."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.features import SLOTS, Grams, Ints

Floats = npt.NDArray[np.float64]
_HIGHEST_COUNT = 4_096
_DAMPED = 1.0 + np.log(np.arange(1, _HIGHEST_COUNT + 1))


@dataclass(frozen=True, slots=True)
class Rows:
    """Non-empty cells of a (texts, SLOTS) matrix, ordered by text; `cell` names for each gram occurrence the cell that counts it."""

    texts: int
    text: Ints
    slot: Ints
    count: Ints
    cell: Ints


def counted(grams: Grams) -> Rows:
    keys, cell, count = np.unique(grams.text * SLOTS + grams.slot, return_inverse=True, return_counts=True)
    return Rows(grams.texts, keys // SLOTS, keys % SLOTS, count, cell)


def counted_only(grams: Grams) -> Rows:
    """As `counted`, without the way back from an occurrence to its cell, which costs most: for scores that nobody asks to explain."""
    keys = np.sort(grams.text * SLOTS + grams.slot)
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    count = np.diff(first, append=len(keys))
    keys = keys[first]
    return Rows(grams.texts, keys // SLOTS, keys % SLOTS, count, np.zeros(0, np.int64))


def damped(count: Ints) -> Floats:
    """1 + ln(count): the tenth mention of a word says little more than the third."""
    return np.take(_DAMPED, np.minimum(count, _HIGHEST_COUNT) - 1)


def weighted(rows: Rows, idf: Floats) -> Floats:
    """Value of each cell, each row scaled to length one (an all-zero row stays zero)."""
    value = damped(rows.count) * idf[rows.slot]
    length = np.sqrt(np.bincount(rows.text, value * value, minlength=rows.texts))
    return value / np.where(length > 0, length, 1.0)[rows.text]


def spread(length: Ints) -> Floats:
    """(texts,) by how much the scores of a text of so many words lie further apart than those of one of 30 words.

    A short text scores lower than it deserves, a long one higher: divided by this, one temperature fits both. The exponent is what leaving
    writers out gave, nearly the same for each of them.
    """
    return np.asarray((np.clip(length, 4, 150) / 30) ** 0.2)


def column_product(rows: Rows, value: Floats, weights: npt.NDArray[np.float32]) -> Floats:
    """(texts, columns) as `product`, from weights that stand column by column (columns, SLOTS): quicker for few columns."""
    return np.stack([np.bincount(rows.text, column[rows.slot] * value, minlength=rows.texts) for column in weights], axis=1)


def product(rows: Rows, value: Floats, weights: npt.NDArray[np.float32]) -> Floats:
    """(texts, columns). Each row is summed in slot order by itself, not by BLAS: a text scores the same alone and in any batch."""
    starts = np.searchsorted(rows.text, np.arange(rows.texts))
    return np.asarray(np.add.reduceat(weights[rows.slot] * value[:, None], starts, axis=0))
