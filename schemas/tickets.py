"""What the support desk sends, and the ticket as it stands."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import SQLModel

from schemas.columns import flag, instant, integer, json, text
from schemas.words import CauseClass, CausedBy, GxpFlag, Instant, Line, Name, Prose, Severity, Slug, State, WaitingFor


class Submission(BaseModel):
    """A problem as its reporter tells it. `occurred_at` is when it happened, as the reporter claims; the ledger keeps its own time.

    `clock` says what runs out and when, for example "hold time of the bulk ends at 14:00"; `people_affected` counts who cannot work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Line
    body: Prose = ""
    site: Name
    reporter: Name
    reporter_role: Slug = "operator"
    language: Slug | None = None
    reported_severity: Severity | None = None
    area: Name | None = None
    equipment: Name | None = None
    process_order: Name | None = None
    batch: Name | None = None
    stopped: Line | None = None
    workaround: Line | None = None
    clock: Line | None = None
    people_affected: Annotated[int, Field(ge=0, le=100_000)] | None = None
    occurred_at: Instant | None = None
    source_system: Name | None = None
    source_id: Name | None = None


class Ticket(SQLModel):
    """One reported problem at one site, as its events made it. `version` counts the events that changed it.

    `workaround` is the latest that was told; `worked_around_at` says since when there is one by the team, `workaround_accepted_by` who
    of QA agreed. `parent` is the ticket that it is grouped under; `kept_apart` says that a person took it out of a group,
    where no service puts it again.
    """

    id: str = text(primary_key=True)
    version: int = integer()
    state: State = text(index=True)
    site: str = text(index=True)
    title: str = text()
    body: str = text()
    reporter: str = text()
    reporter_role: str = text()
    language: str | None = text(default=None)
    reported_severity: Severity | None = text(default=None)
    area: str | None = text(default=None)
    equipment: str | None = text(default=None)
    process_order: str | None = text(default=None)
    batch: str | None = text(default=None)
    stopped: str | None = text(default=None)
    workaround: str | None = text(default=None)
    clock: str | None = text(default=None)
    people_affected: int | None = integer(default=None)
    source_system: str | None = text(default=None)
    source_id: str | None = text(default=None)
    system: str | None = text(default=None, index=True)
    team: str | None = text(default=None)
    severity: Severity | None = text(default=None, index=True)
    severity_confirmed: bool = flag(default=False)
    gxp: GxpFlag = text(default="none")
    gxp_confirmed: bool = flag(default=False)
    caused_by: CausedBy | None = text(default=None)
    quality_record: str | None = text(default=None)
    decision: dict[str, Any] | None = json(default=None)
    moved_from: list[str] = json(default_factory=list)
    assignee: str | None = text(default=None)
    due_at: datetime | None = instant(default=None)
    waiting_for: WaitingFor | None = text(default=None)
    cause_system: str | None = text(default=None)
    cause_class: CauseClass | None = text(default=None)
    resolution: str | None = text(default=None)
    duplicate_of: str | None = text(default=None)
    parent: str | None = text(default=None, index=True)
    kept_apart: bool = flag(default=False)
    reopened: int = integer(default=0)
    occurred_at: datetime = instant()
    submitted_at: datetime = instant(index=True)
    routed_at: datetime | None = instant(default=None)
    acknowledged_at: datetime | None = instant(default=None)
    worked_around_at: datetime | None = instant(default=None)
    workaround_accepted_by: str | None = text(default=None)
    resolved_at: datetime | None = instant(default=None)
    closed_at: datetime | None = instant(default=None)
    changed_at: datetime = instant()
