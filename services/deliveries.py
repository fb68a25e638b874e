"""Deliveries and dead letters as their events made them."""

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from schemas import events as e
from schemas.entries import Attribution, Entry
from schemas.events import Event
from schemas.tables import DELIVERIES, HANDLED, LETTERS
from services.errors import Conflict, NotFound
from services.ledger import Draft, Row, Subject

AGAIN = "to be handled again"

Change = Callable[[Draft, Any, Entry], None]


def _requested(draft: Draft, event: e.NotificationRequested, entry: Entry) -> None:
    """Asked for again, a delivery stays as it is: one that was sent is not sent twice."""
    if draft.get(DELIVERIES, event.delivery):
        return
    row: Row = {"id": event.delivery, "ticket": entry.ticket, "cause": entry.cause or entry.id, "channel": event.channel}
    row |= {"address": event.address, "urgency": event.urgency, "state": "pending", "attempts": 0, "sent_at": None, "error": None}
    draft.put(DELIVERIES, row | {"requested_at": entry.recorded_at, "due_at": entry.recorded_at})


def _sent(draft: Draft, event: e.NotificationSent, entry: Entry) -> None:
    done = {"state": "sent", "sent_at": entry.recorded_at, "attempts": event.attempts, "error": None}
    draft.put(DELIVERIES, delivery(draft, event.delivery) | done)


def _bundled(draft: Draft, event: e.NotificationBundled, entry: Entry) -> None:
    """Sent without an attempt of its own."""
    draft.put(DELIVERIES, delivery(draft, event.delivery) | {"state": "sent", "sent_at": entry.recorded_at, "attempts": 0, "error": None})


def _withdrawn(draft: Draft, event: e.NotificationWithdrawn, entry: Entry) -> None:
    draft.put(DELIVERIES, delivery(draft, event.delivery) | {"state": "withdrawn", "error": event.reason})


def _failed(draft: Draft, event: e.NotificationFailed, entry: Entry) -> None:
    row = delivery(draft, event.delivery) | {"state": "dead", "attempts": event.attempts, "error": event.error}
    draft.put(DELIVERIES, row)
    origin = f"{row['channel']} to {row['address']}"
    _lay_aside(draft, entry, {"id": event.delivery, "kind": "delivery", "origin": origin, "error": event.error})


DELIVERY_CHANGES: dict[type[Event], Change] = {
    e.NotificationRequested: _requested,
    e.NotificationSent: _sent,
    e.NotificationBundled: _bundled,
    e.NotificationFailed: _failed,
    e.NotificationWithdrawn: _withdrawn,
}


def delivery_id(cause: str, channel: str, address: str) -> str:
    """The same cause and target give the same id, in every process and at any time."""
    return str(uuid5(NAMESPACE_URL, f"hypercare:delivery:{cause}:{channel}:{address}"))


def note(draft: Draft, event: Event, by: Attribution, subject: Subject) -> None:
    """Write what happens to a delivery, and what that makes of its row. The subject is the delivery's ticket, or only a site."""
    DELIVERY_CHANGES[type(event)](draft, event, draft.append(event, by, subject))


def delivery(draft: Draft, identity: str) -> Row:
    row = draft.get(DELIVERIES, identity)
    if row is None:
        raise NotFound(f"There is no delivery {identity}")
    return row


def park(draft: Draft, event: e.EventParked, by: Attribution, entry: Entry) -> None:
    """Lay an event aside that a service could not handle; `entry` is the event's own."""
    parked = draft.append(event, by, Subject(entry.ticket, entry.ticket_version, entry.site))
    letter = {"id": event.letter, "kind": "event", "origin": event.consumer, "error": event.error, "content": {"event": event.event}}
    _lay_aside(draft, parked, letter)


def quarantine(draft: Draft, event: e.RecordQuarantined, by: Attribution) -> None:
    """Lay a record of the intake topic aside, whole and with its origin."""
    entry = draft.append(event, by)
    origin = f"{event.topic}/{event.partition}@{event.offset}"
    _lay_aside(draft, entry, {"id": event.letter, "kind": "record", "origin": origin, "error": event.error, "content": entry.data})


def _lay_aside(draft: Draft, entry: Entry, letter: Row) -> None:
    row: Row = {"state": "waiting", "ticket": entry.ticket, "content": {}, "arrived_at": entry.recorded_at, "settled_at": None}
    draft.put(LETTERS, row | letter)


def discard(draft: Draft, letter: str, by: Attribution) -> None:
    _settle(draft, letter, "discarded")
    draft.append(e.DeadLetterDiscarded(letter=letter), by)


def replay(draft: Draft, letter: str, by: Attribution) -> Row:
    """Send a dead letter through again: a delivery is due now and has its whole time again; a service takes its event up in a second."""
    row = _settle(draft, letter, "replayed")
    draft.append(e.DeadLetterReplayed(letter=letter), by)
    if row["kind"] == "delivery":
        anew = {"state": "pending", "attempts": 0, "requested_at": draft.now, "due_at": draft.now}
        draft.put(DELIVERIES, delivery(draft, letter) | anew)
    if row["kind"] == "event":
        key = {"consumer": row["origin"], "event": row["content"]["event"]}
        draft.put(HANDLED, key | {"handled_at": draft.now, "note": AGAIN})
    return row


def _settle(draft: Draft, letter: str, state: str) -> Row:
    row = draft.get(LETTERS, letter)
    if row is None:
        raise NotFound(f"There is no dead letter {letter}; `hypercare dlq list` shows them")
    if row["state"] != "waiting":
        raise Conflict(f"Dead letter {letter} was already {row['state']}")
    draft.put(LETTERS, row | {"state": state, "settled_at": draft.now})
    return row
