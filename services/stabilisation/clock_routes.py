"""The clocks of a ticket over HTTP, with their arithmetic."""

from typing import Annotated

from fastapi import APIRouter, Path

from schemas.clocks import TicketClocks
from services.errors import NotFound
from services.stabilisation.asked import AsOf, TheLedger
from services.stabilisation.ticket_clocks import ticket_clocks
from services.web.problems import refusals

router = APIRouter(tags=["clocks"])
TicketPath = Annotated[str, Path(alias="ticket", pattern=r"^HC-[1-9][0-9]{0,11}$", description="for example HC-1")]


@router.get("/v1/tickets/{ticket}/clocks", summary="Show the clocks of a ticket", responses=refusals(NotFound))
def read_clocks(ticket: TicketPath, ledger: TheLedger, as_of: AsOf = None) -> TicketClocks:
    """When each started, what of its time counts and why, what is due when, and whether it was met. docs/clocks.md holds the rules."""
    return ticket_clocks(ledger, ticket, as_of)
