"""A go-live: what is to be stable when, what was planned, by which criteria it may end, and what people said on the way."""

import re
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from schemas.words import Day, Instant, Line, Name, Prose, Severity, Slug

GoLiveId = Annotated[str, StringConstraints(pattern=r"^GL-[1-9][0-9]{0,5}$")]
ScopeEventId = Annotated[str, StringConstraints(pattern=r"^SE-[1-9][0-9]{0,5}$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ScopeKind = Literal["line", "product", "patch", "holiday", "shutdown", "other"]
RESTS: tuple[ScopeKind, ...] = ("holiday", "shutdown")
"""While one of these lasts nobody works."""
Phase = Literal["planned", "hypercare", "overdue", "exited", "guarded", "relapsed"]
FROZEN = ConfigDict(frozen=True, extra="forbid")
Count = Annotated[float, Field(strict=True, ge=0, le=1e6, allow_inf_nan=False)]
Days = Annotated[float, Field(strict=True, ge=0, le=3_650, allow_inf_nan=False)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a zone of the tz database, such as Europe/Dublin") from None
    return name


ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone)]


WALL_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"


def _on_the_wall(told: object) -> object:
    """Pydantic would take a number for seconds since midnight, and an offset that nobody looks at."""
    plain = isinstance(told, time) and told.tzinfo is None
    if not plain and not (isinstance(told, str) and re.match(WALL_CLOCK, told)):
        raise ValueError("needs a time of day as the clock on the wall shows it, for example 06:00")
    return told


WallTime = Annotated[time, BeforeValidator(_on_the_wall), WithJsonSchema({"type": "string", "pattern": WALL_CLOCK, "examples": ["06:00"]})]


class Shift(BaseModel):
    """Site-local times at which people work; one that ends before it begins goes past midnight, equal times are the whole day."""

    model_config = FROZEN

    days: tuple[Weekday, ...] = WEEKDAYS
    begin: WallTime
    end: WallTime


class GoLiveText(BaseModel):
    """What people declare. `areas`: the lines that go live, empty for the whole site. `standup` is the site-local time of the daily
    snapshot. `shifts`: when problems are to be expected, empty for day and night. `hypercare_only` names people, or roles as `role:vendor`,
    who leave when the hypercare ends. `normal_arrivals`: tickets a day that normal support is staffed for.
    """

    model_config = FROZEN

    name: Line
    site: Name
    wave: Name = "1"
    scope: Prose = ""
    areas: tuple[Name, ...] = ()
    starts_at: Instant
    planned_end: Instant
    time_zone: ZoneName
    standup: WallTime = time(6, 0)
    shifts: tuple[Shift, ...] = ()
    hypercare_only: tuple[Name, ...] = ()
    normal_arrivals: Annotated[float, Field(gt=0, le=10_000)] = 4.0

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "GoLiveText":
        if self.planned_end <= self.starts_at:
            raise ValueError("planned_end must come after starts_at")
        return self


class Rates(BaseModel):
    """Planned arrivals a·b·e^(-bt) + c a day (`problems` a, `decay` b per day, `floor` c), closures min(`capacity`, open) a day."""

    model_config = FROZEN

    shape: Literal["rates"] = "rates"
    problems: Count
    decay: Annotated[float, Field(gt=0, le=10)] = 0.115
    floor: Count = 0.0
    capacity: Annotated[float, Field(gt=0, le=1e6)]


class Slope(BaseModel):
    """Straight from `peak` open tickets at the go-live to `target` on day `days`, and level from there."""

    model_config = FROZEN

    shape: Literal["linear"] = "linear"
    peak: Count
    target: Count
    days: Annotated[float, Field(gt=0, le=3_650)]


class Gate(BaseModel):
    """From day `day` on, at most `open` tickets."""

    model_config = FROZEN

    day: Days
    open: Count


class Gates(BaseModel):
    """Steps; before the first gate its own level holds."""

    model_config = FROZEN

    shape: Literal["gates"] = "gates"
    gates: Annotated[tuple[Gate, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _in_order(self) -> "Gates":
        days = [gate.day for gate in self.gates]
        if days != sorted(set(days)):
            raise ValueError("gates must come in the order of their days, one per day")
        return self


Course = Annotated[Rates | Slope | Gates, Field(discriminator="shape")]


class Plan(BaseModel):
    """Planned open tickets by severity, over the days since the go-live."""

    model_config = FROZEN

    by_severity: Annotated[dict[Severity, Course], Field(min_length=1)]


class PlanVersion(BaseModel, frozen=True):
    """The first approved one stays visible beside the one that holds now."""

    version: int
    plan: Plan
    author: str
    reason: str | None
    proposed_at: datetime
    approver: str | None = None
    approved_at: datetime | None = None


class ScopeEventText(BaseModel):
    """What changes the load: `tickets` more are expected from `at` on; during a holiday or shutdown (until `until`) nobody works."""

    model_config = FROZEN

    kind: ScopeKind
    title: Line
    at: Instant
    until: Instant | None = None
    tickets: Count = 0.0


class ScopeEvent(ScopeEventText):
    id: str


LIMITS: dict[str, tuple[str, ...]] = {
    "sev1_free": ("days",),
    "sev2_held": ("most", "days"),
    "sev3_low": ("most", "capacity_days", "oldest_days"),
    "arrivals_normal": ("factor", "days"),
    "burning_down": ("index", "days", "of"),
    "reopened": ("share", "days"),
    "in_time": ("share", "days"),
    "own_staff": ("share", "days"),
    "batches": ("completed", "right_first_time"),
    "gxp_assessed": (),
    "attested": (),
}
"""What can be measured, and the limits that each measure is held to."""


class Criterion(BaseModel):
    """An exit criterion: a measure, and the limits that it is held to. docs/readiness.md lists measures and their limits."""

    model_config = FROZEN

    id: Slug
    title: Line
    measure: Slug
    limits: dict[Slug, Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_measured(self) -> "Criterion":
        if self.measure not in LIMITS:
            raise ValueError(f"there is no measure {self.measure!r}; measures are {', '.join(LIMITS)}")
        if set(self.limits) != set(LIMITS[self.measure]):
            raise ValueError(f"{self.measure} needs these limits and no others: {', '.join(LIMITS[self.measure]) or 'none'}")
        return self


class CriteriaText(BaseModel):
    """The exit criteria of a go-live."""

    model_config = FROZEN

    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=40)]

    @model_validator(mode="after")
    def _one_of_each(self) -> "CriteriaText":
        ids = [criterion.id for criterion in self.criteria]
        if twice := {each for each in ids if ids.count(each) > 1}:
            raise ValueError(f"criteria have ids of their own; twice: {', '.join(sorted(twice))}")
        return self


class Waiver(BaseModel, frozen=True):
    """Until then the criterion counts as met; who, why and when stay on record."""

    criterion: str
    until: datetime
    by: str
    role: str
    reason: str
    granted_at: datetime


class Attestation(BaseModel, frozen=True):
    """A person's word where nothing can be counted."""

    criterion: str
    holds: bool
    evidence: str
    until: datetime | None
    by: str
    role: str
    attested_at: datetime


class ExposureText(BaseModel):
    """What a site did on one of its days; a later report of the same day replaces the earlier one."""

    model_config = FROZEN

    site: Name
    day: Day
    steps: Count | None = None
    batches_started: Count | None = None
    batches_completed: Count | None = None
    batches_right_first_time: Count | None = None
    active_users: Count | None = None
    rostered_users: Count | None = None
    line_hours: Count | None = None


class GoLive(BaseModel, frozen=True):
    """As its events made it. `criteria_version` 0 are the shipped criteria; `plans` in order, proposed ones among them."""

    id: str
    text: GoLiveText
    declared_at: datetime
    revisions: int = 0
    plans: tuple[PlanVersion, ...] = ()
    scope_events: tuple[ScopeEvent, ...] = ()
    criteria: CriteriaText
    criteria_version: int = 0
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    exited_at: datetime | None = None
    exit_snapshot: str | None = None

    @property
    def site(self) -> str:
        return self.text.site

    @property
    def plan(self) -> PlanVersion | None:
        """The newest that is approved."""
        return next((each for each in reversed(self.plans) if each.approved_at), None)

    @property
    def first_plan(self) -> PlanVersion | None:
        return next((each for each in self.plans if each.approved_at), None)


class SnapshotHead(BaseModel, frozen=True):
    """Which snapshot: the site's day and the instant whose figures it holds, and SHA-256 over its canonical content (RFC 8785)."""

    id: str
    golive: str
    day: date
    as_of: datetime
    digest: str


class Snapshot(SnapshotHead, frozen=True):
    content: dict[str, Any]
