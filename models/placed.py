"""Words that count once more for where they stand, as features of their own: those of the title for the route, and those with which a text
begins and ends for severity.

A title names the thing that fails. Reporters tell in the first words what happened and in the last ones what it means: that a batch waits,
that there is a way round, that it can wait.
"""

from typing import NamedTuple

import numpy as np

from models.features import Ints, Slots, slots
from models.reading import Words, places
from models.rows import Floats, summed

OPENING = 8
CLOSING = 12
"""Words; found by leaving writers out, where neither is sharp: 6 to 12 and 12 to 24 give nearly the same."""
_OPENS, _CLOSES = np.uint64(0x8EBC6AF09C88C6E3), np.uint64(0x589965CC75374CC3)


class Placed(NamedTuple):
    """One item for each word that stands in such a place: its text, its number among the words of the batch, and its slot, which is not
    that of the word by itself.
    """

    texts: int
    text: Ints
    word: Ints
    slot: Slots


def _run(words: Words, mark: np.uint64, start: Ints, count: Ints) -> Placed:
    """`count` words of each text from `start` on; `mark` makes other slots of their hashes."""
    word, _ = places(start, count)
    hashes = words.known.hash.take(words.number.take(word))
    return Placed(len(count), np.arange(len(count)).repeat(count), word, slots(hashes * mark))


def titled(words: Words) -> Placed:
    """The words of the title."""
    word, _ = places(words.last - words.length, words.title)
    slot = words.known.titled.take(words.number.take(word))
    return Placed(len(words.title), np.arange(len(words.title)).repeat(words.title), word, slot)


def placed(words: Words) -> Placed:
    """The words that open or close a text; those of a short text do both, its role neither. The opening ones come first."""
    length = words.length
    opening, closing = np.minimum(length, OPENING), np.minimum(length, CLOSING)
    first = _run(words, _OPENS, words.last - length, opening)
    last = _run(words, _CLOSES, words.last - closing, closing)
    joined = (np.concatenate([getattr(part, name) for part in (first, last)]) for name in ("text", "word", "slot"))
    return Placed(first.texts, *joined)


def placed_scores(found: Placed, weights: Floats) -> Floats:
    """(texts, columns): the sum of the (SLOTS, columns) weights of a text's placed words, one by one: the same alone and in any batch."""
    return summed(found.text, weights.take(found.slot, axis=0), found.texts)
