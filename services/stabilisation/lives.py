"""What figures need to know of each ticket, from two sources: the rows as they stand, or the ledger's entries as known at an instant."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, select, true

from schemas.entries import Entry
from schemas.tables import ENTRIES, TICKETS
from schemas.tickets import Ticket
from schemas.words import Severity, State
from services.lifecycle import LIFECYCLE, happened_at
from services.stabilisation.happened import HAPPENED_AT
from services.tickets import fold

QUEUING = ("TicketQueued", "TicketReturned", "TicketReopened")
LIVING = ("TicketSubmitted", *(event.__name__ for event, rule in LIFECYCLE.items() if rule.counts))


class Life(NamedTuple):
    """`queued_at`: when the ticket came into the triage queue, while it is there."""

    site: str
    system: str | None
    severity: Severity | None
    state: State
    submitted_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    reopened: int
    queued_at: datetime | None


def standing(connection: Connection, site: str | None) -> list[Life]:
    """Of the tickets as they stand now; `site` None: all sites."""
    queued = select(func.max(HAPPENED_AT)).where(ENTRIES.c.ticket == TICKETS.c.id, ENTRIES.c.type.in_(QUEUING))
    queued_at = case((TICKETS.c.state == "triage", queued.correlate(TICKETS).scalar_subquery()))
    columns = [TICKETS.c[name] for name in Life._fields if name != "queued_at"]
    return [Life._make(row) for row in connection.execute(select(*columns, queued_at).where(at_site(TICKETS.c.site, site)))]


def known(connection: Connection, site: str | None, at: datetime) -> list[Life]:
    """As the entries recorded up to and including `at` tell: what was learned later does not show."""
    told = select(ENTRIES).where(ENTRIES.c.type.in_(LIVING), ENTRIES.c.recorded_at <= at, at_site(ENTRIES.c.site, site))
    rows = connection.execute(told.order_by(ENTRIES.c.seq)).mappings()
    return list(folded(Entry.model_construct(**row) for row in rows))


def folded(entries: Iterable[Entry]) -> Iterator[Life]:
    """The lives that entries of any number of tickets make, each ticket's in order."""
    told: dict[str, list[Entry]] = {}
    for entry in entries:
        told.setdefault(entry.ticket or "", []).append(entry)
    for story in told.values():
        if ticket := fold(story):
            yield _life(ticket, story)


def _life(ticket: Ticket, story: list[Entry]) -> Life:
    stays = (happened_at(entry) for entry in story if entry.type in QUEUING)
    queued_at = max(stays, default=None) if ticket.state == "triage" else None
    times = (ticket.submitted_at, ticket.acknowledged_at, ticket.resolved_at)
    return Life(ticket.site, ticket.system, ticket.severity, ticket.state, *times, ticket.reopened, queued_at)


def at_site(column: ColumnElement[str], site: str | None) -> ColumnElement[bool]:
    return column == site if site is not None else true()
