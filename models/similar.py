"""Which known tickets a text is like: cosine of hashed, weighted grams, by postings, in numpy alone.

Suggestions for people: nothing is merged or hidden because of a score. The tests measure how well it finds what is told again.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.features import SLOTS, Batch, Ints, batches
from models.reading import Words, grams
from models.rows import Floats, counted, weighted
from schemas.predictions import SimilarTicket, TicketText

MOST = 5
LEAST = 0.25
SAME_INCIDENT = 0.45
"""From here on a text is very likely the same incident told again: no two tickets of the carried corpus are as alike."""
_ALWAYS_TELLING = 500
_TELLS_NOTHING = 0.1


@dataclass(frozen=True, slots=True)
class _Postings:
    """For each slot the tickets that have it, and how much it weighs there."""

    start: Ints
    ticket: Ints
    value: Floats

    @classmethod
    def of(cls, parts: Sequence[tuple[Ints, Ints, Floats]]) -> "_Postings":
        if not parts:
            return cls(np.zeros(SLOTS + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))
        slot, ticket, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(slot, kind="stable")
        start = np.searchsorted(slot[order], np.arange(SLOTS + 1))
        return cls(start, ticket[order], value[order])

    def scores(self, slot: Ints, value: Floats, tickets: int) -> Floats:
        """(tickets,) cosine with a text of these slots and values, without what very many tickets share: it tells little and costs most."""
        count = self.start[slot + 1] - self.start[slot]
        telling = count <= max(_ALWAYS_TELLING, _TELLS_NOTHING * tickets)
        slot, value, count = slot[telling], value[telling], count[telling]
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        at = np.repeat(self.start[slot], count) + within
        return np.asarray(np.bincount(self.ticket[at], self.value[at] * np.repeat(value, count), minlength=tickets), np.float64)


class Similar:
    """Known tickets, in the order in which they were added. `idf` (SLOTS,) is a model's: what it takes for telling counts here too;
    `read` is how it reads.
    """

    def __init__(self, idf: Floats, read: Callable[[Batch], Words]) -> None:
        self._idf = idf
        self._read = read
        self._ids: list[str] = []
        self._parts: list[tuple[Ints, Ints, Floats]] = []
        self._postings: _Postings | None = None

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Sequence[str], texts: Sequence[TicketText]) -> None:
        before = len(self._ids)
        for batch in batches(texts):
            rows = counted(grams(self._read(batch)))
            self._parts.append((rows.slot, rows.text + before, weighted(rows, self._idf)))
            before += len(batch)
        self._ids += ids
        self._postings = None

    def like(self, texts: Sequence[TicketText], before: Sequence[int] | None = None) -> list[tuple[SimilarTicket, ...]]:
        """For each text the most similar known tickets, the greatest score first; with `before` only those added before that place."""
        postings = self._settled()
        found: list[tuple[SimilarTicket, ...]] = []
        for batch in batches(texts):
            rows = counted(grams(self._read(batch)))
            value = weighted(rows, self._idf)
            for first, last in itertools.pairwise([*rows.start.tolist(), len(rows.slot)]):
                known = len(self) if before is None else before[len(found)]
                found.append(self._most(postings.scores(rows.slot[first:last], value[first:last], len(self))[:known]))
        return found

    def _most(self, scores: Floats) -> tuple[SimilarTicket, ...]:
        """Of equal scores the older ticket comes first."""
        near = np.flatnonzero(scores >= LEAST)
        best = near[np.argsort(-scores[near], kind="stable")[:MOST]]
        return tuple(SimilarTicket(ticket=self._ids[at], score=min(1.0, float(scores[at]))) for at in best.tolist())

    def _settled(self) -> _Postings:
        if self._postings is None:
            self._postings = _Postings.of(self._parts)
        return self._postings
