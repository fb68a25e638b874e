"""Deliveries leased to one engine at a time, and what became of them: every change is one command under the ledger's lock."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, func, select, tuple_

from schemas.entries import Attribution, Entry
from schemas.events import Event, NotificationFailed, NotificationSent, NotificationWithdrawn
from schemas.tables import DELIVERIES, ENTRIES, TICKETS
from schemas.tickets import Ticket
from schemas.words import OPEN_STATES
from services.deliveries import delivery, note
from services.dispatcher.addressees import Addressees
from services.dispatcher.budget import Budget
from services.dispatcher.bundles import Bundled, bundle, counts, held_until, hold, settle
from services.dispatcher.channels import Undelivered
from services.dispatcher.pace import Pace
from services.dispatcher.requests import moot, outlived
from services.dispatcher.slots import Target
from services.ledger import Draft, Ledger, Row, Slot, Subject, read_head
from services.tickets import SERVICE, find, record

ACTOR = "service:dispatcher"
UNLIMITED = Addressees(Budget())
DUE = ("pending", "leased")
LONGEST_ERROR = 500
CHILD = TICKETS.alias()
_ENTRY = tuple(ENTRIES.columns.keys())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delivery that was due when it was read, of a ticket or of none. `graded`: the latest entry by which a person set the ticket's
    severity. `children`: how many open tickets stood under it then.
    """

    id: str
    ticket: str | None
    target: Target
    cause: Entry
    graded: Entry | None = None
    children: int = 0

    @property
    def slots(self) -> tuple[Slot, ...]:
        return ((DELIVERIES, (self.id,)), *(((TICKETS, (self.ticket,)),) if self.ticket else ()))

    @property
    def by(self) -> Attribution:
        return Attribution(ACTOR, SERVICE, cause=self.cause.id, traceparent=self.cause.traceparent)


@dataclass(frozen=True, slots=True)
class Lease:
    """The delivery's row as leased, the ticket as it stood in that transaction, the pages that go out with it, and the recipient's zone."""

    of: Candidate
    row: Row
    ticket: Ticket | None
    bundle: tuple[Bundled, ...] = ()
    zone: ZoneInfo | None = None


def due(ledger: Ledger, closed_targets: Collection[Target], closed_channels: Collection[str], limit: int) -> list[Candidate]:
    """The most urgent deliveries that may be sent now: pages of Sev1 tickets, other pages, the rest, each the oldest first."""
    barred = tuple_(DELIVERIES.c.channel, DELIVERIES.c.address).in_(list(closed_targets)) | DELIVERIES.c.channel.in_(closed_channels)
    page = DELIVERIES.c.urgency == "page"
    rank = case((and_(page, TICKETS.c.severity == "sev1"), 0), (page, 1), else_=2)
    with ledger.database.read() as connection:
        now = max(ledger.clock(), read_head(connection)["recorded_at"])
        ready = DELIVERIES.c.state.in_(DUE) & (DELIVERIES.c.due_at <= now)
        rows = connection.execute(_joined(ready & ~barred).order_by(rank, DELIVERIES.c.requested_at, ENTRIES.c.seq).limit(limit))
        found = rows.mappings().all()
        graded = _graded(connection, [row["ticket_id"] for row in found if row["confirmed"]])
    return [_candidate(row, graded) for row in found]


def _joined(wanted: ColumnElement[bool]) -> Any:
    what = (DELIVERIES.c.id.label("delivery_id"), DELIVERIES.c.channel, DELIVERIES.c.address, DELIVERIES.c.ticket.label("ticket_id"))
    under = (CHILD.c.parent == DELIVERIES.c.ticket) & CHILD.c.state.in_(OPEN_STATES)
    children = select(func.count()).select_from(CHILD).where(under).scalar_subquery().label("children")
    of = select(*what, TICKETS.c.severity_confirmed.label("confirmed"), children, *ENTRIES.columns)
    return of.outerjoin(TICKETS, TICKETS.c.id == DELIVERIES.c.ticket).join(ENTRIES, ENTRIES.c.id == DELIVERIES.c.cause).where(wanted)


def _graded(connection: Connection, tickets: Sequence[str]) -> dict[str, Entry]:
    if not tickets:
        return {}
    wanted = (ENTRIES.c.type == "TicketReclassified") & ENTRIES.c.ticket.in_(tickets)
    entries = [Entry.model_construct(**row) for row in connection.execute(select(ENTRIES).where(wanted).order_by(ENTRIES.c.seq)).mappings()]
    return {str(entry.ticket): entry for entry in entries if entry.data.get("severity")}


def _candidate(row: RowMapping, graded: dict[str, Entry]) -> Candidate:
    cause = Entry.model_construct(**{name: row[name] for name in _ENTRY})
    target = (row["channel"], row["address"])
    return Candidate(row["delivery_id"], row["ticket_id"], target, cause, graded.get(row["ticket_id"]), row["children"])


def lease(draft: Draft, candidates: Sequence[Candidate], seconds: float, addressees: Addressees = UNLIMITED) -> list[Lease]:
    """Those that are still due, from now on this engine's; what nobody needs any more is withdrawn, what is too much waits."""
    return [leased for candidate in candidates if (leased := _lease(draft, candidate, seconds, addressees))]


def _lease(draft: Draft, candidate: Candidate, seconds: float, addressees: Addressees) -> Lease | None:
    row = delivery(draft, candidate.id)
    if row["state"] not in DUE or row["due_at"] > draft.now:
        return None
    ticket = find(draft, candidate.ticket) if candidate.ticket else None
    if why := moot(candidate.cause, ticket) if ticket else outlived(candidate.cause, draft.now):
        _note(draft, candidate, NotificationWithdrawn(delivery=candidate.id, reason=why))
        return None
    to = addressees.of(candidate.target)
    limited = ticket is not None and counts(row, ticket)
    if limited and (until := held_until(draft, row, to)):
        hold(draft, row, until)
        return None
    along = bundle(draft, row, to) if limited else ()
    leased = row | {"state": "leased", "attempts": row["attempts"] + 1, "due_at": draft.now + timedelta(seconds=seconds)}
    draft.put(DELIVERIES, leased)
    return Lease(candidate, leased, ticket, along, to.zone)


def sent(draft: Draft, done: Lease) -> None:
    """A lease that ran out meanwhile changes nothing about it: the receiver has the message."""
    if delivery(draft, done.of.id)["state"] in DUE:
        _note(draft, done.of, NotificationSent(delivery=done.of.id, attempts=done.row["attempts"]))
    settle(draft, done.bundle, done.of.id)


def undelivered(draft: Draft, done: Lease, refused: Undelivered, pace: Pace, wait: float) -> None:
    """Due again after `wait` seconds, or given up. Where the lease ran out and another engine took over, its outcome counts."""
    row = delivery(draft, done.of.id)
    if (row["state"], row["due_at"]) != ("leased", done.row["due_at"]):
        return
    too_old = draft.now - row["requested_at"] >= pace.give_up
    error = refused.reason[:LONGEST_ERROR]
    if refused.retry and not too_old:
        draft.put(DELIVERIES, row | {"state": "pending", "due_at": draft.now + timedelta(seconds=wait), "error": error})
        return
    told = f"Given up after {row['attempts']} attempts: {error}" if refused.retry else error
    _note(draft, done.of, NotificationFailed(delivery=done.of.id, attempts=row["attempts"], error=told))


def _note(draft: Draft, of: Candidate, event: Event) -> None:
    if of.ticket:
        record(draft, of.ticket, event, of.by)
    else:
        note(draft, event, of.by, Subject(site=of.cause.site))
