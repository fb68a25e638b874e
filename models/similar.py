"""Which known tickets a text is like: cosine of hashed, weighted grams, by postings, in numpy alone.

Suggestions for people: nothing is merged or hidden because of a score. The tests measure how well it finds what is told again.

Tickets are added while others are looked up, so postings are kept in blocks: a few large ones, and small ones that are merged as they
grow (O'Neil et al. 1996, a log-structured merge). What is found does not depend on how tickets came to stand in blocks.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.features import SLOTS, Batch, Ints, batches
from models.reading import Words, grams
from models.rows import Floats, counted, weighted
from schemas.predictions import SimilarTicket, TicketText

MOST = 5
MOST_KNOWN = 10_000
"""So many tickets are compared with, the newest ones."""
LEAST = 0.25
SAME_INCIDENT = 0.45
"""From here on a text is very likely the same incident told again: no two tickets of the carried corpus are as alike."""
ALIKE = 0.15
"""What different people tell of one incident: two of a thousand pairs of a site's unrelated tickets are as alike, which is little
where time and place must agree as well."""
_ALWAYS_TELLING = 500
_TELLS_NOTHING = 0.1
_LARGEST_BLOCK = 4_096
_SLACK = 4_096


@dataclass(frozen=True, slots=True)
class _Block:
    """Tickets `first`, `first + 1`, ... For each of the sorted `slots` those that have it, and how much it weighs there."""

    first: int
    tickets: int
    slots: Ints
    start: Ints
    ticket: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]

    @classmethod
    def of(cls, first: int, tickets: int, slot: Ints, ticket: npt.NDArray[np.int32], value: npt.NDArray[np.float32]) -> "_Block":
        """From cells in any order of slots; those of one slot in the order of tickets."""
        order = np.argsort(slot, kind="stable")
        slots, start = np.unique(slot[order], return_index=True)
        return cls(first, tickets, slots, np.append(start, len(slot)), ticket[order], value[order])

    def cells(self) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        return np.repeat(self.slots, np.diff(self.start)), self.ticket, self.value

    def scores(self, slot: Ints, value: Floats) -> Floats:
        """(tickets,) cosine with a text of these slots and values."""
        at = np.minimum(np.searchsorted(self.slots, slot), len(self.slots) - 1)
        found = self.slots[at] == slot
        at, value = at[found], value[found]
        count = self.start[at + 1] - self.start[at]
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        cell = np.repeat(self.start[at], count) + within
        return np.asarray(np.bincount(self.ticket[cell], self.value[cell] * np.repeat(value, count), minlength=self.tickets), np.float64)


def _merged(first: _Block, second: _Block) -> _Block:
    (slot, ticket, value), (later, after, other) = first.cells(), second.cells()
    both = (np.concatenate([slot, later]), np.concatenate([ticket, after + np.int32(first.tickets)]), np.concatenate([value, other]))
    return _Block.of(first.first, first.tickets + second.tickets, *both)


Place = tuple[str, str | None]
"""A ticket's site and batch."""


def in_its_place(one: SimilarTicket, here: Place, there: Place | None) -> SimilarTicket:
    """The same words at another site, or of another batch, are another incident."""
    return one.model_copy(update={"same_incident": one.same_incident and here == there})


class Similar:
    """Known tickets, in the order in which they were added. `idf` (SLOTS,) is a model's: what it takes for telling counts here too;
    `read` is how it reads.
    """

    def __init__(self, idf: Floats, read: Callable[[Batch], Words]) -> None:
        self._idf = idf
        self._read = read
        self._ids: list[str] = []
        self._blocks: list[_Block] = []
        self._holders = np.zeros(SLOTS, np.int64)

    def __len__(self) -> int:
        """How many were ever added."""
        return len(self._ids)

    def add(self, ids: Sequence[str], texts: Sequence[TicketText]) -> None:
        first = len(self._ids)
        for batch in batches(texts):
            rows = counted(grams(self._read(batch)))
            self._holders += np.bincount(rows.slot, minlength=SLOTS)
            value = weighted(rows, self._idf).astype(np.float32)
            self._blocks.append(_Block.of(first, len(batch), rows.slot, rows.text.astype(np.int32), value))
            first += len(batch)
            self._tidy()
        self._ids += ids

    def _tidy(self) -> None:
        while len(self._blocks) > 1:
            before, last = self._blocks[-2:]
            if before.tickets > 2 * last.tickets or before.tickets + last.tickets > _LARGEST_BLOCK:
                break
            self._blocks[-2:] = [_merged(before, last)]
        newest = self._blocks[-1].first + self._blocks[-1].tickets
        while self._blocks[0].first + self._blocks[0].tickets < newest - MOST_KNOWN - _SLACK:
            del self._blocks[0]

    def like(
        self, texts: Sequence[TicketText], before: Sequence[int] | None = None, most: int = MOST, least: float = LEAST
    ) -> list[tuple[SimilarTicket, ...]]:
        """For each text the most similar known tickets, the greatest score first; with `before` only those added before that place."""
        found: list[tuple[SimilarTicket, ...]] = []
        for batch in batches(texts):
            rows = counted(grams(self._read(batch)))
            value = weighted(rows, self._idf)
            for first, last in itertools.pairwise([*rows.start.tolist(), len(rows.slot)]):
                known = len(self) if before is None else before[len(found)]
                found.append(self._most(self._scores(rows.slot[first:last], value[first:last]), known, most, least))
        return found

    def _scores(self, slot: Ints, value: Floats) -> Floats:
        """(ever added,) without what very many tickets share: it tells little and costs most."""
        telling = self._holders[slot] <= max(_ALWAYS_TELLING, _TELLS_NOTHING * len(self))
        slot, value = slot[telling], value[telling]
        gone = np.zeros(self._blocks[0].first if self._blocks else 0)
        return np.concatenate([gone, *(block.scores(slot, value) for block in self._blocks)])

    def _most(self, scores: Floats, known: int, most: int, least: float) -> tuple[SimilarTicket, ...]:
        """Of equal scores the older ticket comes first."""
        oldest = max(0, known - MOST_KNOWN)
        near = np.flatnonzero(scores[oldest:known] >= least) + oldest
        best = near[np.argsort(-scores[near], kind="stable")[:most]]
        told = ((self._ids[at], min(1.0, float(scores[at]))) for at in best.tolist())
        return tuple(SimilarTicket(ticket=ticket, score=score, same_incident=score >= SAME_INCIDENT) for ticket, score in told)
