"""Who is on call and who is told next: people, rotas of layers, what covers them, and the ladders that escalate."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

from schemas.golives import FROZEN, Weekday, ZoneName
from schemas.words import Day, Instant, Line, Name, Severity, Slug

Target = Annotated[str, StringConstraints(pattern=r"^[a-z]+:.+$")]
Urgency = Literal["page", "notify"]
OverrideId = Annotated[str, StringConstraints(pattern=r"^OV-[1-9][0-9]{0,8}$")]
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
NAMED = {"daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
DURATION = re.compile(r"(\d{1,4})([mhdw])")
SHORTEST_TURN = timedelta(hours=1)
ALLOWANCE = re.compile(r"(?P<pages>[1-9][0-9]{0,3})/(?P<length>[1-9][0-9]{0,3})(?P<unit>[mh])")
MOST_ALLOWANCES = 5
UNLIMITED = "none"
BUDGET_READS = "must read PAGES/TIME such as 3/15m 7/1h, up to five of them, or none"


def _duration(told: object) -> object:
    """ISO 8601, in which a duration is written out again, is left to Pydantic."""
    match = DURATION.fullmatch(told) if isinstance(told, str) else None
    if match:
        return timedelta(**{UNITS[match[2]]: int(match[1])})
    if isinstance(told, timedelta) or (isinstance(told, str) and told.startswith("P")):
        return told
    raise ValueError("is no duration; write for example 5m, 12h, 3d or 2w")


def allowances(told: object) -> list[re.Match[str]]:
    """The parts of a page budget such as `3/15m 7/1h`; `none` has no parts. Raises ValueError."""
    words = told.split() if isinstance(told, str) else []
    found = [match for word in words if (match := ALLOWANCE.fullmatch(word))]
    if words != [UNLIMITED] and not (0 < len(words) == len(found) <= MOST_ALLOWANCES):
        raise ValueError(BUDGET_READS)
    return found


def _page_budget(told: object) -> object:
    allowances(told)
    return told


def _rotation(told: object) -> object:
    return NAMED.get(told, told) if isinstance(told, str) else told


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Rotation = Annotated[timedelta, BeforeValidator(_duration), BeforeValidator(_rotation), Field(ge=SHORTEST_TURN)]
PageBudget = Annotated[str, BeforeValidator(_page_budget)]
Who = Annotated[str, StringConstraints(pattern=r"^(team|(layer|rota|person|role):[a-z0-9][a-z0-9_-]*)$")]
"""Whom a step tells: `team`, whoever is on call for it; `layer:L` of its rota; `rota:R`; `person:P`; everybody of `role:R` at the site."""


class Reachable(BaseModel):
    """Where to reach people: `page` at once, `notify` when they look. Targets are CHANNEL:ADDRESS."""

    model_config = FROZEN

    page: tuple[Target, ...] = ()
    notify: tuple[Target, ...] = ()

    def targets(self, urgency: Urgency) -> tuple[tuple[str, str], ...]:
        """(channel, address) pairs."""
        return tuple((channel, address) for channel, _, address in (target.partition(":") for target in getattr(self, urgency)))


class Person(Reachable):
    """`sites`: where a role of theirs counts; empty for everywhere. `page_budget`: in place of that of the settings."""

    name: Name
    role: Slug = "engineer"
    time_zone: ZoneName | None = None
    sites: tuple[Name, ...] = ()
    page_budget: PageBudget | None = None


class Audience(Reachable):
    """A team, or the triage lead. Its own targets are used where it has no rota, or nobody is on call."""

    rota: Slug | None = None
    ladder: Slug | None = None


class Layer(BaseModel):
    """Members take turns of `rotation` each, from `handover` of the day `start` on, on the clock of the rota's zone.

    `weekdays`, and `from` with `until`, restrict it to those hours; hours that end before they begin go past midnight and belong to the
    weekday on which they begin. No turn goes past the beginning of the day `ends`. A layer without members covers nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    name: Slug
    members: tuple[Slug, ...]
    start: Day
    ends: Day | None = None
    rotation: Rotation = NAMED["weekly"]
    handover: time = time(8, 0)
    weekdays: tuple[Weekday, ...] = ()
    begin: time | None = Field(None, alias="from")
    end: time | None = Field(None, alias="until")

    @model_validator(mode="after")
    def _hours_have_two_ends(self) -> "Layer":
        if (self.begin is None) != (self.end is None):
            raise ValueError("from and until belong together; give both, or neither for the whole day")
        if any(clock and clock.tzinfo for clock in (self.handover, self.begin, self.end)):
            raise ValueError("times are those of the rota's zone; write them without an offset")
        return self


class OverrideText(BaseModel):
    """`person` is on call between two instants: for `instead_of`, wherever that person would be; for whoever it is where that is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    begin: Instant = Field(alias="from")
    end: Instant = Field(alias="until")
    person: Slug
    instead_of: Slug | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "OverrideText":
        if self.end <= self.begin:
            raise ValueError("until must come after from")
        return self


class ReasonedOverride(OverrideText):
    """One that stands in the file."""

    reason: Line


class Override(OverrideText):
    """One that a person made while the service ran: who, when and why stand in the ledger."""

    id: OverrideId
    rota: Slug
    by: str
    reason: str
    made_at: datetime


class Rota(BaseModel):
    """Later layers cover earlier ones, overrides cover all. With `ical` the appointments of that calendar lie below the layers."""

    model_config = FROZEN

    time_zone: ZoneName
    layers: tuple[Layer, ...] = ()
    overrides: tuple[ReasonedOverride, ...] = ()
    ical: Annotated[str, StringConstraints(min_length=1, max_length=2_000)] | None = None

    @field_validator("layers")
    @classmethod
    def _layers_have_names_of_their_own(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        names = [layer.name for layer in layers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one layer is called {', '.join(twice)}; rename one")
        return layers

    def layer(self, name: str) -> Layer | None:
        return next((layer for layer in self.layers if layer.name == name), None)

    def people(self) -> Iterator[tuple[str, str]]:
        """(where in the rota, person) of everybody whom it names."""
        for layer in self.layers:
            yield from ((f"layers.{layer.name}.members", member) for member in layer.members)
        for place, override in enumerate(self.overrides):
            yield f"overrides.{place}.person", override.person
            if override.instead_of:
                yield f"overrides.{place}.instead_of", override.instead_of


class Step(BaseModel):
    """`after` counts from the beginning of the round."""

    model_config = FROZEN

    after: Duration
    who: Annotated[tuple[Who, ...], Field(min_length=1)]
    urgency: Urgency = "page"


class Rungs(BaseModel):
    """What happens for one severity. All steps are gone through `repeat` further times, the first of the next round `again` after the last.

    An acknowledgement stops that, and for good unless it `expires`: then the ticket that is not resolved goes on where it was stopped.
    With `two_roles` an engineer and QA must both acknowledge.
    """

    model_config = FROZEN

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)]
    repeat: Annotated[int, Field(ge=0, le=100)] = 0
    again: Duration = timedelta(minutes=30)
    expires: Duration | None = None
    two_roles: bool = False

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        waits = [step.after for step in steps]
        if waits != sorted(waits):
            raise ValueError("steps must come in the order of `after`")
        return steps


class Ladder(BaseModel):
    """By severity; one that is absent has no steps. `qa_parallel` is paged at once, beside the steps, while a GxP impact is possible.

    `evidence`: a team that gives the ticket back says what it checked.
    """

    model_config = FROZEN

    sev1: Rungs | None = None
    sev2: Rungs | None = None
    sev3: Rungs | None = None
    sev4: Rungs | None = None
    qa_parallel: Who | None = None
    evidence: bool = False

    def rungs(self, severity: Severity) -> Rungs | None:
        found: Rungs | None = getattr(self, severity)
        return found

    def named(self) -> Iterator[tuple[str, str]]:
        """(where in the ladder, whom a step tells)."""
        if self.qa_parallel:
            yield "qa_parallel", self.qa_parallel
        for severity in ("sev1", "sev2", "sev3", "sev4"):
            rungs: Rungs | None = getattr(self, severity)
            for place, step in enumerate(rungs.steps if rungs else ()):
                yield from ((f"{severity}.steps.{place}.who", who) for who in step.who)


class NightFault(BaseModel):
    """Somebody whom a step may tell cannot be reached, or nobody is there to be told, between two instants."""

    model_config = FROZEN

    site: str
    team: str
    begin: datetime
    until: datetime
    told: str


class Watched(BaseModel):
    """A team at a site, as it was looked at."""

    model_config = FROZEN

    site: str
    team: str
    faults: int


class Trial(BaseModel):
    """Test messages that were asked for. `left_out`: targets of tools that keep incidents."""

    model_config = FROZEN

    person: str
    deliveries: tuple[str, ...]
    left_out: tuple[str, ...] = ()


class Reach(BaseModel):
    """The newest message to a target: what became of it, and why it is not there yet or never will be. All but the target absent before
    the first.
    """

    model_config = FROZEN

    target: str
    delivery: str | None = None
    state: str | None = None
    requested_at: datetime | None = None
    sent_at: datetime | None = None
    error: str | None = None
