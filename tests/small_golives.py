"""A small go-live that a test tells by hand, at a clock that it sets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from schemas import events as e
from schemas.entries import Attribution
from schemas.event import Event
from schemas.golives import GoLive, GoLiveText
from services import golives as said
from services.ledger import Draft, Ledger
from services.stabilisation.progress import Progress, Sight
from tests.lives import DESK, happened, submitted

T = TypeVar("T")
BEGIN = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
"""A Monday."""
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LEAD = Attribution("ann", "hypercare_lead", reason="as agreed at the stand-up")
HEAD = Attribution("bob", "site_head", reason="seen and agreed")
VENDOR = Attribution("vera", "integrator", reason="tried on the line")
CLASSIFIED: dict[str, Any] = {"decided_by": "floor", "prediction": {}, "model": "m", "rules": "r", "configuration": "c"}
SOLVED = e.TicketResolved(cause_system="lims", cause_class="configuration", resolution="set right")


def text(**fields: Any) -> GoLiveText:
    given = {"name": "wave 1", "site": "Cork", "starts_at": BEGIN, "planned_end": BEGIN + 42 * DAY, "time_zone": "Europe/Dublin"}
    return GoLiveText.model_validate(given | {"hypercare_only": ("role:integrator",)} | fields)


@dataclass
class Stage:
    """`now` is the ledger's clock; `progress` that of one process, which a restart replaces."""

    ledger: Ledger
    now: datetime = BEGIN - DAY
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.ledger.clock = lambda: self.now

    def day(self, days: float, **more: float) -> datetime:
        """So long after the go-live."""
        self.now = BEGIN + days * DAY + timedelta(**more)
        return self.now

    def write(self, command: Callable[[Draft], T]) -> T:
        return self.ledger.write(command).result()

    def declare(self, by: Attribution = LEAD, **fields: Any) -> GoLive:
        told = text(**fields)
        return self.write(lambda draft: said.declare(draft, told, by))

    def ticket(self, severity: str | None = "sev3", system: str | None = "lims", **fields: Any) -> str:
        """Submitted and, with a system, routed to it."""
        made = submitted(self.ledger, **({"reported_severity": severity} if severity else {}), **fields).id
        if system:
            self.does(made, e.TicketRouted(system=system, team=system))
        return made

    def does(self, ticket: str, event: Event, by: Attribution = LEAD) -> None:
        happened(self.ledger, ticket, event, by)

    def classified(self, ticket: str, **fields: Any) -> None:
        """As the classifier does it."""
        given = {"system": "lims", "severity": "sev3", "gxp": "none"} | CLASSIFIED | fields
        self.does(ticket, e.TicketClassified.model_validate(given), DESK)

    def seen(self, part: Callable[[Sight], T], at: datetime | None = None, golive: str = "GL-1") -> T:
        with self.progress.look(self.ledger, at) as outline:
            return part(outline.sight(golive))

    def afresh(self, part: Callable[[Sight], T], at: datetime | None = None, golive: str = "GL-1") -> T:
        """The same as a process that has just begun sees it."""
        with Progress().look(self.ledger, at) as outline:
            return part(outline.sight(golive))
