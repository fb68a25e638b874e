"""Open tickets over time, from the four event types that open or end a ticket."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil
from typing import NamedTuple

from sqlalchemy import Connection, case, select

from schemas.figures import Burndown, Point, Step
from schemas.tables import ENTRIES
from services.stabilisation.happened import HAPPENED_AT
from services.stabilisation.lives import at_site

OPENING = ("TicketSubmitted", "TicketReopened")
ENDING = ("TicketResolved", "TicketCancelled")
LENGTHS: dict[Step, timedelta] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
REACH: dict[Step, timedelta] = {"minute": timedelta(hours=2), "hour": timedelta(days=4), "day": timedelta(days=56)}


class Movement(NamedTuple):
    at: datetime
    change: int


def burndown(connection: Connection, site: str | None, at: datetime) -> Burndown:
    """Up to `at`, since the first ticket or as far back as `REACH`; the shorter the history, the finer the step."""
    change = case((ENTRIES.c.type.in_(OPENING), 1), else_=-1)
    moves = ENTRIES.c.type.in_((*OPENING, *ENDING)) & (ENTRIES.c.recorded_at <= at) & at_site(ENTRIES.c.site, site)
    rows = connection.execute(select(HAPPENED_AT, change).where(moves).order_by(HAPPENED_AT, ENTRIES.c.seq))
    return burndown_of([Movement._make(row) for row in rows], at)


def burndown_of(movements: Sequence[Movement], at: datetime) -> Burndown:
    """At a boundary counts what happened strictly before it, at the end everything."""
    instants = [movement.at for movement in movements]
    levels = list(accumulate((movement.change for movement in movements), initial=0))
    first = instants[0] if instants else at
    step = step_for(at - first)
    starts = boundaries(max(floor(first, step), floor(at - REACH[step], step)), at, step)
    points = [Point(at=start, open=levels[bisect_left(instants, start)]) for start in starts]
    return Burndown(step=step, points=(*points, Point(at=at, open=levels[-1])))


def step_for(span: timedelta) -> Step:
    return next((step for step, reach in REACH.items() if span <= reach), "day")


def boundaries(begin: datetime, end: datetime, step: Step) -> list[datetime]:
    """Every start of a step from `begin`, itself one, before `end`."""
    return [begin + place * LENGTHS[step] for place in range(ceil((end - begin) / LENGTHS[step]))]


def floor(instant: datetime, step: Step) -> datetime:
    """The start of the UTC minute, hour or day that holds the instant."""
    whole = instant.replace(second=0, microsecond=0)
    if step != "minute":
        whole = whole.replace(minute=0)
    return whole.replace(hour=0) if step == "day" else whole
