"""A ticket as it stood before something happened to it, and as it stands."""

from sqlalchemy import select

from schemas.entries import Entry
from schemas.tables import ENTRIES, TICKETS
from schemas.tickets import Ticket
from services.db import Database
from services.tickets import fold


def stood_before(database: Database, entry: Entry) -> Ticket | None:
    """Made anew from the ledger's entries before this one; None before its submission."""
    earlier = select(ENTRIES).where(ENTRIES.c.ticket == entry.ticket, ENTRIES.c.seq < entry.seq).order_by(ENTRIES.c.seq)
    with database.read() as connection:
        return fold(Entry.model_construct(**row) for row in connection.execute(earlier).mappings())


def standing(database: Database, ticket: str) -> Ticket | None:
    with database.read() as connection:
        row = connection.execute(select(TICKETS).where(TICKETS.c.id == ticket)).mappings().one_or_none()
    return Ticket.model_construct(**row) if row else None
