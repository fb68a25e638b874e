"""What an earlier tool tells of its tickets: a row per event, as docs/history-format.md describes it for people."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from schemas.tickets import Submission
from schemas.words import CauseClass, GxpFlag, Instant, Line, Name, Prose, Severity, Slug

PastType = Literal["submitted", "acknowledged", "resolved", "reopened", "closed", "cancelled"]


class PastEvent(BaseModel):
    """Something that happened to a ticket in an earlier tool, which calls it `ticket`. Ticket, type and time say which event it is.

    What the reporter told (`title` to `batch`) counts on the submitted event alone. `system`, `severity` and `gxp` are what the earlier
    tool held the ticket for from then on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: Name
    type: PastType
    occurred_at: Instant
    actor: Name | None = None
    title: Line | None = None
    body: Prose = ""
    site: Name | None = None
    reporter: Name | None = None
    reporter_role: Slug = "operator"
    language: Slug | None = None
    area: Name | None = None
    equipment: Name | None = None
    process_order: Name | None = None
    batch: Name | None = None
    system: Slug | None = None
    severity: Severity | None = None
    gxp: GxpFlag | None = None
    cause_class: CauseClass | None = None
    resolution: Prose = ""

    @model_validator(mode="after")
    def _a_report_says_enough(self) -> Self:
        missing = [name for name in ("title", "site", "reporter") if getattr(self, name) is None]
        if self.type == "submitted" and missing:
            raise ValueError(f"a submitted event needs {', '.join(missing)} too")
        return self

    @property
    def key(self) -> str:
        return f"{self.ticket} {self.type} {self.occurred_at.isoformat()}"

    def submission(self, source: str) -> Submission:
        """What was reported, as a report of today."""
        told = self.model_dump(include=set(Submission.model_fields) & set(PastEvent.model_fields), exclude={"occurred_at"})
        return Submission.model_validate(told | {"reported_severity": self.severity, "source_system": source, "source_id": self.ticket})
