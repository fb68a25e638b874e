"""How long a ticket may wait for people: the targets of a site, the calendars in which they count, and how a clock stands."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.golives import Shift, ZoneName
from schemas.words import Instant, Line, Severity, Slug, WaitingFor

Clock = Literal["acknowledgement", "response", "workaround", "resolution"]
CLOCKS: tuple[Clock, ...] = ("acknowledgement", "response", "workaround", "resolution")
PAUSES: tuple[WaitingFor, ...] = ("reporter", "window")
"""Waiting for anybody else is the team's own time."""
ClockPhase = Literal["no_severity", "no_target", "running", "paused", "met", "late", "ended"]
FROZEN = ConfigDict(frozen=True, extra="forbid")
Seconds = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,4})?$")]
"""ISO 3166, with a subdivision if need be: IE, DE-BY."""


class Shutdown(BaseModel):
    """Nobody works from `begin` on until `end`."""

    model_config = FROZEN

    title: Line
    begin: Instant
    end: Instant

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Shutdown":
        if self.end <= self.begin:
            raise ValueError("end must come after begin")
        return self


class CalendarText(BaseModel):
    """When a clock counts: day and night, unless `hours` or the `shifts` of the site's go-live say less.

    `holidays` of a country or a part of it, `shutdowns`, and with `rests` the holidays and shutdowns that the site's go-lives plan take
    time out. `time_zone` None: that of the go-live.
    """

    model_config = FROZEN

    hours: tuple[Shift, ...] = ()
    shifts: bool = False
    holidays: Country | None = None
    shutdowns: tuple[Shutdown, ...] = ()
    rests: bool = False
    time_zone: ZoneName | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "CalendarText":
        if self.hours and self.shifts:
            raise ValueError("give hours, or shifts = true for those of the go-live, not both")
        return self


class Targets(BaseModel):
    """Seconds of the calendar's time within which a ticket is to be acknowledged, answered, worked around and resolved.

    `pause`: for so many seconds in all, by the wall clock, the clocks of a ticket may stand still while it waits.
    """

    model_config = FROZEN

    calendar: Slug
    pause: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0.0
    acknowledgement: Seconds | None = None
    response: Seconds | None = None
    workaround: Seconds | None = None
    resolution: Seconds | None = None


class PolicyText(BaseModel):
    """What a site is promised. `warnings`: shares of a target at which people are warned, in order."""

    model_config = FROZEN

    calendars: Annotated[dict[Slug, CalendarText], Field(min_length=1, max_length=20)]
    severities: Annotated[dict[Severity, Targets], Field(min_length=1)]
    warnings: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1, max_length=5)] = (0.5, 0.8)

    @model_validator(mode="after")
    def _fits_together(self) -> "PolicyText":
        if missing := {each.calendar for each in self.severities.values()} - set(self.calendars):
            raise ValueError(f"there is no calendar {', '.join(sorted(missing))}; calendars are {', '.join(self.calendars)}")
        if list(self.warnings) != sorted(set(self.warnings)):
            raise ValueError("warnings must rise, for example 0.5, 0.8")
        if "sev1" in self.severities and self.severities["sev1"].pause:
            raise ValueError("the clocks of a Sev1 never pause: leave out its pause, or set it to 0")
        return self


class Policy(BaseModel, frozen=True):
    """A policy with its number, since when it holds, and who adopted it why. Number 0 is the shipped one, which held before all others."""

    version: int
    text: PolicyText
    since: datetime | None = None
    by: str | None = None
    reason: str | None = None


class Span(BaseModel, frozen=True):
    """A piece of a ticket's time: `counted` seconds of it on the clock, and why so many. `off`: nothing of it counts on any clock."""

    begin: datetime
    end: datetime
    counted: float
    why: str
    off: bool = False


class Warned(BaseModel, frozen=True):
    """This share of the target was, or will be, used up then."""

    share: float
    at: datetime


class ClockState(BaseModel, frozen=True):
    """A clock of a ticket at an instant. In seconds: `target` and `elapsed` in the time of `calendar`, `paused` by the wall clock.

    `breached_at` is when the missed target was due, of a ticket of severity `breached_as`. While the clock runs, `due_at` and `warnings`
    may lie ahead.
    """

    clock: Clock
    phase: ClockPhase
    severity: Severity | None
    policy: int
    calendar: str | None
    started: datetime
    target: float | None
    due_at: datetime | None
    elapsed: float | None
    paused: float
    warnings: tuple[Warned, ...] = ()
    breached_at: datetime | None = None
    breached_as: Severity | None = None
    stopped_at: datetime | None = None
    spans: tuple[Span, ...] = ()
    lines: tuple[str, ...] = ()


class TicketClocks(BaseModel, frozen=True):
    """The clocks of a ticket as known at `as_of`. `zone`: the time zone of the site, by which the lines tell the time."""

    ticket: str
    title: str
    site: str
    as_of: datetime
    zone: str
    policy: Policy
    clocks: tuple[ClockState, ...]


class SitePolicies(BaseModel, frozen=True):
    """The policy in force and those before it, the newest last."""

    site: str
    in_force: Policy
    history: tuple[Policy, ...]
