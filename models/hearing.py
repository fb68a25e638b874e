"""Finds terms in texts, for a whole batch at once, in numpy alone.

A term is a few words that follow each other with at most two others in between; a word that ends in `*` stands for any ending. Text and
terms are folded alike: case, accents and punctuation do not matter, and any digit is like any other. Time is proportional to the text.

Each word of a term is a pattern: a word or a stem. Terms are kept as a tree of patterns. Which patterns a word of a text answers to is
looked up once and remembered; the way through the tree is then found by arithmetic on whole arrays, word by word.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from threading import Lock
from typing import NamedTuple

import numpy as np

from models.features import Ints, plain

BETWEEN = 2
_MOST_REMEMBERED = 100_000
_END = b"\x01"
_TABLE_BITS = 20
_DISTANCES = np.arange(1, 2 + BETWEEN)[:, None]
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


class Heard(NamedTuple):
    """Which text (by its place in the batch) has which concept; ordered by text, then concept, each pair once."""

    texts: int
    text: Ints
    concept: Ints


@dataclass
class _Lists:
    """A list of numbers for each key 0, 1, 2 ..., as arrays."""

    lists: list[Sequence[int]] = field(default_factory=list)
    _made: int = -1
    start: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    count: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def settle(self) -> None:
        if self._made == len(self.lists):
            return
        self.count = np.fromiter(map(len, self.lists), np.int64, len(self.lists))
        self.start = np.concatenate([[0], np.cumsum(self.count)[:-1]]).astype(np.int64)
        self.values = np.fromiter(chain.from_iterable(self.lists), np.int64)
        self._made = len(self.lists)

    def of(self, keys: Ints) -> tuple[Ints, Ints]:
        """(which of the keys, its value) for every value of every key."""
        counts = self.count[keys]
        ends = counts.cumsum()
        which = np.arange(len(keys)).repeat(counts)
        shift = self.start[keys] - ends + counts
        return which, self.values[np.arange(len(which)) + shift[which]]


class _Numbers(dict[bytes, int]):
    """A number for each word, in the order in which they were met; `remember` is told of a new one."""

    def __init__(self, remember: Callable[[bytes], None]) -> None:
        self._remember = remember

    def __missing__(self, word: bytes) -> int:
        self._remember(word)
        return self.setdefault(word, len(self))


def _shortened(keys: Ints) -> Ints:
    return ((keys.astype(np.uint64) * _SCATTER) >> np.uint64(64 - _TABLE_BITS)).astype(np.int64)


class Ears:
    """Hears concepts, each given by its terms. What a text says does not depend on the batch that it stands in."""

    def __init__(self, terms: Iterable[Sequence[str]]) -> None:
        self._words: dict[bytes, int] = {}
        self._stems: dict[bytes, int] = {}
        self._steps: list[dict[int, int]] = [{}]
        self._ends: list[tuple[int, ...]] = [()]
        self._busy = Lock()
        self._concepts = 0
        for number, said in enumerate(terms):
            self._concepts = number + 1
            for term in said:
                self._learn(number, term)
        self._lengths = sorted({len(stem) for stem in self._stems})
        self._index()
        self._forget()

    def _learn(self, number: int, term: str) -> None:
        node = 0
        for word in term.split():
            node = self._step(node, self._pattern(word))
        self._ends[node] = tuple(sorted({*self._ends[node], number}))

    def _step(self, node: int, pattern: int) -> int:
        if pattern not in self._steps[node]:
            self._steps[node][pattern] = len(self._steps)
            self._steps.append({})
            self._ends.append(())
        return self._steps[node][pattern]

    def _pattern(self, word: str) -> int:
        known = self._stems if word.endswith("*") else self._words
        return known.setdefault(plain(word.removesuffix("*")).strip(), len(self._words) + len(self._stems))

    def _index(self) -> None:
        """Every step of the tree by a key of its node and pattern, sorted, and a table that tells most other keys from them at once."""
        self._patterns = len(self._words) + len(self._stems)
        made = {node * self._patterns + pattern: reached for node, steps in enumerate(self._steps) for pattern, reached in steps.items()}
        self._keys = np.array(sorted(made), np.int64)
        self._reached = np.array([made[key] for key in sorted(made)], np.int64)
        self._likely = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._likely[_shortened(self._keys)] = True
        self._inner = {pattern for steps in self._steps[1:] for pattern in steps}
        self._ending = _Lists(list(self._ends))
        self._ending.settle()
        self._goes_on = np.array([bool(steps) for steps in self._steps])

    def _forget(self) -> None:
        self._numbers = _Numbers(self._remember)
        self._alone, self._begun, self._inside = _Lists(), _Lists(), _Lists()

    def hear(self, batch: bytes) -> Heard:
        """The concepts of each text of joined lines (see `models.features.batches`). One thread at a time: what is remembered is shared."""
        with self._busy:
            return self._heard(batch)

    def _heard(self, batch: bytes) -> Heard:
        if len(self._numbers) > _MOST_REMEMBERED:
            self._forget()
        line = batch.split()
        words = np.fromiter(map(self._numbers.__getitem__, line), np.int64, len(line))
        for lists in (self._alone, self._begun, self._inside):
            lists.settle()
        ends = words == self._numbers[_END]
        text = np.cumsum(ends) - ends
        found = [text[place] * self._concepts + concept for place, concept in self._said(words, text)]
        keys = np.unique(np.concatenate(found))
        return Heard(int(ends.sum()), keys // max(1, self._concepts), keys % max(1, self._concepts))

    def _remember(self, word: bytes) -> None:
        """Which patterns a word answers to: itself, and the stems that it begins with."""
        stems = (self._stems.get(word[:length]) for length in self._lengths if length <= len(word))
        patterns = [pattern for pattern in (self._words.get(word), *stems) if pattern is not None]
        begun = [self._steps[0][pattern] for pattern in patterns if pattern in self._steps[0]]
        self._alone.lists.append([number for node in begun for number in self._ends[node]])
        self._begun.lists.append([node for node in begun if self._steps[node]])
        self._inside.lists.append([pattern for pattern in patterns if pattern in self._inner])

    def _said(self, words: Ints, text: Ints) -> Iterator[tuple[Ints, Ints]]:
        """(place, concept) of the last word of every term."""
        which, concept = self._alone.of(words)
        yield which, concept
        place, node = self._begun.of(words)
        while len(place):
            place, node = self._next(words, text, place, node)
            which, concept = self._ending.of(node)
            yield place[which], concept
            further = self._goes_on[node]
            place, node = place[further], node[further]

    def _next(self, words: Ints, text: Ints, place: Ints, node: Ints) -> tuple[Ints, Ints]:
        """Where the nodes lead by the words that stand near behind their place, in the same text."""
        ahead = (place + _DISTANCES).ravel()
        node, own = np.tile(node, len(_DISTANCES)), np.tile(text[place], len(_DISTANCES))
        near = np.flatnonzero(self._inside.count[words[np.minimum(ahead, len(words) - 1)]] * (ahead < len(words)))
        near = near[text[ahead[near]] == own[near]]
        ahead, node = ahead[near], node[near]
        which, pattern = self._inside.of(words[ahead])
        keys = node[which] * self._patterns + pattern
        likely = np.flatnonzero(self._likely[_shortened(keys)])
        at = np.searchsorted(self._keys, keys[likely])
        known = self._keys[np.minimum(at, len(self._keys) - 1)] == keys[likely]
        return ahead[which[likely[known]]], self._reached[at[known]]
