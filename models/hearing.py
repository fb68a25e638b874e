"""Finds terms in texts, for a whole batch at once, in numpy alone.

A term is a few words that follow each other with at most two others in between; a word that ends in `*` stands for any ending. Text and
terms are folded alike: case, accents and punctuation do not matter, and any digit is like any other. Time is proportional to the text.

Each word of a term is a pattern: a word or a stem. Terms are kept as a tree of patterns. Which patterns a word of a text answers to is
looked up once and remembered; the way through the tree is then found by arithmetic on whole arrays, word by word.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from random import Random
from typing import NamedTuple

import numpy as np

from models.features import Batch, Ints, plain
from models.reading import Reader, Runs, Words, places
from models.rows import changes

BETWEEN = 2
_SPARE, _TRIES = 4, 64
_ROOT = np.zeros(1, np.int64)


class Heard(NamedTuple):
    """Which text (by its place in the batch) has which concept; ordered by text, then concept, each pair once."""

    texts: int
    text: Ints
    concept: Ints


class _Trail(NamedTuple):
    """The patterns that the words of a batch answer to, in reading order, and the place of the word of each. What stands near behind a
    word, in the same text, are the patterns from `start` to `stop` (words,).
    """

    place: Ints
    pattern: Ints
    start: Ints
    stop: Ints


def _trail(words: Words) -> _Trail:
    start, count = words.known.patterns.of(words.number)
    at, stop = places(start, count)
    pattern, place = words.known.patterns.values.take(at), np.arange(len(count))
    last = np.minimum(place + (1 + BETWEEN), words.last.repeat(words.count))
    return _Trail(place.repeat(count), pattern, stop, stop.take(last))


class _Steps:
    """Where each node of a tree leads by which pattern, as arrays in which one look tells: the rows of all nodes lie in one row, each
    shifted to where no two cells meet (Tarjan and Yao 1979). Rows with many cells are laid first; one that fits nowhere goes to the end.
    """

    def __init__(self, steps: Sequence[Mapping[int, int]], patterns: int) -> None:
        self._base = np.zeros(len(steps), np.int64)
        count = [*map(len, steps)]
        chance, taken = Random(0), bytearray(_SPARE * sum(count) + patterns)
        for node in sorted(filter(count.__getitem__, range(len(steps))), key=lambda node: -count[node]):
            tries = (chance.randrange(len(taken) - patterns + 1) for _ in range(_TRIES))
            base = next((base for base in tries if not any(taken[base + pattern] for pattern in steps[node])), len(taken))
            taken.extend(bytes(patterns if base == len(taken) else 0))
            for pattern in steps[node]:
                taken[base + pattern] = True
            self._base[node] = base
        self._owner, self._reached = np.full(len(taken), -1, np.int32), np.zeros(len(taken), np.int32)
        cells = self._base.repeat(count) + np.fromiter(chain.from_iterable(steps), np.int64)
        self._owner[cells] = np.arange(len(steps)).repeat(count)
        self._reached[cells] = np.fromiter(chain.from_iterable(row.values() for row in steps), np.int64)

    def taken(self, node: Ints, count: Ints, pattern: Ints) -> tuple[Ints, Ints]:
        """Which of the patterns lead somewhere, and where; the first `count` are asked of the first node, and so on."""
        cell = self._base.take(node).repeat(count) + pattern
        which = (self._owner.take(cell) == node.astype(np.int32).repeat(count)).nonzero()[0]
        return which, self._reached.take(cell.take(which))


class Ears:
    """Hears concepts, each given by its terms. What a text says does not depend on the batch that it stands in."""

    def __init__(self, terms: Iterable[Sequence[str]]) -> None:
        self._words: dict[bytes, int] = {}
        self._stems: dict[bytes, int] = {}
        tree: list[dict[int, int]] = [{}]
        ends: dict[int, set[int]] = defaultdict(set)
        for number, said in enumerate(terms):
            for term in said:
                ends[self._end(term, tree)].add(number)
        self._lengths = sorted({len(stem) for stem in self._stems})
        self._steps = _Steps(tree, len(self._words) + len(self._stems))
        self._goes_on = np.array([*map(bool, tree)])
        self._said = Runs(np.int64)
        self._said.add_lists([sorted(ends.get(node, ())) for node in range(len(tree))])
        self._concepts = 1 + max(chain.from_iterable(ends.values()), default=0)
        self.reader = Reader(self._answered)

    def _end(self, term: str, tree: list[dict[int, int]]) -> int:
        """The node that a term leads to."""
        node = 0
        for word in term.split():
            reached = tree[node].setdefault(self._pattern(word), len(tree))
            if reached == len(tree):
                tree.append({})
            node = reached
        return node

    def _pattern(self, word: str) -> int:
        known = self._stems if word.endswith("*") else self._words
        return known.setdefault(plain(word.removesuffix("*")).strip(), len(self._words) + len(self._stems))

    def _answered(self, word: bytes) -> list[int]:
        """The patterns that a word answers to: itself, and the stems that it begins with."""
        stems = (self._stems.get(word[:length]) for length in self._lengths if length <= len(word))
        return [pattern for pattern in (self._words.get(word), *stems) if pattern is not None]

    def read(self, batch: Batch) -> Words:
        return self.reader.read(batch)

    def hear(self, words: Words) -> Heard:
        """The concepts of each text; `words` as these ears read them."""
        place, node = (np.concatenate(parts) for parts in zip(*self._ways(_trail(words)), strict=True))
        start, count = self._said.of(node)
        at, _ = places(start, count)
        keys = (words.text * self._concepts).take(place).repeat(count) + self._said.values.take(at)
        keys.sort()
        text, concept = np.divmod(keys[changes(keys)], self._concepts)
        return Heard(len(words.last), text, concept)

    def _ways(self, trail: _Trail) -> Iterator[tuple[Ints, Ints]]:
        """(place, node) of every word that goes a step on a way through the tree, step by step."""
        begun, node = self._steps.taken(_ROOT, np.array([len(trail.pattern)]), trail.pattern)
        place = trail.place.take(begun)
        yield place, node
        while len(further := self._goes_on.take(node).nonzero()[0]):
            place, node = self._next(trail, place.take(further), node.take(further))
            yield place, node

    def _next(self, trail: _Trail, place: Ints, node: Ints) -> tuple[Ints, Ints]:
        """Where the nodes lead by the words that stand near behind their place."""
        start = trail.start.take(place)
        count = trail.stop.take(place) - start
        at, _ = places(start, count)
        which, reached = self._steps.taken(node, count, trail.pattern.take(at))
        return trail.place.take(at.take(which)), reached
