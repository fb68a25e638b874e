"""The words that drove a decision: each gram's exact share of a score, given back to the word it lies in."""

from collections.abc import Iterable

import numpy as np

from models.features import Flags, Grams, Hashes
from models.rows import Floats, Rows
from schemas.predictions import Word

_SHOWN = 6
_LEAST = 0.005


def word_weights(grams: Grams, rows: Rows, share: Floats) -> Floats:
    """What each word of the batch added. `share` is what each cell of `rows` added; a pair's part is halved between its two words."""
    each = share[rows.cell] / rows.count[rows.cell]
    halved = np.where(grams.pair, each / 2, each)
    count = len(grams.words.start)
    own = np.bincount(grams.word, halved, minlength=count)
    return np.asarray(own + np.bincount(grams.word[grams.pair] + 1, halved[grams.pair], minlength=count))


def speakable(grams: Grams, vocabulary: Hashes) -> Flags:
    """Which words may be shown: fields, and words of common use, whose sorted hashes `vocabulary` holds: no names, no numbers."""
    if not len(vocabulary):
        return grams.words.field
    nearest = np.minimum(np.searchsorted(vocabulary, grams.words.hash), len(vocabulary) - 1)
    return np.asarray(grams.words.field | (vocabulary[nearest] == grams.words.hash))


def _leading(weights: dict[str, float]) -> tuple[Word, ...]:
    ordered = sorted(weights.items(), key=lambda item: (-round(item[1], 4), item[0]))
    return tuple(Word(term=term, weight=weight) for term, weight in ordered[:_SHOWN])


def leading_words(grams: Grams, weights: Floats, shown: Flags, heard: Iterable[tuple[int, str, float]] = ()) -> list[tuple[Word, ...]]:
    """For each text the words and the concepts `heard` (text, term, weight) that added most, the greatest first; each stands once."""
    found: list[dict[str, float]] = [{} for _ in range(grams.texts)]
    for index in np.flatnonzero(shown & (weights > _LEAST)):
        terms, term = found[grams.words.text[index]], grams.words.term(int(index))
        terms[term] = terms.get(term, 0.0) + float(weights[index])
    for text, term, weight in heard:
        if weight > _LEAST:
            found[text][term] = float(weight)
    return [_leading(terms) for terms in found]
