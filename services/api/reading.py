"""Tickets as they stand, as they stood, and how they came to be so."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection, select

from schemas.entries import Entry
from schemas.tables import ENTRIES, TICKETS
from schemas.tickets import Ticket
from services.api.desk import AtDesk
from services.api.instants import PastOrFuture
from services.api.search import Search, cursor_of, wanted
from services.api.versions import answer
from services.blind import shown
from services.errors import NotFound
from services.tickets import fold
from services.web.bodies import router as json_router
from services.web.problems import refusals

TicketPath = Annotated[str, Path(alias="ticket", pattern=r"^HC-[1-9][0-9]{0,11}$", description="for example HC-12")]
MANY_ENTRIES = 500

router = json_router("tickets")


class TicketPage(BaseModel):
    """The newest first. `next` is the `after` of the following page; null where this is the last."""

    tickets: list[Ticket]
    next: str | None


class History(BaseModel):
    """A ticket's entries in the ledger, oldest first. `next` is the `after` of the following page."""

    entries: list[Entry]
    next: int | None


@router.get("/v1/tickets", summary="List tickets", response_model=TicketPage)
def list_tickets(search: Annotated[Search, Query()], request: Request, response: Response, desk: AtDesk) -> TicketPage:
    with desk.ledger.database.read() as connection:
        rows = connection.execute(wanted(search)).mappings().all()
    tickets = [shown(Ticket.model_construct(**row)) for row in rows[: search.limit]]
    following = cursor_of(tickets[-1]) if len(rows) > search.limit else None
    if following:
        again = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
        response.headers["Link"] = f'</v1/tickets?{urlencode([*again, ("after", following)])}>; rel="next"'
    return TicketPage(tickets=tickets, next=following)


@router.get("/v1/tickets/{ticket}", summary="Read a ticket", response_model=Ticket, responses=refusals(NotFound))
def read_ticket(ticket_id: TicketPath, desk: AtDesk, as_of: PastOrFuture | None = None) -> Response:
    """As it stands, or with `as_of` as it stood then, made anew from the ledger."""
    with desk.ledger.database.read() as connection:
        return answer(_standing(connection, ticket_id) if as_of is None else _stood(connection, ticket_id, as_of))


@router.get("/v1/tickets/{ticket}/history", summary="Read a ticket's entries in the ledger", responses=refusals(NotFound))
def read_history(
    ticket_id: TicketPath,
    desk: AtDesk,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=MANY_ENTRIES)] = MANY_ENTRIES,
) -> History:
    """Who did what, when and why; the digests chain every entry to the one before it in the ledger."""
    of_ticket = select(ENTRIES).where(ENTRIES.c.ticket == ticket_id, ENTRIES.c.seq > after).order_by(ENTRIES.c.seq)
    with desk.ledger.database.read() as connection:
        _standing(connection, ticket_id)
        rows = connection.execute(of_ticket.limit(limit + 1)).mappings().all()
    entries = [Entry.model_construct(**row) for row in rows[:limit]]
    return History(entries=entries, next=entries[-1].seq if len(rows) > limit else None)


def _standing(connection: Connection, ticket: str) -> Ticket:
    row = connection.execute(select(TICKETS).where(TICKETS.c.id == ticket)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such ticket; look it up with GET /v1/tickets")
    return Ticket.model_construct(**row)


def _stood(connection: Connection, ticket: str, as_of: datetime) -> Ticket:
    known = select(ENTRIES).where(ENTRIES.c.ticket == ticket, ENTRIES.c.recorded_at <= as_of).order_by(ENTRIES.c.seq)
    found = fold(Entry.model_construct(**row) for row in connection.execute(known).mappings())
    if found is None:
        raise NotFound("There was no such ticket at that time")
    return found
