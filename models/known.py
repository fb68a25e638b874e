"""How much of a text is made of words that a model knows. Which those are is found out by `models.known_words`.

Slots cannot tell: there are so few of them that a word which nobody ever wrote falls on one that others have filled.
"""

import numpy as np

from models.features import Flags, Hashes, Ints
from models.reading import Words
from models.rows import Floats

_TABLE_BITS = 20
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


def places_of(hashes: Hashes) -> Ints:
    mixed = (hashes ^ (hashes >> np.uint64(32))) * _SCATTER
    return (mixed >> np.uint64(64 - _TABLE_BITS)).astype(np.int64)


def lookup(known: Hashes) -> Flags:
    """A table to ask for any hash. A strange word is held for known where it shares its place, about once in seventy at 15,000 known words.

    A version that recorded no words takes all for known.
    """
    table = np.full(1 << _TABLE_BITS, not len(known))
    table[places_of(known)] = True
    return table


def unknown_shares(words: Words, table: Flags) -> Floats:
    """(texts,) share of each text's words that `table` does not know, fields aside; 0 for a text without words."""
    own, texts = ~words.field, len(words.last)
    text = words.text[own]
    strange = np.bincount(text, ~table[places_of(words.hash[own])], minlength=texts)
    return np.asarray(strange / np.maximum(1, np.bincount(text, minlength=texts)))
