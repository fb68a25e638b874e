"""Recounts whether each ticket that climbs has its next step: from the tickets, the rows and what the ledger says was asked for. Pure.

It shares with the engine what a ladder is, and nothing of how steps are taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, except_, func, select, union_all

from schemas.entries import Attribution
from schemas.events import NotificationRequested
from schemas.oncall_events import ClimbsAudited
from schemas.tables import CONSUMERS, ENTRIES, HEARTBEATS, STEPS, TICKETS
from schemas.tickets import Ticket
from schemas.words import OPEN_STATES
from services.dispatcher.climb import AT_WORK, Climb, Due, climb_of, following
from services.dispatcher.steps import FOLLOWED
from services.ledger import Draft, Row, of_types, read_entries
from services.teams import Teams
from services.tickets import SERVICE

AUDITOR = Attribution("service:dispatcher", SERVICE)
GRACE = timedelta(seconds=30)
"""A step that is due for longer was missed."""
NAMES = (
    "id", "site", "team", "state", "severity", "severity_confirmed", "gxp", "decision", "batch", "parent", "routed_at",
)  # fmt: skip
LOOKED_AT = [TICKETS.c[name] for name in NAMES]
"""What decides which ladder a ticket climbs; of all else:"""
BLANK: Row = dict.fromkeys(Ticket.model_fields)
IS_OPEN = TICKETS.c.state.in_(OPEN_STATES)
STILL = select(TICKETS.c.id).where(IS_OPEN)
PARENTS = select(TICKETS.c.parent).where(IS_OPEN, TICKETS.c.parent.is_not(None))
PENDING = (STEPS.c.state == "pending") & (STEPS.c.step >= 0)
CLIMBING = select(STEPS.c.ticket).where(PENDING)
DONE = (STEPS.c.state == "done") & (STEPS.c.step >= 0) & STEPS.c.ticket.in_(STILL)
ASKED = of_types([NotificationRequested.__name__]) & ENTRIES.c.ticket.in_(STILL)
UNASKED = except_(select(STEPS.c.ticket, STEPS.c.cause).where(DONE), select(ENTRIES.c.ticket, ENTRIES.c.cause).where(ASKED)).subquery()
"""Steps that count as done although the ledger asked for no delivery because of them."""
ROWS = [STEPS.c[name] for name in ("ticket", "state", "cycle", "step", "begun_at", "due_at", "settled_at")]
SETTLED = select(*ROWS).where(STEPS.c.step >= 0, STEPS.c.ticket.in_(STILL), STEPS.c.ticket.not_in(CLIMBING))


@dataclass(frozen=True)
class Stand:
    """`tickets`: by id, the open ones that have no step to come, or a wrong one, or stand for others. `wrong`: a step is overdue, or counts
    as done although the ledger asked for no delivery. `climbing`: there is a step to come. `steps`: the rows of those for which there is
    none.
    """

    tickets: Mapping[str, Ticket]
    wrong: frozenset[str]
    climbing: frozenset[str]
    steps: Mapping[str, Sequence[Row]]
    since: datetime | None


def missed(teams: Teams, stand: Stand) -> list[str]:
    """Tickets of which a step is overdue, or does not exist, or counts as done although the ledger asked for no delivery."""
    suspects = (ticket for ticket in stand.tickets.values() if ticket.id in stand.wrong or ticket.id not in stand.climbing)
    return [ticket.id for ticket in suspects if _is_missed(teams, ticket, stand)]


def _is_missed(teams: Teams, ticket: Ticket, stand: Stand) -> bool:
    climb = climb_of(teams, ticket, stand.tickets.get(ticket.parent or ""))
    if climb is None or stand.since is None:
        return False
    if ticket.id in stand.wrong:
        return True
    rows = stand.steps.get(ticket.id, ())
    if not rows:
        return ticket.state == "routed" and ticket.routed_at is not None and ticket.routed_at > stand.since
    return _has_no_next(climb, ticket, rows)


def _has_no_next(climb: Climb, ticket: Ticket, rows: Sequence[Row]) -> bool:
    """Nothing is pending although the ladder goes on: after the last step taken, or after an acknowledgement that expires."""
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
    overdue = select(STEPS.c.ticket).where(PENDING, STEPS.c.due_at < now - GRACE)
    wrong = union_all(overdue, select(UNASKED.c.ticket))
    suspects = TICKETS.c.id.not_in(CLIMBING) | TICKETS.c.id.in_(wrong) | TICKETS.c.id.in_(PARENTS)
    tickets = connection.execute(select(*LOOKED_AT).where(IS_OPEN, suspects)).mappings()
    return Stand(
        tickets={row["id"]: Ticket.model_construct(**BLANK | dict(row)) for row in tickets},
        wrong=frozenset(connection.execute(wrong).scalars()),
        climbing=frozenset(connection.execute(CLIMBING).scalars()),
        steps=_by_ticket(connection.execute(SETTLED).mappings()),
        since=connection.execute(select(func.min(STEPS.c.begun_at))).scalar_one(),
    )


def _by_ticket(rows: Iterable[RowMapping]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["ticket"]].append(dict(row))
    return found


def newest(connection: Connection) -> ClimbsAudited | None:
    told = select(ENTRIES.c.data).where(ENTRIES.c.type == ClimbsAudited.__name__).order_by(ENTRIES.c.seq.desc()).limit(1)
    data = connection.execute(told).scalar_one_or_none()
    return None if data is None else ClimbsAudited.model_validate(data)


def tell(draft: Draft, found: Sequence[str]) -> None:
    """That it looked; and what it found, where that is another finding than the last: none where there was never one."""
    draft.put(HEARTBEATS, {"name": ClimbsAudited.__name__, "beaten_at": draft.now})
    known = newest(draft.connection)
    if (known.missed if known else ()) != tuple(found):
        draft.append(ClimbsAudited(missed=tuple(found)), AUDITOR)
