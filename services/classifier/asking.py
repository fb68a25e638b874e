"""Ask the classifier about its past: for any process that has the database and the versions at hand."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from services.classifier.explanation import Explanation, explanation
from services.errors import NotFound
from services.ledger import Ledger
from services.settings import Settings
from services.web.problems import refusals

router = APIRouter(tags=["model"])


async def _parts(request: Request) -> tuple[Ledger, Settings]:
    return request.app.state.ledger, request.app.state.settings


@router.get("/v1/tickets/{ticket}/explanation", summary="Read why a ticket was decided as it was", responses=refusals(NotFound))
def read_explanation(
    ticket_id: Annotated[str, Path(alias="ticket", pattern=r"^HC-[1-9][0-9]{0,11}$", description="for example HC-12")],
    parts: Annotated[tuple[Ledger, Settings], Depends(_parts)],
) -> Explanation:
    """The classifier's latest decision with the words and concepts that drove it, and whether the same sources decide the same again.

    Takes a moment: the decision is made anew from the ledger as it was then.
    """
    ledger, settings = parts
    with ledger.database.read() as connection:
        return explanation(connection, settings, ticket_id)
