"""The grams of `models.features` as a scikit-learn transformer: for training, and for whoever wants another model behind them."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin

from models.features import SLOTS, batches
from models.reading import Reader, grams
from models.rows import counted, damped
from schemas.predictions import TicketText


class GramCounts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Texts to a (texts, SLOTS) matrix of damped counts of words, pairs of words and in-word four-byte grams. There is nothing to fit."""

    def fit(self, texts: Iterable[TicketText], labels: Sequence[Any] | None = None) -> Self:
        return self

    def transform(self, texts: Iterable[TicketText]) -> csr_matrix:
        rows, columns, values, before, reader = [], [], [], 0, Reader()
        for batch in batches(texts):
            found = counted(grams(reader.read(batch)))
            rows.append(found.text + before)
            columns.append(found.slot)
            values.append(damped(found.count))
            before += len(batch)
        cells = (np.concatenate(rows), np.concatenate(columns))
        return csr_matrix((np.concatenate(values), cells), shape=(before, SLOTS))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags
