"""Many tickets in one request: each is checked and stored by itself, and has its own result."""

import asyncio
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.entries import Attribution
from schemas.problems import Problem
from schemas.tickets import Submission
from services.api.desk import AtDesk, Desk
from services.api.idempotency import Key
from services.api.submissions import BODY_REFUSALS, EXAMPLE
from services.errors import HypercareError, Unavailable
from services.tickets import reads_of, submit
from services.web.bodies import BatchRoute
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.handlers import request_id_of
from services.web.problems import problem_of, problem_of_faults

LARGEST = 1_000


class BatchItem(Submission):
    idempotency_key: Key | None = None


class Batch(BaseModel):
    """Items are looked at one by one, so that a wrong one does not disturb the others."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"tickets": [EXAMPLE | {"idempotency_key": "shift-7-0001"}]}]}
    )
    tickets: Annotated[
        list[Any],
        Field(min_length=1, max_length=LARGEST, description="each as the body of POST /v1/tickets, with idempotency_key beside its fields"),
    ]


class BatchResult(BaseModel):
    """What became of one item. `status` is the one that POST /v1/tickets would have answered; `ticket` is the id."""

    index: int
    status: int
    ticket: str | None = None
    problem: Problem | None = None


class BatchResults(BaseModel):
    """One result per item, in the order of the items."""

    results: list[BatchResult]


router = json_router("tickets")


async def submit_tickets(batch: Batch, request: Request, caller: Caller, desk: AtDesk) -> BatchResults:
    """Always 200 when at least one item could be dealt with; look at every result. Tickets are stored when the answer comes."""
    request_id = request_id_of(request)
    taken = [_take(desk, item, caller, request_id) for item in batch.tickets]
    outcomes = await asyncio.gather(*taken)
    if all(isinstance(each, Unavailable) for each in outcomes):
        raise outcomes[0]
    return BatchResults(results=[_result(index, each, request_id) for index, each in enumerate(outcomes)])


router.add_api_route(
    "/v1/tickets:batch",
    submit_tickets,
    methods=["POST"],
    summary="Submit up to 1,000 tickets",
    responses=BODY_REFUSALS,
    response_model_exclude_none=True,
    route_class_override=BatchRoute,
)

Outcome = tuple[str, bool] | Problem | HypercareError


async def _take(desk: Desk, item: Any, caller: Attribution, request_id: str) -> Any:
    """(ticket id, whether it is new), or why not."""
    try:
        told = BatchItem.model_validate(item)
    except ValidationError as error:
        return problem_of_faults(error.errors(), request_id, place="body")
    key = told.idempotency_key
    submission = Submission.model_construct(**told.model_dump(exclude={"idempotency_key"}))
    try:
        ticket, new = await desk.write(lambda draft: submit(draft, submission, caller, key), *reads_of(submission, caller.actor, key))
    except HypercareError as refused:
        return refused
    return ticket.id, new


def _result(index: int, outcome: Outcome, request_id: str) -> BatchResult:
    if isinstance(outcome, tuple):
        ticket, new = outcome
        return BatchResult(index=index, status=201 if new else 200, ticket=ticket)
    problem = problem_of(outcome, request_id) if isinstance(outcome, HypercareError) else outcome
    return BatchResult(index=index, status=problem.status, problem=problem)
