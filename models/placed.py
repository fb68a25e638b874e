"""The words with which a text begins and ends, as features of their own for severity.

Reporters tell in the first words what happened and in the last ones what it means: that a batch waits, that there is a way round, that it
can wait. A word that stands there says more about severity than the same word in the middle, and nothing more about the system.
"""

from typing import NamedTuple

import numpy as np

from models.features import Ints, Slots, slots
from models.reading import Words, places
from models.rows import Floats

OPENING = 8
CLOSING = 12
"""Words; found by leaving writers out, where neither is sharp: 6 to 12 and 12 to 24 give nearly the same."""
_OPENS, _CLOSES = np.uint64(0x8EBC6AF09C88C6E3), np.uint64(0x589965CC75374CC3)


class Placed(NamedTuple):
    """One item for each word that opens or closes a text: its text and its slot, which is not that of the word by itself."""

    texts: int
    text: Ints
    slot: Slots


def placed(words: Words) -> Placed:
    """The words of a short text both open and close it; its role does neither. The opening words come first, in reading order."""
    opening, closing = np.minimum(words.length, OPENING), np.minimum(words.length, CLOSING)
    first, _ = places(words.last - words.length, opening)
    last, _ = places(words.last - closing, closing)
    hashes, text = words.hash, np.arange(len(words.last))
    slot = slots(np.concatenate([hashes.take(first) * _OPENS, hashes.take(last) * _CLOSES]))
    return Placed(len(text), np.concatenate([text.repeat(opening), text.repeat(closing)]), slot)


def placed_scores(found: Placed, weights: Floats) -> Floats:
    """(texts, columns): the sum of the (SLOTS, columns) weights of a text's placed words, one by one: the same alone and in any batch."""
    return np.stack([np.bincount(found.text, column[found.slot], minlength=found.texts) for column in weights.T], axis=1)
