"""On call over HTTP: who it is at an instant, whole schedules, the configuration in force, and overrides that people make and drop."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Body, Path, Query
from fastapi.openapi.models import Example
from pydantic import BaseModel, ConfigDict

from schemas.oncall import Override, OverrideText, Rota
from schemas.words import Name, Reason, Slug
from services.api.changes import Explained
from services.api.desk import AtDesk, Desk
from services.api.instants import PastOrFuture
from services.api.submissions import BODY_REFUSALS
from services.errors import Invalid, NotFound
from services.ledger import Draft
from services.oncall.configured import configured, digest_of, told
from services.oncall.overrides import drop_override, override, overrides_of
from services.oncall.roll import Roll
from services.oncall.schedule import Duty, Roster, next_duty, on_call, on_layer, schedule
from services.oncall.spans import gaps
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.problems import refusals

OverridePath = Annotated[str, Path(alias="override", pattern=r"^OV-[1-9][0-9]{0,8}$", description="for example OV-3")]
At = Annotated[PastOrFuture | None, Query(description="now, unless said")]
FURTHEST = timedelta(days=3_660)
LONGEST = timedelta(days=370)
EXAMPLE: dict[str, Any] = {
    "rota": "mes",
    "from": "2026-03-14T18:00:00+01:00",
    "until": "2026-03-16T06:00:00+01:00",
    "person": "cleo",
    "instead_of": "ben",
    "reason": "Ben is at a wedding, Cleo covers",
}
NEW: dict[int | str, dict[str, Any]] = {201: {"description": "The override, stored"}}
CHANGE = BODY_REFUSALS | refusals(NotFound)
EXAMPLES = {"a weekend": Example(value=EXAMPLE)}

router = json_router("on call")


class Turn(BaseModel):
    """`until` is absent where the duty ends later than 128 days from then."""

    model_config = ConfigDict(frozen=True)
    person: str
    name: str
    layer: str
    until: datetime | None


class OnCall(BaseModel):
    """Of a team, or of a rota that no team has. `by_layer`: whom each layer alone puts there, whoever covers it."""

    model_config = ConfigDict(frozen=True)
    team: str | None
    rota: str | None
    time_zone: str | None = None
    now: Turn | None = None
    next: Turn | None = None
    by_layer: dict[str, str] = {}


class OnCallAt(BaseModel):
    at: datetime
    on_call: list[OnCall]


class Stretch(BaseModel):
    """`begin` and `end` in UTC."""

    model_config = ConfigDict(frozen=True)
    begin: datetime
    end: datetime
    person: str
    name: str
    layer: str


class Gap(BaseModel):
    begin: datetime
    end: datetime


class Schedule(BaseModel):
    rota: str
    time_zone: str
    stretches: list[Stretch]
    gaps: list[Gap]


class Configuration(BaseModel):
    """`digest`: of the file which people are told by; `own_digest`: of this process's file. Before anybody is told both are the same."""

    digest: str
    own_digest: str
    by: str | None = None
    role: str | None = None
    reason: str | None = None
    since: datetime | None = None
    content: dict[str, Any]


class Covered(OverrideText):
    """`person` is on call for that time, in the place of `instead_of` or of whoever it would be."""

    rota: Slug
    reason: Reason


class OverrideList(BaseModel):
    """In the order in which they were made: later ones cover earlier ones. Those of the teams file stand in the configuration."""

    overrides: list[Override]


@router.get("/v1/oncall", summary="Say who is on call", responses=refusals(Invalid))
def who_is_on_call(desk: AtDesk, at: At = None, site: Name | None = None, system: Slug | None = None) -> OnCallAt:
    """At an instant, for the team of a system at a site, or for all teams of the site, or for all there are."""
    asked = _near(desk, at)
    roll = _roll(desk)
    teams = list(_teams(desk, site, system))
    rest = set() if site or system else set(roll.rosters) - {desk.teams.teams[team].rota for team in teams}
    found = [_of_team(roll, team, asked) for team in teams] + [_of_rota(roll, None, rota, asked) for rota in sorted(rest)]
    return OnCallAt(at=asked, on_call=found)


@router.get("/v1/oncall/schedule", summary="Read a rota's schedule", responses=refusals(NotFound, Invalid))
def read_schedule(desk: AtDesk, rota: Slug, begin: PastOrFuture, end: PastOrFuture) -> Schedule:
    """Who is on call between two instants, at most 370 days, and when nobody is."""
    known = _find(desk, rota)
    if not timedelta(0) < _near(desk, end) - _near(desk, begin) <= LONGEST:
        raise Invalid("end must come after begin, and within 370 days of it")
    roll = _roll(desk)
    spans = schedule(roll.rosters[rota], begin, end)
    stretches = [Stretch(name=_name(roll, span.person), **span._asdict()) for span in spans]
    missing = [Gap(begin=since, end=until) for since, until in gaps(spans, begin, end)]
    return Schedule(rota=rota, time_zone=known.time_zone, stretches=stretches, gaps=missing)


@router.get("/v1/oncall/configuration", summary="Read the teams file in force")
def read_configuration(desk: AtDesk) -> Configuration:
    """As it was when a process that tells people started with it. Of targets that hold a password only where they lead is told."""
    own = digest_of(desk.teams)
    with desk.ledger.database.read() as connection:
        found = configured(connection)
    if found is None:
        return Configuration(digest=own, own_digest=own, content=told(desk.teams))
    return Configuration(own_digest=own, **found._asdict())


@router.get("/v1/oncall/overrides", summary="List overrides that people made")
def list_overrides(desk: AtDesk, rota: Slug | None = None) -> OverrideList:
    with desk.ledger.database.read() as connection:
        found = overrides_of(connection).of.values()
    return OverrideList(overrides=[each for each in found if rota in (None, each.rota)])


@router.post("/v1/oncall/overrides", status_code=201, summary="Cover for somebody", responses=NEW | CHANGE)
async def make_override(asked: Annotated[Covered, Body(openapi_examples=EXAMPLES)], caller: Caller, desk: AtDesk) -> Override:
    """It holds at once. A later one covers an earlier one."""
    text = OverrideText.model_validate(asked.model_dump(exclude={"rota", "reason"}))
    return await _written(desk, lambda draft: override(draft, desk.teams, asked.rota, text, replace(caller, reason=asked.reason)))


@router.post("/v1/oncall/overrides/{override}/drop", summary="Take an override back", responses=CHANGE)
async def take_back(override: OverridePath, asked: Explained, caller: Caller, desk: AtDesk) -> Override:
    """The answer is what held until now."""
    return await _written(desk, lambda draft: drop_override(draft, override, replace(caller, reason=asked.reason)))


async def _written(desk: Desk, command: Callable[[Draft], Override]) -> Override:
    return await desk.write(command)


def _roll(desk: Desk) -> Roll:
    with desk.ledger.database.read() as connection:
        overrides = overrides_of(connection)
    return desk.roll(overrides)


def _near(desk: Desk, at: datetime | None) -> datetime:
    now = desk.ledger.clock()
    if at is not None and abs(at - now) > FURTHEST:
        raise Invalid("Nobody plans ten years ahead: ask for an instant within 3660 days from now")
    return at or now


def _find(desk: Desk, rota: str) -> Rota:
    if rota not in desk.teams.rotas:
        raise NotFound(f"There is no rota {rota}; the teams file describes {', '.join(sorted(desk.teams.rotas)) or 'none'}")
    return desk.teams.rotas[rota]


def _teams(desk: Desk, site: str | None, system: str | None) -> Iterator[str]:
    if system is not None:
        yield desk.teams.team_for(site or "", system)
    elif site is not None:
        yield from desk.teams.teams_at(site)
    else:
        yield from desk.teams.teams


def _of_team(roll: Roll, team: str, at: datetime) -> OnCall:
    rota = roll.teams.teams[team].rota
    return _of_rota(roll, team, rota, at) if rota else OnCall(team=team, rota=None)


def _of_rota(roll: Roll, team: str | None, rota: str, at: datetime) -> OnCall:
    roster = roll.rosters[rota]
    duty = on_call(roster, at)
    after = next_duty(roster, duty) if duty else None
    zone = roster.rota.time_zone
    turns = {"now": _turn(roll, duty), "next": _turn(roll, after)}
    return OnCall(team=team, rota=rota, time_zone=zone, by_layer=_by_layer(roster, at), **turns)


def _by_layer(roster: Roster, at: datetime) -> dict[str, str]:
    found = ((layer.name, on_layer(roster, layer.name, at)) for layer in roster.rota.layers)
    return {name: person for name, person in found if person}


def _turn(roll: Roll, duty: Duty | None) -> Turn | None:
    return Turn(name=_name(roll, duty.person), **duty._asdict()) if duty else None


def _name(roll: Roll, person: str) -> str:
    return roll.teams.people[person].name
