"""Counts of a batch as weighted, length-one rows, and their product with a weight table."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features import Flags, Ints
from models.reading import Grams

Floats = npt.NDArray[np.float64]
_HIGHEST_COUNT = 4_096
_DAMPED = 1.0 + np.log(np.arange(1, _HIGHEST_COUNT + 1))
_NEXT_TO_NOTHING = 1e-12
_SPREAD = (np.clip(np.arange(151), 4, 150) / 30) ** 0.2


@dataclass(frozen=True, slots=True)
class Rows:
    """Non-empty cells of a (texts, SLOTS) matrix, ordered by text, then slot; each text has its role at least. `start` (texts,) is where
    the cells of each text begin.
    """

    text: Ints
    slot: Ints
    count: Ints
    start: Ints


def changes(keys: npt.NDArray[Any]) -> Flags:
    """Where sorted keys differ from the one before; the first one does."""
    changed = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=changed[1:])
    return changed


def counted(grams: Grams) -> Rows:
    """Slots are sorted text by text: many small sorts of 16 bits cost less than a large one of texts and slots together."""
    slot, edges = grams.slot.copy(), grams.edges
    for first, last in pairwise(edges.tolist()):
        slot[first:last].sort()
    changed = np.ones(len(slot) + 1, np.bool_)
    changed[:-1] = changes(slot)
    changed[edges] = True
    place = changed.nonzero()[0]
    start = place.searchsorted(edges)
    text = np.arange(grams.texts).repeat(start[1:] - start[:-1])
    return Rows(text, slot.take(place[:-1]).astype(np.int64), place[1:] - place[:-1], start[:-1])


def cells(grams: Grams, rows: Rows) -> Ints:
    """(grams,) the cell that counts each occurrence."""
    order = np.concatenate([grams.slot[first:last].argsort() + first for first, last in pairwise(grams.edges.tolist())])
    cell = np.empty(len(order), np.int64)
    cell[order] = np.arange(len(rows.count)).repeat(rows.count)
    return cell


def damped(count: Ints) -> Floats:
    """1 + ln(count): the tenth mention of a word says little more than the third."""
    return _DAMPED.take(count - 1, mode="clip")


def weighted(rows: Rows, idf: Floats) -> Floats:
    """Value of each cell, each row scaled to length one (an all-zero row stays zero)."""
    value = damped(rows.count) * idf.take(rows.slot)
    length = np.sqrt(np.bincount(rows.text, value * value))
    return np.asarray(value / np.maximum(length, _NEXT_TO_NOTHING).take(rows.text))


def spread(length: Ints) -> Floats:
    """(texts,) by how much the scores of a text of so many words lie further apart than those of one of 30 words.

    A short text scores lower than it deserves, a long one higher: divided by this, one temperature fits both. The exponent is what leaving
    writers out gave, nearly the same for each of them.
    """
    return _SPREAD.take(length, mode="clip")


def product(rows: Rows, value: npt.NDArray[np.floating], weights: npt.NDArray[np.float32]) -> Floats:
    """(texts, columns). Each row is summed in slot order by itself, not by BLAS: a text scores the same alone and in any batch."""
    return np.asarray(np.add.reduceat(weights.take(rows.slot, axis=0) * value[:, None], rows.start, axis=0))


def summed(text: Ints, values: Floats, texts: int) -> Floats:
    """(texts, columns): the sum of each text's `values` (items, columns), one by one in their order; 0 for a text that has none."""
    if texts == 1:
        return np.asarray(np.add.reduce(values, axis=0)[None], np.float64)  # row upon row, as below
    columns = values.shape[1]
    cells = (text[:, None] * columns + np.arange(columns)).ravel()
    return np.asarray(np.bincount(cells, values.ravel(), minlength=texts * columns), np.float64).reshape(texts, columns)
