"""Random go-lives: tickets that go through everything that can happen to one, by different people, over days."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from schemas import events as e
from schemas.entries import Attribution
from schemas.events import Event
from schemas.golives import GoLive, GoLiveText, Plan, Rates, Shift
from services import golives as said
from services.errors import HypercareError
from services.ledger import Draft, Ledger
from services.tickets import record, submit
from tests.histories import MOVES
from tests.lives import told

LEAD = Attribution("lena", "lead", reason="agreed at the stand-up")
SECOND = Attribution("sam", "site_head", reason="agreed at the stand-up")
PEOPLE = (
    Attribution("quinn", "qa_reviewer", reason="seen and agreed"),
    Attribution("vic", "integrator", reason="seen and agreed"),
    Attribution("erik", "engineer", reason="seen and agreed"),
)
KNOWN = {"known_errors": ({"known_error": "KE-1", "score": 0.9, "title": "t", "workaround": "w"},)}
TRAINING = {"gxp": "potential", "decided_by": "floor", "prediction": {"kind": "training"}, "model": "m", "rules": "r", "configuration": "c"}
MORE: tuple[Event, ...] = (
    e.TicketClassified(system="oee", severity="sev2", **TRAINING, **KNOWN), e.TicketReclassified(severity="sev2"),
    e.TicketReclassified(gxp="confirmed"), e.TicketReclassified(gxp="none"), e.TicketReclassified(caused_by="pre_existing"),
    e.TicketBacklogged(), e.TicketWorkedAround(workaround="by hand"), e.TicketWorkaroundAccepted(), e.TicketLinked(quality_record="DEV-1"),
    e.TicketAssigned(assignee="ana", due_at=datetime(2026, 5, 1, tzinfo=UTC)), e.TicketRouted(system="oee", team="oee"),
    e.TicketResolved(cause_system="mes", cause_class="configuration", resolution="set"),
    e.TicketGrouped(parent="HC-1"), e.TicketUngrouped(),
)  # fmt: skip
EVERY = (*MOVES, *MORE)
BEGIN = datetime(2026, 3, 26, 21, 30, tzinfo=UTC)
PLAN = Plan(by_severity={"sev2": Rates(problems=30, capacity=3), "sev3": Rates(problems=60, floor=1, capacity=6)})
TWO_SHIFTS = (Shift(begin="06:00", end="14:00"), Shift(begin="22:00", end="06:00", days=("mon", "tue", "wed", "thu", "fri")))


def text(site: str = "Cork", begin: datetime = BEGIN, **fields: object) -> GoLiveText:
    given = {"name": "wave", "site": site, "starts_at": begin, "planned_end": begin + timedelta(days=42), "time_zone": "Europe/Dublin"}
    return GoLiveText.model_validate(given | {"hypercare_only": ("role:integrator",)} | fields)


def declared(ledger: Ledger, told_text: GoLiveText, plan: Plan | None = PLAN) -> GoLive:
    def command(draft: Draft) -> GoLive:
        golive = said.declare(draft, told_text, LEAD)
        if plan is None:
            return golive
        said.propose_plan(draft, golive.id, plan, LEAD)
        return said.approve_plan(draft, golive.id, 1, SECOND)

    return ledger.write(command).result()


def lived(ledger: Ledger, site: str, seed: int, steps: int = 120, hours: float = 12.0) -> None:
    """Steps with up to so many hours between them, all in one transaction: each is tried, and what is refused did not happen."""
    dice = Random(seed)

    def command(draft: Draft) -> None:
        tickets: list[str] = []
        for _ in range(steps):
            draft.now += timedelta(hours=dice.choice((0.0, 1e-6, dice.uniform(0, hours))))
            if not tickets or dice.random() < 0.2:
                tickets.append(_submitted(draft, site, dice))
            else:
                _attempt(draft, dice.choice(tickets), dice.choice(EVERY), dice.choice(PEOPLE))

    ledger.write(command).result()


def _submitted(draft: Draft, site: str, dice: Random) -> str:
    occurred = dice.choice((None, draft.now - timedelta(hours=dice.uniform(0, 30))))
    severity = dice.choice(("sev1", "sev2", "sev3", None))
    area = dice.choice((None, "Line 1", "Line 2"))
    return submit(draft, told(site=site, reported_severity=severity, area=area, occurred_at=occurred), LEAD)[0].id


def _attempt(draft: Draft, ticket: str, event: Event, by: Attribution) -> None:
    mark = draft.mark()
    try:
        record(draft, ticket, event, by)
    except HypercareError:
        draft.undo(mark)


def at_boundaries(instants: Sequence[datetime]) -> list[datetime]:
    """Each, and a microsecond before and after it."""
    step = timedelta(microseconds=1)
    return [moved for instant in instants for moved in (instant - step, instant, instant + step)]
