"""A ticket comes in. It is answered for only when it is in the ledger."""

from typing import Annotated, Any

from fastapi import Body, Response
from fastapi.openapi.models import Example

from schemas.tickets import Submission, Ticket
from services.api.desk import AtDesk
from services.api.idempotency import IdempotencyKey
from services.api.preferences import Prefer, decided, wanted_wait
from services.api.versions import answer
from services.errors import InFlight, KeyReused, TooLarge, UnsupportedMediaType
from services.tickets import reads_of, submit
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.problems import documented, refusals

EXAMPLE: dict[str, Any] = {
    "title": "Packaging line 3 stopped, serial numbers are refused",
    "body": "Since 06:10 every carton is rejected with 'number already used'.",
    "site": "Cork",
    "reporter": "olga.byrne",
    "reported_severity": "sev2",
    "area": "Packaging line 3",
    "stopped": "Packaging line 3",
}
BODY_REFUSALS: dict[int | str, dict[str, Any]] = {
    408: documented("The body came too slowly"),
    **refusals(TooLarge, UnsupportedMediaType),
}
NEW: dict[str, Any] = {
    "description": "The ticket, stored",
    "headers": {name: {"schema": {"type": "string"}} for name in ("Location", "ETag")},
}
REPLAY: dict[str, Any] = {"description": "The ticket that this key or source record made before", "model": Ticket}

router = json_router("tickets")


@router.post(
    "/v1/tickets",
    status_code=201,
    response_model=Ticket,
    summary="Submit a ticket",
    responses={201: NEW, 200: REPLAY} | BODY_REFUSALS | refusals(InFlight, KeyReused),
)
async def submit_ticket(
    submission: Annotated[Submission, Body(openapi_examples={"stopped line": Example(value=EXAMPLE)})],
    caller: Caller,
    desk: AtDesk,
    key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> Response:
    """201 when the ticket is new and stored; 200 with `Idempotent-Replayed: true` when this key or source record made it before."""
    with desk.once_at_a_time(caller.actor, key):
        ticket, new = await desk.write(lambda draft: submit(draft, submission, caller, key), *reads_of(submission, caller.actor, key))
    place = {"Location": f"/v1/tickets/{ticket.id}"}
    if wait := wanted_wait(prefer):
        ticket, place = await decided(desk, ticket.id, wait), place | {"Preference-Applied": f"wait={wait}"}
    return answer(ticket, 201, place) if new else answer(ticket, 200, place | {"Idempotent-Replayed": "true"})
