"""Pages that one person gets in one message: those that wait for them when the budget allows one more and no other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select

from schemas.entries import Attribution, Entry
from schemas.events import NotificationBundled
from schemas.tables import DELIVERIES, ENTRIES
from schemas.tickets import Ticket
from services.deliveries import delivery
from services.dispatcher.addressees import Addressee
from services.dispatcher.budget import PERSONAL
from services.dispatcher.requests import moot
from services.groups import may_be_sev1
from services.ledger import Draft, Row
from services.tickets import SERVICE, find, record

ACTOR = "service:dispatcher"
MOST_BUNDLED = 50
HELD = "Held back: this person has had as many pages as the budget allows; due again at"
SLACK = timedelta(hours=1)
"""A row's due_at is the end of its last lease, close to when it was sent: by it, and so by its index, the latest are found."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """A page that another delivery's message tells too."""

    delivery: str
    cause: Entry
    ticket: Ticket

    @property
    def by(self) -> Attribution:
        return Attribution(ACTOR, SERVICE, cause=self.cause.id, traceparent=self.cause.traceparent)


def counts(row: Row, ticket: Ticket) -> bool:
    """Whether the budget has a say: in pages to people, but for what is or may be a Sev1."""
    return row["urgency"] == "page" and row["channel"] in PERSONAL and not _grave(ticket)


def held_until(draft: Draft, row: Row, to: Addressee) -> datetime | None:
    """When this page may go out, if not now."""
    free = to.budget.free_at(_pages(draft, row, to), draft.now)
    return free if free > draft.now else None


def hold(draft: Draft, row: Row, until: datetime) -> None:
    """Nothing but time has passed for the delivery: it is due later."""
    draft.put(DELIVERIES, row | {"state": "pending", "due_at": until, "error": f"{HELD} {until:%Y-%m-%d %H:%M} UTC"})


def bundle(draft: Draft, row: Row, to: Addressee) -> tuple[Bundled, ...]:
    """All else that waits at this target, where this is the last page that may go out for a while."""
    if to.budget.left(_pages(draft, row, to), draft.now) != 1:
        return ()
    return tuple(_still_needed(draft, _waiting(draft, row)))


def settle(draft: Draft, bundled: Sequence[Bundled], into: str) -> None:
    """Sent with the message of another delivery. What was sent by itself meanwhile stays as it is."""
    for each in bundled:
        if delivery(draft, each.delivery)["state"] == "pending":
            record(draft, each.ticket.id, NotificationBundled(delivery=each.delivery, into=into), each.by)


def _pages(draft: Draft, row: Row, to: Addressee) -> list[datetime]:
    """When the person was woken of late, by whatever target; what is being sent counts as now, what came in another's message does not.

    The same page at several targets counts once, when the first of them went out: so another copy of `row` does not count against it.
    """
    rung: dict[tuple[str, datetime], datetime] = {}
    for each in _went(draft, to):
        page = (each["cause"], each["requested_at"])
        if page != (row["cause"], row["requested_at"]):
            rung[page] = min(each["sent_at"] if each["state"] == "sent" else draft.now, rung.get(page, draft.now))
    return list(rung.values())


def _went(draft: Draft, to: Addressee) -> Iterator[Row]:
    """The pages to the person that were sent of late or are being sent, as this transaction sees them."""
    theirs = or_(*(and_(DELIVERIES.c.channel == channel, DELIVERIES.c.address == address) for channel, address in to.targets))
    wanted = theirs & (DELIVERIES.c.urgency == "page") & (DELIVERIES.c.due_at > draft.now - to.budget.longest - SLACK)
    kept = {found["id"]: dict(found) for found in draft.connection.execute(select(DELIVERIES).where(wanted)).mappings()}
    staged = {each["id"]: each for each in draft.staged(DELIVERIES) if (each["channel"], each["address"]) in to.targets}
    yield from (each for each in (kept | staged).values() if _is_woken_by(each))


def _is_woken_by(row: Row) -> bool:
    """By a ticket: a test is asked for by somebody who waits for it."""
    page = row["urgency"] == "page" and row["ticket"] is not None
    return page and row["state"] in ("sent", "leased") and row["attempts"] > 0


def _waiting(draft: Draft, row: Row) -> Iterator[tuple[str, str, Entry]]:
    """(delivery, ticket, cause) of the other pages to this target, the oldest first."""
    theirs = (DELIVERIES.c.channel == row["channel"]) & (DELIVERIES.c.address == row["address"]) & (DELIVERIES.c.urgency == "page")
    wanted = theirs & (DELIVERIES.c.state == "pending") & (DELIVERIES.c.id != row["id"]) & DELIVERIES.c.ticket.is_not(None)
    columns: tuple[Any, ...] = (DELIVERIES.c.id.label("of"), DELIVERIES.c.ticket.label("about"), *ENTRIES.columns)
    asked = select(*columns).join(ENTRIES, ENTRIES.c.id == DELIVERIES.c.cause).where(wanted).order_by(DELIVERIES.c.requested_at)
    for found in draft.connection.execute(asked.limit(MOST_BUNDLED)).mappings():
        cause = Entry.model_construct(**{column.name: found[column.name] for column in ENTRIES.columns})
        yield found["of"], found["about"], cause


def _still_needed(draft: Draft, waiting: Iterator[tuple[str, str, Entry]]) -> Iterator[Bundled]:
    """A Sev1 goes by itself, and nobody needs what is moot: that is withdrawn when it is due."""
    for identity, about, cause in waiting:
        ticket = find(draft, about)
        if delivery(draft, identity)["state"] == "pending" and not _grave(ticket) and not moot(cause, ticket):
            yield Bundled(identity, cause, ticket)


def _grave(ticket: Ticket) -> bool:
    return ticket.severity == "sev1" or may_be_sev1(ticket)
