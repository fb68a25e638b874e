"""Recounts whether each ticket that climbs has its next step: from the tickets, the rows and what the ledger says was asked for. Pure.

It shares with the engine what a ladder is, and nothing of how steps are taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from schemas.entries import Attribution
from schemas.oncall_events import ClimbsAudited
from schemas.tables import CONSUMERS, ENTRIES, STEPS, TICKETS
from schemas.tickets import Ticket
from schemas.words import OPEN_STATES
from services.dispatcher.climb import AT_WORK, Climb, Due, climb_of, following
from services.dispatcher.steps import FOLLOWED
from services.ledger import Draft, Row, read_entries
from services.teams import Teams
from services.tickets import SERVICE

AUDITOR = Attribution("service:dispatcher", SERVICE)
GRACE = timedelta(seconds=30)
"""A step that is due for longer was missed."""


@dataclass(frozen=True)
class Stand:
    """`tickets`: the open ones by id; `steps`: their rows; `asked`: the entries because of which a delivery was asked for."""

    tickets: Mapping[str, Ticket]
    steps: Mapping[str, Sequence[Row]]
    asked: frozenset[tuple[str, str]]
    since: datetime | None
    now: datetime


def missed(teams: Teams, stand: Stand) -> list[str]:
    """Tickets of which a step is overdue, or does not exist, or counts as done although the ledger asked for no delivery."""
    return [ticket.id for ticket in stand.tickets.values() if _is_missed(teams, ticket, stand)]


def _is_missed(teams: Teams, ticket: Ticket, stand: Stand) -> bool:
    climb = climb_of(teams, ticket, stand.tickets.get(ticket.parent or ""))
    rows = [row for row in stand.steps.get(ticket.id, ()) if row["step"] >= 0]
    if climb is None or stand.since is None:
        return False
    if not rows:
        return ticket.state == "routed" and ticket.routed_at is not None and ticket.routed_at > stand.since
    return any(_is_wrong(row, stand) for row in rows) or _has_no_next(climb, ticket, rows)


def _is_wrong(row: Row, stand: Stand) -> bool:
    overdue = row["state"] == "pending" and row["due_at"] < stand.now - GRACE
    return overdue or (row["state"] == "done" and (row["ticket"], row["cause"]) not in stand.asked)


def _has_no_next(climb: Climb, ticket: Ticket, rows: Sequence[Row]) -> bool:
    """Nothing is pending although the ladder goes on: after the last step taken, or after an acknowledgement that expires."""
    if any(row["state"] == "pending" for row in rows):
        return False
    last = max(rows, key=lambda row: (row["settled_at"], row["due_at"], row["cycle"], row["step"]))
    if last["state"] == "stopped":
        return ticket.state not in AT_WORK or climb.rungs.expires is not None
    taken = Due(last["cycle"], last["step"], last["begun_at"], last["due_at"])
    return following(climb.rungs, taken, last["settled_at"], empty=False) is not None


def stand_of(connection: Connection, consumer: str, now: datetime) -> Stand | None:
    """None while the engine has something before it that it follows: then its rows do not tell of that yet."""
    position = connection.execute(select(CONSUMERS.c.position).where(CONSUMERS.c.name == consumer)).scalar_one_or_none()
    if position is None or read_entries(connection, position, FOLLOWED, limit=1):
        return None
    open_tickets = select(TICKETS).where(TICKETS.c.state.in_(OPEN_STATES))
    tickets = [Ticket.model_construct(**row) for row in connection.execute(open_tickets).mappings()]
    rows = [dict(row) for row in connection.execute(select(STEPS)).mappings()]
    asked = select(ENTRIES.c.ticket, ENTRIES.c.cause).where(ENTRIES.c.type == "NotificationRequested")
    causes = frozenset((str(ticket), str(cause)) for ticket, cause in connection.execute(asked))
    since = min((row["begun_at"] for row in rows), default=None)
    return Stand({ticket.id: ticket for ticket in tickets}, _by_ticket(rows), causes, since, now)


def _by_ticket(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["ticket"]].append(row)
    return found


def newest(connection: Connection) -> ClimbsAudited | None:
    told = select(ENTRIES.c.data).where(ENTRIES.c.type == ClimbsAudited.__name__).order_by(ENTRIES.c.seq.desc()).limit(1)
    data = connection.execute(told).scalar_one_or_none()
    return None if data is None else ClimbsAudited.model_validate(data)


def tell(draft: Draft, found: Sequence[str]) -> None:
    """Only what is another finding than the last: none where there was never one."""
    known = newest(draft.connection)
    if (known.missed if known else ()) != tuple(found):
        draft.append(ClimbsAudited(missed=tuple(found)), AUDITOR)
