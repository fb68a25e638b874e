"""Go-lives over HTTP: declared, planned, held to criteria, waived, attested and ended by people."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Body, Path, Response
from fastapi.openapi.models import Example
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas import golive_events as g
from schemas.entries import Attribution
from schemas.golives import CriteriaText, ExposureText, GoLive, GoLiveText, Plan, ScopeEventText
from schemas.words import Instant, Line, Name, Reason, Slug
from services import golives as said
from services.api.changes import Explained
from services.api.desk import AtDesk, Desk
from services.api.submissions import BODY_REFUSALS
from services.errors import Forbidden, NotFound, Refused
from services.ledger import Draft
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.problems import refusals

GoLivePath = Annotated[str, Path(alias="golive", pattern=r"^GL-[1-9][0-9]{0,5}$", description="for example GL-1")]
ScopeEventPath = Annotated[str, Path(alias="scope_event", pattern=r"^SE-[1-9][0-9]{0,5}$", description="for example SE-2")]
EXAMPLE: dict[str, Any] = {
    "name": "MES wave 1, packaging",
    "site": "Cork",
    "wave": "1",
    "starts_at": "2026-03-02T06:00:00+00:00",
    "planned_end": "2026-04-13T06:00:00+01:00",
    "time_zone": "Europe/Dublin",
    "hypercare_only": ["role:integrator"],
    "normal_arrivals": 4,
}
PLAN: dict[str, Any] = {
    "by_severity": {
        "sev2": {"shape": "rates", "problems": 60, "decay": 0.115, "floor": 0.2, "capacity": 3},
        "sev3": {"shape": "rates", "problems": 180, "decay": 0.1, "floor": 1, "capacity": 7},
    }
}
CHANGE = BODY_REFUSALS | refusals(NotFound, Refused)
NEW: dict[int | str, dict[str, Any]] = {
    201: {"description": "The go-live, stored", "headers": {"Location": {"schema": {"type": "string"}}}},
}

router = json_router("go-lives")


class Because(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: Reason | None = None


class Redeclared(Because):
    """`reason` is needed where something changes."""

    golive: GoLiveText


class Proposed(Because):
    """`reason` is needed from the second plan on."""

    plan: Plan


class Adopted(Explained, CriteriaText):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Waived(Explained):
    criterion: Slug
    until: Instant


class Attested(Because):
    criterion: Slug
    holds: bool
    evidence: Line
    until: Instant | None = None


class Ended(Explained):
    """On the evidence of which snapshot."""

    snapshot: Annotated[Name, StringConstraints(pattern=r"^GL-[1-9][0-9]{0,5}-\d{4}-\d\d-\d\d(T\d{6})?$")]


class Exposures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    days: Annotated[list[ExposureText], Field(min_length=1, max_length=400)]


class Reported(BaseModel):
    reported: int


class GoLiveList(BaseModel):
    """In the order in which they were declared."""

    golives: list[GoLive]


@router.get("/v1/golives", summary="List go-lives")
def list_golives(desk: AtDesk, site: Name | None = None) -> GoLiveList:
    with desk.ledger.database.read() as connection:
        found = said.golives_of(connection).of.values()
    return GoLiveList(golives=[each for each in found if site in (None, each.site)])


@router.get("/v1/golives/{golive}", summary="Read a go-live", responses=refusals(NotFound))
def read_golive(golive: GoLivePath, desk: AtDesk) -> GoLive:
    with desk.ledger.database.read() as connection:
        return said.golives_of(connection).find(golive)


@router.post("/v1/golives", status_code=201, summary="Declare a go-live", responses=NEW | BODY_REFUSALS)
async def declare_golive(
    told: Annotated[GoLiveText, Body(openapi_examples={"wave 1": Example(value=EXAMPLE)})], caller: Caller, desk: AtDesk, response: Response
) -> GoLive:
    """It has the shipped exit criteria until others are adopted, and no plan until one is approved."""
    golive = await desk.write(lambda draft: said.declare(draft, told, caller))
    response.headers["Location"] = f"/v1/golives/{golive.id}"
    return golive


@router.put("/v1/golives/{golive}", summary="Say something else of a go-live", responses=CHANGE)
async def redeclare_golive(golive: GoLivePath, told: Redeclared, caller: Caller, desk: AtDesk) -> GoLive:
    return await _written(desk, lambda draft: said.declare(draft, told.golive, _because(caller, told), golive))


@router.post("/v1/golives/{golive}/plans", summary="Propose a plan", responses=CHANGE)
async def propose_plan(
    golive: GoLivePath,
    told: Annotated[Proposed, Body(openapi_examples={"from rates": Example(value={"plan": PLAN})})],
    caller: Caller,
    desk: AtDesk,
) -> GoLive:
    """Planned open tickets by severity. It holds once somebody else has approved it; the first one stays visible for good."""
    return await _written(desk, lambda draft: said.propose_plan(draft, golive, told.plan, _because(caller, told)))


@router.post("/v1/golives/{golive}/plans/{version}/approve", summary="Approve a plan", responses=CHANGE | refusals(Forbidden))
async def approve_plan(golive: GoLivePath, version: int, told: Because, caller: Caller, desk: AtDesk) -> GoLive:
    return await _written(desk, lambda draft: said.approve_plan(draft, golive, version, _because(caller, told)))


@router.post("/v1/golives/{golive}/scope-events", summary="Plan a line, product, patch, holiday or shutdown", responses=CHANGE)
async def plan_scope_event(golive: GoLivePath, told: ScopeEventText, caller: Caller, desk: AtDesk) -> GoLive:
    """It stands on the burndown; the forecast expects its tickets, or nobody at work."""
    return await _written(desk, lambda draft: said.plan_scope_event(draft, golive, told, caller))


@router.post("/v1/golives/{golive}/scope-events/{scope_event}/drop", summary="Say that it will not happen", responses=CHANGE)
async def drop_scope_event(golive: GoLivePath, scope_event: ScopeEventPath, told: Explained, caller: Caller, desk: AtDesk) -> GoLive:
    return await _written(desk, lambda draft: said.drop_scope_event(draft, golive, scope_event, _because(caller, told)))


@router.put("/v1/golives/{golive}/criteria", summary="Adopt exit criteria", responses=CHANGE)
async def adopt_criteria(golive: GoLivePath, told: Adopted, caller: Caller, desk: AtDesk) -> GoLive:
    """All of them at once. What was said by the earlier ones stays in the snapshots."""
    text = CriteriaText(criteria=told.criteria)
    return await _written(desk, lambda draft: said.adopt_criteria(draft, golive, text, _because(caller, told)))


@router.post("/v1/golives/{golive}/waivers", summary="Waive a criterion until a date", responses=CHANGE)
async def waive_criterion(golive: GoLivePath, told: Waived, caller: Caller, desk: AtDesk) -> GoLive:
    """The latest waiver of a criterion counts: one that ends now takes an earlier one back."""
    event = g.CriterionWaived(golive=golive, criterion=told.criterion, until=told.until)
    return await _written(desk, lambda draft: said.waive(draft, golive, event, _because(caller, told)))


@router.post("/v1/golives/{golive}/attestations", summary="Say whether a criterion holds that nothing counts", responses=CHANGE)
async def attest_criterion(golive: GoLivePath, told: Attested, caller: Caller, desk: AtDesk) -> GoLive:
    event = g.CriterionAttested(golive=golive, **told.model_dump(exclude={"reason"}))
    return await _written(desk, lambda draft: said.attest(draft, golive, event, _because(caller, told)))


@router.post("/v1/golives/{golive}/exit", summary="End the hypercare", responses=CHANGE)
async def exit_golive(golive: GoLivePath, told: Ended, caller: Caller, desk: AtDesk) -> GoLive:
    """A person decides, on a snapshot; its criteria need not hold, and what held stands in it. The relapse guard lasts 14 days."""
    return await _written(desk, lambda draft: said.exit_golive(draft, golive, told.snapshot, _because(caller, told)))


@router.post("/v1/golives/{golive}/reenter", summary="Go back into the hypercare", responses=CHANGE)
async def reenter_golive(golive: GoLivePath, told: Explained, caller: Caller, desk: AtDesk) -> GoLive:
    return await _written(desk, lambda draft: said.reenter(draft, golive, _because(caller, told)))


@router.post("/v1/exposure", summary="Report how much was done at a site", responses=BODY_REFUSALS)
async def report_exposure(told: Exposures, caller: Caller, desk: AtDesk) -> Reported:
    """A later report of the same day replaces the earlier one. Both stay in the ledger."""

    def command(draft: Draft) -> None:
        for each in told.days:
            said.report_exposure(draft, each, caller)

    await desk.write(command)
    return Reported(reported=len(told.days))


async def _written(desk: Desk, command: Callable[[Draft], GoLive]) -> GoLive:
    return await desk.write(command)


def _because(caller: Attribution, told: Because | Explained) -> Attribution:
    return replace(caller, reason=told.reason)
