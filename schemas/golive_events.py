"""Facts about go-lives. Published as the other events are: extended, never changed."""

from datetime import date
from typing import Any

from pydantic import ConfigDict

from schemas.event import Event
from schemas.golives import CriteriaText, ExposureText, GoLiveId, GoLiveText, Plan, ScopeEventId, ScopeEventText
from schemas.words import Instant, Line, Slug


class GoLiveDeclared(GoLiveText, Event):
    """A site goes live, or what was said of that changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    golive: GoLiveId


class PlanProposed(Event):
    """Planned open tickets by severity. It holds once somebody else has approved it."""

    golive: GoLiveId
    version: int
    plan: Plan


class PlanApproved(Event):
    """A second person holds the plan for right: from now on the burndown is held against it."""

    golive: GoLiveId
    version: int


class ScopeEventPlanned(ScopeEventText, Event):
    """Something will change the load: a line, a product, a patch, a holiday."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    golive: GoLiveId
    scope_event: ScopeEventId


class ScopeEventDropped(Event):
    """It will not happen."""

    golive: GoLiveId
    scope_event: ScopeEventId


class CriteriaAdopted(CriteriaText, Event):
    """These exit criteria hold from now on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    golive: GoLiveId


class CriterionWaived(Event):
    """The criterion counts as met until then, though it is not."""

    golive: GoLiveId
    criterion: Slug
    until: Instant


class CriterionAttested(Event):
    """A person says whether a criterion holds that nothing counts."""

    golive: GoLiveId
    criterion: Slug
    holds: bool
    evidence: Line
    until: Instant | None = None


class ExposureReported(ExposureText, Event):
    """How much was done at a site on a day: what its tickets are to be held against."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SnapshotTaken(Event):
    """The figures, readiness and forecast of a go-live as they were known at `as_of`: kept, never worked out again."""

    golive: GoLiveId
    snapshot: str
    day: date
    as_of: Instant
    digest: str
    content: dict[str, Any]


class ShiftHandedOver(Event):
    """What a shift handed to the next, word for word: it goes to the people whom the site names. `begin` and `end` are the shift's."""

    golive: GoLiveId
    begin: Instant
    end: Instant
    title: str
    text: str


class GoLiveExited(Event):
    """A person ended the hypercare, on the evidence of a snapshot. The relapse guard begins."""

    golive: GoLiveId
    snapshot: str


class GoLiveReentered(Event):
    """The hypercare goes on after an exit."""

    golive: GoLiveId


GOLIVE_EVENTS: tuple[type[Event], ...] = (
    GoLiveDeclared, PlanProposed, PlanApproved, ScopeEventPlanned, ScopeEventDropped, CriteriaAdopted, CriterionWaived,
    CriterionAttested, ExposureReported, SnapshotTaken, ShiftHandedOver, GoLiveExited, GoLiveReentered,
)  # fmt: skip
