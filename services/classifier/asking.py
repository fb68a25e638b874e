"""Ask the classifier about its past: for any process that has the database and the versions at hand."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import Connection, select

from schemas.tables import TICKETS
from schemas.tickets import Ticket
from services.blind import shown
from services.classifier.explanation import Explanation, explanation
from services.errors import Conflict, NotFound
from services.ledger import Ledger
from services.settings import Settings
from services.web.problems import refusals

router = APIRouter(tags=["model"])


async def _parts(request: Request) -> tuple[Ledger, Settings]:
    return request.app.state.ledger, request.app.state.settings


@router.get("/v1/tickets/{ticket}/explanation", summary="Read why a ticket was decided as it was", responses=refusals(NotFound, Conflict))
def read_explanation(
    ticket_id: Annotated[str, Path(alias="ticket", pattern=r"^HC-[1-9][0-9]{0,11}$", description="for example HC-12")],
    parts: Annotated[tuple[Ledger, Settings], Depends(_parts)],
) -> Explanation:
    """The classifier's latest decision with the words and concepts that drove it, and whether the same sources decide the same again.

    Takes a moment: the decision is made anew from the ledger as it was then.
    """
    ledger, settings = parts
    with ledger.database.read() as connection:
        _refuse_while_blind(connection, ticket_id)
        return explanation(connection, settings, ticket_id)


def _refuse_while_blind(connection: Connection, ticket: str) -> None:
    row = connection.execute(select(TICKETS).where(TICKETS.c.id == ticket)).mappings().one_or_none()
    stands = Ticket.model_construct(**row) if row else None
    if stands and shown(stands) is not stands:
        raise Conflict(f"{ticket} is to be routed by somebody who has not seen the suggestion; ask again when that is done")
