"""What is kept. `entry` is the ledger and the truth; the other tables are what its events made, or bookkeeping of the services."""

from datetime import datetime
from typing import Any

from sqlalchemy import Table
from sqlmodel import SQLModel

from schemas.columns import instant, integer, json, text
from schemas.entries import Entry
from schemas.knownerrors import KnownError
from schemas.tickets import Ticket

STRICT = {"sqlite_strict": True}


class EntryRow(Entry, table=True):
    __tablename__ = "entry"
    __table_args__ = STRICT


class TicketRow(Ticket, table=True):
    __tablename__ = "ticket"
    __table_args__ = STRICT


class KnownErrorRow(KnownError, table=True):
    __tablename__ = "known_error"
    __table_args__ = STRICT


class HeadRow(SQLModel, table=True):
    """One row: the last entry's seq, digest and time, and how many tickets there are. Its lock orders all writers."""

    __tablename__ = "head"
    __table_args__ = STRICT
    id: int = integer(primary_key=True)
    seq: int = integer()
    digest: str = text()
    recorded_at: datetime = instant()
    tickets: int = integer()


class KeyRow(SQLModel, table=True):
    """An Idempotency-Key that a caller used, the digest of the body it came with, and the ticket it made."""

    __tablename__ = "idempotency_key"
    __table_args__ = STRICT
    caller: str = text(primary_key=True)
    key: str = text(primary_key=True)
    body_digest: str = text()
    ticket: str = text()
    used_at: datetime = instant()


class OriginRow(SQLModel, table=True):
    """Which ticket a source system's record became: the same record never becomes a second ticket."""

    __tablename__ = "origin"
    __table_args__ = STRICT
    source_system: str = text(primary_key=True)
    source_id: str = text(primary_key=True)
    ticket: str = text()


class ConsumerRow(SQLModel, table=True):
    """A service that reads the ledger: which event types it wants, and the seq up to which it has read the table."""

    __tablename__ = "consumer"
    __table_args__ = STRICT
    name: str = text(primary_key=True)
    listens_to: list[str] = json()
    position: int = integer()


class HandledRow(SQLModel, table=True):
    """Consumer X is done with event Y, written in the transaction that holds what X made of it. `note` says why nothing followed."""

    __tablename__ = "handled"
    __table_args__ = STRICT
    consumer: str = text(primary_key=True)
    event: str = text(primary_key=True)
    handled_at: datetime = instant()
    note: str | None = text(default=None)


class DeliveryRow(SQLModel, table=True):
    """One notification to one target, of a ticket or of a shift's handover. States: pending, leased, sent, dead, withdrawn."""

    __tablename__ = "delivery"
    __table_args__ = STRICT
    id: str = text(primary_key=True)
    ticket: str | None = text(default=None, index=True)
    cause: str = text()
    channel: str = text()
    address: str = text()
    urgency: str = text()
    state: str = text(index=True)
    attempts: int = integer()
    requested_at: datetime = instant()
    due_at: datetime = instant(index=True)
    sent_at: datetime | None = instant(default=None)
    error: str | None = text(default=None)


class StepRow(SQLModel, table=True):
    """One step of a ladder that a ticket climbs, due at an instant. States: pending, done, skipped, stopped.

    `step` -1 tells QA beside the steps, -2 the lead of a ticket that nobody keeps. `cause` is the entry that began the climb, or the
    acknowledgement that expired.
    """

    __tablename__ = "escalation_step"
    __table_args__ = STRICT
    id: str = text(primary_key=True)
    ticket: str = text(index=True)
    cause: str = text()
    team: str = text()
    severity: str = text()
    cycle: int = integer()
    step: int = integer()
    begun_at: datetime = instant()
    due_at: datetime = instant(index=True)
    state: str = text(index=True)
    settled_at: datetime | None = instant(default=None)


class HeartbeatRow(SQLModel, table=True):
    """When a part last did its round whose silence is no good sign: the ledger tells only what it found."""

    __tablename__ = "heartbeat"
    __table_args__ = STRICT
    name: str = text(primary_key=True)
    beaten_at: datetime = instant()


class LetterRow(SQLModel, table=True):
    """A dead letter: a record, an event or a delivery that could not be dealt with. States: waiting, replayed, discarded."""

    __tablename__ = "dead_letter"
    __table_args__ = STRICT
    id: str = text(primary_key=True)
    kind: str = text()
    state: str = text(index=True)
    origin: str = text()
    ticket: str | None = text(default=None)
    error: str = text()
    content: dict[str, Any] = json()
    arrived_at: datetime = instant()
    settled_at: datetime | None = instant(default=None)


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


ENTRIES = _table("entry")
TICKETS = _table("ticket")
KNOWN_ERRORS = _table("known_error")
HEAD = _table("head")
KEYS = _table("idempotency_key")
ORIGINS = _table("origin")
CONSUMERS = _table("consumer")
HANDLED = _table("handled")
DELIVERIES = _table("delivery")
STEPS = _table("escalation_step")
HEARTBEATS = _table("heartbeat")
LETTERS = _table("dead_letter")
