"""The tickets of a database in groups of the like, with the time they took: one pass, whatever the number of tickets."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, case, func, select

from schemas.figures import UNDECIDED
from schemas.tables import TICKETS
from services.stabilisation.elapsed import MICROSECONDS, microseconds_between

MINUTE, HOUR = 60, 3600
ACKNOWLEDGED_WITHIN = (5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR)
RESOLVED_WITHIN = (4 * HOUR, 8 * HOUR, 24 * HOUR, 72 * HOUR)


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


def census(connection: Connection) -> list[Group]:
    return [_group(row) for row in connection.execute(_alike())]


def _alike() -> Any:
    """Materialised, so that each duration is worked out once and not once per threshold."""
    times = {"acknowledgement": TICKETS.c.acknowledged_at, "resolution": TICKETS.c.resolved_at}
    taken = [microseconds_between(TICKETS.c.submitted_at, until).label(name) for name, until in times.items()]
    lives = select(TICKETS.c.site, TICKETS.c.system, TICKETS.c.severity, TICKETS.c.state, *taken).cte("lives").prefix_with("MATERIALIZED")
    alike = (lives.c.site, lives.c.system, lives.c.severity, lives.c.state)
    columns = [*_spread(lives.c.acknowledgement, ACKNOWLEDGED_WITHIN), *_spread(lives.c.resolution, RESOLVED_WITHIN)]
    return select(*alike, func.count(), *columns).group_by(*alike)


def _spread(taken: Any, thresholds: Iterable[int]) -> list[Any]:
    within = [func.count(case((taken <= seconds * MICROSECONDS, 1))) for seconds in thresholds]
    return [*within, func.count(taken), func.coalesce(func.sum(taken), 0)]


def _group(row: Row[Any]) -> Group:
    site, system, severity, state, tickets, *spread = tuple(row)
    split = len(ACKNOWLEDGED_WITHIN) + 2
    times = (_distribution(spread[:split]), _distribution(spread[split:]))
    return Group(site, system or UNDECIDED, severity or UNDECIDED, state, tickets, *times)


def _distribution(spread: Sequence[Any]) -> Distribution:
    *within, number, total = spread
    return Distribution(tuple(within), number, float(total) / MICROSECONDS)
