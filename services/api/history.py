"""What an earlier tool tells of its tickets: each event has its own result, and those of one ticket are taken together."""

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.history import PastEvent
from schemas.problems import Problem
from schemas.words import Name
from services.api.desk import AtDesk, Desk
from services.api.submissions import BODY_REFUSALS
from services.errors import HypercareError, Unavailable
from services.history import Move, Outcome, Taken, held_back, in_order, move_over, reads_of
from services.web.bodies import BatchRoute
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.handlers import request_id_of
from services.web.problems import problem_of, problem_of_faults

LARGEST = 1_000
EXAMPLE: Any = [
    {
        "ticket": "INC0012", "type": "submitted", "occurred_at": "2026-02-27T06:12:00+01:00", "title": "Labels of line 3 are blank",
        "site": "Cork", "reporter": "olga.byrne", "severity": "sev2", "system": "packaging_serialization",
    },
    {"ticket": "INC0012", "type": "resolved", "occurred_at": "2026-02-27T09:40:00+01:00", "actor": "erik", "resolution": "New ribbon."},
]  # fmt: skip


class History(BaseModel):
    """Events are looked at ticket by ticket, so that a wrong one disturbs no other ticket."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"source": "servicenow", "events": EXAMPLE}]})
    source: Annotated[Name, Field(description="the earlier tool, the same in every request: it and the ticket's name there are remembered")]
    events: Annotated[
        list[Any],
        Field(min_length=1, max_length=LARGEST, description="in any order, but all of a ticket that there are; each a PastEvent"),
    ]


class HistoryResult(BaseModel):
    """What became of one event. `known`: it was moved over before. `ticket` is the id here."""

    index: int
    status: Literal["created", "known", "refused"]
    ticket: str | None = None
    problem: Problem | None = None


class HistoryResults(BaseModel):
    """One result per event, in the order of the events."""

    results: list[HistoryResult]


Story = Mapping[int, PastEvent | Problem]
"""The events of one ticket by their index, or what is wrong with one."""

router = json_router("tickets")


async def move_history(history: History, request: Request, caller: Caller, desk: AtDesk) -> HistoryResults:
    """Always 200 when at least one event could be dealt with; look at every result. Nobody is told of what is past."""
    request_id, move = request_id_of(request), Move(history.source, caller, desk.teams)
    stories = list(_stories(history.events, request_id))
    outcomes = await asyncio.gather(*(_take(desk, story, move) for story in stories))
    found = {index: outcome for each in outcomes for index, outcome in each.items()}
    if all(isinstance(each, Unavailable) for each in found.values()):
        raise found[0]  # type: ignore[misc]
    return HistoryResults(results=[_result(index, found[index], request_id) for index in sorted(found)])


router.add_api_route(
    "/v1/history",
    move_history,
    methods=["POST"],
    summary="Move up to 1,000 events of an earlier tool's tickets over",
    responses=BODY_REFUSALS,
    response_model_exclude_none=True,
    route_class_override=BatchRoute,
)


def _stories(events: list[Any], request_id: str) -> Iterator[Story]:
    by_ticket: dict[Any, dict[int, PastEvent | Problem]] = {}
    for index, told in enumerate(events):
        name = told.get("ticket") if isinstance(told, dict) else None
        by_ticket.setdefault(name if isinstance(name, str) else index, {})[index] = _event(told, request_id)
    return iter(by_ticket.values())


def _event(told: Any, request_id: str) -> PastEvent | Problem:
    try:
        return PastEvent.model_validate(told)
    except ValidationError as error:
        return problem_of_faults(error.errors(), request_id, place="body")


async def _take(desk: Desk, story: Story, move: Move) -> dict[int, Outcome | Problem]:
    """Where one event cannot be read, the others of its ticket wait for it."""
    events = {index: event for index, event in story.items() if isinstance(event, PastEvent)}
    if len(events) < len(story):
        return {index: held_back() if isinstance(event, PastEvent) else event for index, event in story.items()}
    events = dict(sorted(events.items(), key=lambda item: in_order(item[1])))
    told = list(events.values())
    try:
        outcomes = await desk.write(partial(move_over, events=told, move=move), *reads_of(move, told[0].ticket))
    except HypercareError as refused:
        outcomes = [refused] * len(told)
    return dict(zip(events, outcomes, strict=True))


def _result(index: int, outcome: Outcome | Problem, request_id: str) -> HistoryResult:
    if isinstance(outcome, Taken):
        return HistoryResult(index=index, status="created" if outcome.new else "known", ticket=outcome.ticket)
    problem = problem_of(outcome, request_id) if isinstance(outcome, HypercareError) else outcome
    return HistoryResult(index=index, status="refused", problem=problem)
