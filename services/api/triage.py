"""The triage queue: what waits for a person to decide where it goes."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import func, select

from schemas.predictions import KnownErrorHit
from schemas.tables import TICKETS
from schemas.tickets import Ticket
from schemas.words import Name, Severity
from services.api.desk import AtDesk
from services.api.search import LARGEST_PAGE, NUMBER
from services.blind import shown
from services.web.bodies import router as json_router

router = json_router("tickets")


class Suggestion(BaseModel):
    """What the classifier would have done. `system` is absent where the ticket was moved away from it before. `known_errors` are those that
    the ticket is like, with the way round them.
    """

    system: str | None
    severity: Severity | None
    confidence: float | None
    reasons: list[str]
    model: str | None
    known_errors: list[KnownErrorHit]


class Queued(BaseModel):
    ticket: Ticket
    suggestion: Suggestion | None


class Queue(BaseModel):
    """`waiting` counts all, also those that this page leaves out."""

    tickets: list[Queued]
    waiting: int


@router.get("/v1/triage", summary="Read the triage queue")
def read_triage(desk: AtDesk, site: Name | None = None, limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50) -> Queue:
    """The gravest first, and among equals the oldest. A ticket without severity comes first: nobody has looked at it."""
    waits = TICKETS.c.state == "triage" if site is None else (TICKETS.c.state == "triage") & (TICKETS.c.site == site)
    order = (func.coalesce(TICKETS.c.severity, ""), TICKETS.c.submitted_at, NUMBER)
    with desk.ledger.database.read() as connection:
        waiting = connection.execute(select(func.count()).select_from(TICKETS).where(waits)).scalar_one()
        rows = connection.execute(select(TICKETS).where(waits).order_by(*order).limit(limit)).mappings().all()
    tickets = [shown(Ticket.model_construct(**row)) for row in rows]
    return Queue(tickets=[Queued(ticket=ticket, suggestion=_suggestion(ticket)) for ticket in tickets], waiting=waiting)


def _suggestion(ticket: Ticket) -> Suggestion | None:
    """None where nothing was suggested, or must not be seen yet."""
    if ticket.decision is None or "system" not in ticket.decision:
        return None
    told: dict[str, Any] = {name: ticket.decision.get(name) for name in Suggestion.model_fields}
    system = None if told["system"] in ticket.moved_from else told["system"]
    return Suggestion.model_validate(told | {"system": system} | {name: told[name] or [] for name in ("reasons", "known_errors")})
