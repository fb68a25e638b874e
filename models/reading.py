"""Batches as numbered words and their grams, with a memory for words: what a word stands for is worked out once.

Most words of a ticket have been met before. What is read does not depend on that: a word always stands for the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features import Batch, Flags, Hashes, Ints, Slots, letters, pairs, title_slots

Patterns = Callable[[bytes], Sequence[int]]
_MOST_LETTERS = 1 << 19


class Column:
    """An array that grows at its end; it is copied only when it has to be twice as long."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._held: npt.NDArray[Any] = np.zeros(0, dtype)
        self.size = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        end = self.size + len(values)
        if end > len(self._held):
            self._held = np.concatenate([self._held, np.zeros(end, self._held.dtype)])
        self._held[self.size : end] = values
        self.size = end

    def take(self, places: Ints) -> npt.NDArray[Any]:
        """A place behind the last gives anything."""
        return self._held.take(places, mode="clip")


class Runs:
    """For each key 0, 1, 2 ... a run of numbers."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._start, self._count = Column(np.int64), Column(np.int64)
        self.values = Column(dtype)

    def add(self, counts: Ints, values: npt.NDArray[Any]) -> None:
        self._start.add(np.cumsum(counts) - counts + self.values.size)
        self._count.add(counts)
        self.values.add(values)

    def add_lists(self, lists: Sequence[Sequence[int]]) -> None:
        self.add(np.fromiter(map(len, lists), np.int64, len(lists)), np.fromiter(chain.from_iterable(lists), np.int64))

    def of(self, keys: Ints) -> tuple[Ints, Ints]:
        """Where the run of each key starts, and how long it is."""
        return self._start.take(keys), self._count.take(keys)


def places(start: Ints, count: Ints) -> tuple[Ints, Ints]:
    """The places of runs, one run behind the other: `count` places from `start` on for each; and where each run ends among them."""
    stop = count.cumsum()
    at = np.arange(stop[-1] if len(stop) else 0)
    at += (start - stop + count).repeat(count)
    return at, stop


class _Numbers(dict[bytes, int]):
    """A number for each word, in the order in which they were met."""

    def __init__(self) -> None:
        self.new: list[bytes] = []

    def __missing__(self, word: bytes) -> int:
        self.new.append(word)
        return self.setdefault(word, len(self))


class _Known:
    """What is known of words, by their numbers. It is only ever added to: who has a word's number may look while others add."""

    def __init__(self) -> None:
        self.numbers = _Numbers()
        self.hash, self.field, self.titled = Column(np.uint64), Column(np.bool_), Column(np.uint16)
        self.letters = Runs(np.uint16)
        self.patterns = Runs(np.int64)

    def learn(self, patterns: Patterns) -> None:
        new, self.numbers.new = self.numbers.new, []
        found = letters(new)
        self.hash.add(found.hash)
        self.field.add(found.field)
        self.titled.add(title_slots(found.hash))
        self.letters.add(found.size, found.slot)
        self.patterns.add_lists([patterns(word) for word in new])


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a batch in reading order, each as bytes and by its number. `last` (texts,) tells where the last word of each text
    stands, which is its role, `count` (texts,) how many words it has with it, `title` (texts,) how many of them its title has.
    """

    said: Sequence[bytes]
    number: Ints
    last: Ints
    count: Ints
    title: Ints
    known: _Known

    @property
    def length(self) -> Ints:
        """(texts,) as `count` without the role."""
        return self.count - 1

    @property
    def text(self) -> Ints:
        return np.arange(len(self.last)).repeat(self.count)

    @property
    def hash(self) -> Hashes:
        return self.known.hash.take(self.number)

    @property
    def field(self) -> Flags:
        return self.known.field.take(self.number)

    def term(self, index: int) -> str:
        return self.said[index].decode("utf-8", "replace").lstrip("\x02")


class Reader:
    """Reads batches; `patterns` says which patterns of a lexicon a word answers to. Several threads may read at once.

    Words are forgotten when they have too many letters together; each has a slot for each letter.
    """

    def __init__(self, patterns: Patterns = lambda word: ()) -> None:
        self._patterns = patterns
        self._busy = Lock()
        self._known: _Known | None = None

    @property
    def letters(self) -> int:
        """How many letters are remembered."""
        return self._known.letters.values.size if self._known else 0

    def read(self, batch: Batch) -> Words:
        said = b" ".join(batch).split()
        with self._busy:
            known, number = self._numbered(said)
        last = known.field.take(number).nonzero()[0]
        count = last + 1
        count[1:] -= count[:-1].copy()
        title = np.fromiter((len(line.partition(b"\n")[0].split()) for line in batch), np.int64, len(batch))
        return Words(said, number, last, count, title, known)

    def _numbered(self, said: Sequence[bytes]) -> tuple[_Known, Ints]:
        """Where a word cannot be learned, all are forgotten: none may be known by half."""
        known, self._known = self._known, None
        if known is None or known.letters.values.size > _MOST_LETTERS:
            known = _Known()
        number = np.fromiter(map(known.numbers.__getitem__, said), np.int64, len(said))
        if known.numbers.new:
            known.learn(self._patterns)
        self._known = known
        return known, number


@dataclass(frozen=True, slots=True)
class Grams:
    """Every gram of a batch, one item an occurrence, word by word: the word, its four-byte grams, and its pair with the next word of the
    text. `stop` (words,) tells where the grams of each word end, `paired` which words have a pair.
    """

    words: Words
    stop: Ints
    paired: Flags
    slot: Slots

    @property
    def texts(self) -> int:
        return len(self.words.last)

    @property
    def edges(self) -> Ints:
        """(texts + 1,) where the grams of each text begin and end."""
        return np.concatenate([[0], self.stop.take(self.words.last)])

    @property
    def word(self) -> Ints:
        return np.arange(len(self.stop)).repeat(np.diff(self.stop, prepend=0))

    @property
    def text(self) -> Ints:
        return self.words.text.take(self.word)

    @property
    def pair(self) -> Flags:
        pair = np.zeros(len(self.slot), np.bool_)
        pair[self.stop[self.paired] - 1] = True
        return pair


def grams(words: Words) -> Grams:
    """Behind the letters of a word there is room for its pair, unless it is the last one or the role."""
    paired = np.ones(len(words.number), np.bool_)
    paired[words.last] = paired[words.last - 1] = False
    start, count = words.known.letters.of(words.number)
    at, stop = places(start, count + paired)
    slot, first = words.known.letters.values.take(at), paired.nonzero()[0]
    slot[stop.take(first) - 1] = pairs(words.hash).take(first)
    return Grams(words, stop, paired, slot)
