"""How many tickets are alike, and how long they took: counted step by step, so that asking costs nothing, whatever their number."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from schemas.figures import UNDECIDED

SECOND = 1_000_000
MINUTE, HOUR = 60, 3600
ACKNOWLEDGED_WITHIN = (5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR)
RESOLVED_WITHIN = (4 * HOUR, 8 * HOUR, 24 * HOUR, 72 * HOUR)
Alike = tuple[str, str, str, str]


class Standing(Protocol):
    """What of a ticket is counted; instants in microseconds since 1970."""

    @property
    def state(self) -> str: ...
    @property
    def severity(self) -> str | None: ...
    @property
    def system(self) -> str | None: ...
    @property
    def acknowledged_at(self) -> int | None: ...
    @property
    def resolved_at(self) -> int | None: ...


class Distribution(NamedTuple):
    """Durations in seconds: how many are at most each threshold, how many there are, and their sum."""

    within: tuple[int, ...]
    number: int
    total: float

    def plus(self, other: "Distribution") -> "Distribution":
        within = tuple(mine + theirs for mine, theirs in zip(self.within, other.within, strict=True))
        return Distribution(within, self.number + other.number, self.total + other.total)


class Group(NamedTuple):
    """Tickets that are alike in all four, and how long they took."""

    site: str
    system: str
    severity: str
    state: str
    tickets: int
    acknowledgement: Distribution
    resolution: Distribution


class _Durations:
    """By the first threshold that a duration does not pass; what passes all of them comes last."""

    __slots__ = ("counts", "limits", "total")

    def __init__(self, thresholds: Sequence[int]) -> None:
        self.limits = [seconds * SECOND for seconds in thresholds]
        self.counts = [0] * (len(thresholds) + 1)
        self.total = 0

    def add(self, taken: int, number: int) -> None:
        self.counts[bisect_left(self.limits, taken)] += number
        self.total += number * taken

    def told(self) -> Distribution:
        *within, number = accumulate(self.counts)
        return Distribution(tuple(within), number, self.total / SECOND)


class _Tally:
    __slots__ = ("acknowledgement", "resolution", "tickets")

    def __init__(self) -> None:
        self.tickets = 0
        self.acknowledgement, self.resolution = _Durations(ACKNOWLEDGED_WITHIN), _Durations(RESOLVED_WITHIN)

    def add(self, born: int, stand: Standing, number: int) -> None:
        self.tickets += number
        if stand.acknowledged_at is not None:
            self.acknowledgement.add(stand.acknowledged_at - born, number)
        if stand.resolved_at is not None:
            self.resolution.add(stand.resolved_at - born, number)


class Census:
    """Of every ticket of the ledger, as it stands."""

    def __init__(self) -> None:
        self._tallies: dict[Alike, _Tally] = {}

    def move(self, site: str, born: int, before: Standing | None, after: Standing) -> None:
        """A ticket that was submitted at `born` took a step."""
        if before is not None:
            self._of(site, before).add(born, before, -1)
        self._of(site, after).add(born, after, 1)

    def _of(self, site: str, stand: Standing) -> _Tally:
        alike = (site, stand.system or UNDECIDED, stand.severity or UNDECIDED, stand.state)
        if alike not in self._tallies:
            self._tallies[alike] = _Tally()
        return self._tallies[alike]

    def groups(self) -> Iterator[Group]:
        for alike, tally in self._tallies.items():
            if tally.tickets:
                yield Group(*alike, tally.tickets, tally.acknowledgement.told(), tally.resolution.told())
