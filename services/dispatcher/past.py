"""A ticket as it stood before something happened to it, and as it stands; how often it was given back; whom it made open an incident."""

from collections.abc import Sequence

from sqlalchemy import func, select

from schemas.entries import Entry
from schemas.tables import DELIVERIES, ENTRIES, TICKETS
from schemas.tickets import Ticket
from services.db import Database
from services.teams import INCIDENT_TOOLS
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


def returns(database: Database, entry: Entry) -> int:
    """How often the entry's ticket was given back, up to this entry."""
    until = (ENTRIES.c.ticket == entry.ticket) & (ENTRIES.c.seq <= entry.seq) & (ENTRIES.c.type == "TicketReturned")
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(ENTRIES).where(until)).scalar_one())


def incidents(database: Database, ticket: str) -> Sequence[tuple[str, str]]:
    """The (channel, address) pairs of tools that may hold an incident of their own for the ticket."""
    wanted = (DELIVERIES.c.ticket == ticket) & DELIVERIES.c.channel.in_(INCIDENT_TOOLS) & (DELIVERIES.c.state != "withdrawn")
    with database.read() as connection:
        told = connection.execute(select(DELIVERIES.c.channel, DELIVERIES.c.address).where(wanted).distinct()).all()
    return [(channel, address) for channel, address in told]
