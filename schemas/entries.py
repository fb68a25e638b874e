"""An event's row in the ledger, and who stands behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from schemas.columns import instant, integer, json, text


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who did it, in which role, why, when it happened (as claimed), on behalf of which earlier event, in which trace."""

    actor: str
    role: str
    reason: str | None = None
    occurred_at: datetime | None = None
    cause: str | None = None
    traceparent: str | None = None


class Entry(SQLModel):
    """A line of the ledger: gap-free `seq`, the event in `data`, and the digest that chains it to the line before.

    `digest` = SHA-256 over the previous digest (ASCII hex) followed by the RFC 8785 canonical JSON of every other field.
    """

    seq: int = integer(primary_key=True, sa_column_kwargs={"autoincrement": False})
    id: str = text(unique=True)
    type: str = text(index=True)
    ticket: str | None = text(default=None, index=True)
    ticket_version: int = integer(default=0)
    site: str | None = text(default=None)
    actor: str = text()
    role: str = text()
    reason: str | None = text(default=None)
    cause: str | None = text(default=None)
    traceparent: str | None = text(default=None)
    occurred_at: datetime = instant()
    recorded_at: datetime = instant(index=True)
    data: dict[str, Any] = json()
    previous: str = text()
    digest: str = text()
