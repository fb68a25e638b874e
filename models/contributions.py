"""The words that drove a decision: each gram's exact share of a score, given back to the word it lies in."""

from collections.abc import Iterable

import numpy as np

from models.features import Flags, Hashes
from models.reading import Grams
from models.rows import Floats, Rows, cells
from schemas.predictions import Word

_SHOWN = 6
_LEAST = 0.005


def word_weights(grams: Grams, rows: Rows, share: Floats) -> Floats:
    """What each word of the batch added. `share` is what each cell of `rows` added; a pair's part is halved between its two words."""
    each, pair = (share / rows.count).take(cells(grams, rows)), grams.pair
    each[pair] *= 0.5
    weights = np.asarray(np.bincount(grams.word, each), np.float64)
    weights[1:][grams.paired[:-1]] += each[pair]
    return weights


def speakable(grams: Grams, vocabulary: Hashes) -> Flags:
    """Which words may be shown: fields, and words of common use, whose sorted hashes `vocabulary` holds: no names, no numbers."""
    if not len(vocabulary):
        return grams.words.field
    hashes = grams.words.hash
    return np.asarray(grams.words.field | (vocabulary.take(np.searchsorted(vocabulary, hashes), mode="clip") == hashes))


def _leading(weights: dict[str, float]) -> tuple[Word, ...]:
    ordered = sorted(weights.items(), key=lambda item: (-round(item[1], 4), item[0]))
    return tuple(Word(term=term, weight=weight) for term, weight in ordered[:_SHOWN])


def leading_words(grams: Grams, weights: Floats, shown: Flags, heard: Iterable[tuple[int, str, float]] = ()) -> list[tuple[Word, ...]]:
    """For each text the words and the concepts `heard` (text, term, weight) that added most, the greatest first; each stands once."""
    found: list[dict[str, float]] = [{} for _ in range(grams.texts)]
    text = grams.words.text.tolist()
    for index in np.flatnonzero(shown & (weights > _LEAST)).tolist():
        terms, term = found[text[index]], grams.words.term(index)
        terms[term] = terms.get(term, 0.0) + float(weights[index])
    for text, term, weight in heard:
        if weight > _LEAST:
            found[text][term] = float(weight)
    return [_leading(terms) for terms in found]
