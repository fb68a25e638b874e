"""The words that at least two of the tickets use that a model learned from: what it is taken to know."""

from collections.abc import Iterable, Sequence

import numpy as np

from models.examples import Example
from models.features import Hashes, Ints, batches
from models.known import lookup, unknown_shares
from models.reading import Reader
from models.rows import Floats
from schemas.predictions import TicketText

_LEAST_TICKETS = 2


def _uses(texts: Iterable[TicketText]) -> tuple[Ints, Hashes]:
    """Every word of every text, each once a text: which text, which hash."""
    text, hashes, before = [], [], 0
    for words in map(Reader().read, batches(texts)):
        own = ~words.field
        distinct, word = np.unique(words.hash[own], return_inverse=True)
        keys = np.unique(words.text[own] * len(distinct) + word)
        text.append(keys // len(distinct) + before)
        hashes.append(distinct[keys % len(distinct)])
        before += len(words.last)
    return np.concatenate(text), np.concatenate(hashes)


def known_words(texts: Iterable[TicketText]) -> Hashes:
    """Sorted hashes."""
    hashes, count = np.unique(_uses(texts)[1], return_counts=True)
    return np.asarray(hashes[count >= _LEAST_TICKETS])


def unseen_shares(examples: Sequence[Example], practice: Sequence[Example] = ()) -> Floats:
    """(examples,) share of unknown words of each example when only the other writers' tickets, and practice, are known."""
    everything = [*examples, *practice]
    text, hashes = _uses(example.text for example in everything)
    distinct, word = np.unique(hashes, return_inverse=True)
    writer = np.array([example.writer for example in everything])
    shares = np.zeros(len(examples))
    for name in sorted({example.writer for example in examples}):
        count = np.bincount(word[(writer != name)[text]], minlength=len(distinct))
        table = lookup(distinct[count >= _LEAST_TICKETS])
        own = map(Reader().read, batches(example.text for example in examples if example.writer == name))
        shares[writer[: len(examples)] == name] = np.concatenate([unknown_shares(words, table) for words in own])
    return shares
