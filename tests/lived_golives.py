"""A go-live as a plant might live it: problems come and grow fewer, people own, work around and resolve them, and leaders plan."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import exp
from pathlib import Path
from random import Random

from schemas import events as e
from schemas import golive_events as g
from schemas.entries import Attribution
from schemas.events import Event
from schemas.golives import ExposureText, GoLiveText, Plan, Rates, ScopeEventText, Snapshot
from schemas.knownerrors import KnownErrorText
from schemas.tickets import Submission
from services import golives as said
from services.db import migrate, open_database
from services.errors import HypercareError
from services.knownerrors import record_known_error
from services.ledger import Draft, Ledger
from services.roles import cast
from services.settings import Settings
from services.snapshots import keep_snapshot, newest
from services.stabilisation.keeper import KEEPER, Keeper
from services.stabilisation.progress import Progress
from services.tickets import record, submit
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.desks import serving

BEGIN = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LEAD = Attribution("ann", "hypercare_lead", reason="as agreed at the stand-up")
HEAD = Attribution("bob", "site_head", reason="seen and agreed")
QA = Attribution("quinn", "qa_reviewer", reason="impact on the batch record was assessed")
DESK = Attribution("dora", "support_desk")
OWNERS = {
    "mes_config": "erik",
    "plc_scada": "ines",
    "lims": "li",
    "erp": "olaf",
    "packaging_serialization": "paula",
    "access_training": "tom",
}
WORDS = (
    ("mes_config", "Step 40 of the recipe cannot be signed, button stays grey"), ("plc_scada", "Reactor 2 shows bad quality on all tags"),
    ("lims", "Sample label prints with the batch of yesterday"), ("erp", "Goods issue is posted twice for one process order"),
    ("packaging_serialization", "Aggregation rejects cases of line 5"), ("access_training", "Night shift cannot find the exception review"),
)  # fmt: skip
GRADES = ("sev4", "sev3", "sev3", "sev2", "sev3", "sev4", "sev3", "sev3", "sev2", "sev4", "sev3", "sev1")
CLASSIFIED = {"decided_by": "floor", "prediction": {"kind": "defect"}, "model": "m", "rules": "r", "configuration": "c"}
KNOWN = ({"known_error": "KE-1", "score": 0.9, "title": "Labels", "workaround": "Print again"},)
TEXT = GoLiveText(
    name="MES wave 1, packaging",
    site="Cork",
    starts_at=BEGIN,
    planned_end=BEGIN + 42 * DAY,
    time_zone="Europe/Dublin",
    hypercare_only=("role:integrator",),
)
PLAN = Plan(by_severity={"sev2": Rates(problems=30, capacity=2), "sev3": Rates(problems=90, decay=0.1, floor=1, capacity=5)})
LATER = Plan(by_severity={"sev2": Rates(problems=36, capacity=2), "sev3": Rates(problems=120, decay=0.1, floor=1, capacity=5)})


@dataclass
class Clock:
    now: datetime = BEGIN - DAY

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Plant:
    """`waiting`: what nobody has resolved yet, in the order in which it came."""

    ledger: Ledger
    clock: Clock
    title: str = ""
    dice: Random = field(default_factory=lambda: Random(7))
    waiting: deque[str] = field(default_factory=deque)
    number: int = 0

    def declare(self) -> None:
        self.write(lambda draft: said.declare(draft, TEXT, LEAD))
        self.write(lambda draft: said.propose_plan(draft, "GL-1", PLAN, LEAD))
        self.write(lambda draft: said.approve_plan(draft, "GL-1", 1, HEAD))
        patch = ScopeEventText(kind="patch", title="Patch 2.1 of the MES", at=BEGIN + 9 * DAY)
        line = ScopeEventText(kind="line", title="Line 6 joins", at=BEGIN + 26 * DAY, tickets=25)
        self.write(lambda draft: said.plan_scope_event(draft, "GL-1", patch, LEAD))
        self.write(lambda draft: said.plan_scope_event(draft, "GL-1", line, LEAD))
        fault = KnownErrorText(
            title="Labels show the batch before", symptom="A label prints the batch of before", workaround="Print again", system="lims"
        )
        self.write(lambda draft: record_known_error(draft, fault, LEAD))

    def write(self, command: Callable[[Draft], object]) -> None:
        self.ledger.write(command).result()

    def live(self, first: int, days: int) -> None:
        for day in range(first, days):
            self.clock.now = BEGIN + day * DAY
            self.write(self._day_of(day))
            self.clock.now = BEGIN + (day + 1) * DAY - timedelta(minutes=30)
            self.write(partial(said.report_exposure, text=self._exposure(day), by=LEAD))
        self.clock.now = BEGIN + days * DAY + timedelta(minutes=30)

    def _exposure(self, day: int) -> ExposureText:
        done = 2 + day // 4
        return ExposureText(
            site="Cork",
            day=(BEGIN + day * DAY).date(),
            steps=200 + 10 * day,
            batches_started=done + 1,
            batches_completed=done,
            batches_right_first_time=done - (day % 3 == 0),
            active_users=60 + day,
            rostered_users=110,
        )

    def _day_of(self, day: int) -> Callable[[Draft], None]:
        def command(draft: Draft) -> None:
            came = round(14 * exp(-0.1 * day) + 1 + self.dice.random())
            for place in range(came):
                draft.now = self.clock.now + timedelta(hours=20 * place / came)
                self._comes(draft)
            for place in range(min(6, len(self.waiting))):
                draft.now = self.clock.now + timedelta(hours=20.1 + place / 10)
                self._ends(draft)

        return command

    def _comes(self, draft: Draft) -> None:
        self.number += 1
        system, words = WORDS[self.number % len(WORDS)]
        grade = GRADES[self.number % len(GRADES)]
        clock = "hold time of the bulk ends at 22:00" if grade == "sev1" else None
        told = Submission(
            title=self.title or f"{words} ({self.number})",
            site="Cork",
            reporter="olga",
            reported_severity=grade,
            clock=clock,
            area="Line 5",
        )
        ticket = submit(draft, told, DESK)[0].id
        gxp = "potential" if self.number % 9 == 0 else "none"
        errors = KNOWN if system == "lims" else ()
        self._do(draft, ticket, e.TicketClassified(system=system, severity=grade, gxp=gxp, known_errors=errors, **CLASSIFIED))
        self._do(draft, ticket, e.TicketRouted(system=system, team=system))
        self.waiting.append(ticket)
        self._work(draft, ticket, OWNERS[system], grade)
        if self.number % 14 == 0 and self.number > 20:
            self._do(draft, ticket, e.TicketGrouped(parent=self.waiting[0]))

    def _work(self, draft: Draft, ticket: str, owner: str, grade: str) -> None:
        by = Attribution(owner, "integrator" if self.number % 3 else "engineer", reason="looked at it on the line")
        draft.now += timedelta(minutes=4)
        if self.number % 7:
            self._do(draft, ticket, e.TicketAcknowledged(), by)
        if grade in ("sev1", "sev2") and self.number % 5:
            self._do(draft, ticket, e.TicketAssigned(assignee=owner, due_at=draft.now + 2 * DAY), by)
        if self.number % 4 == 0:
            self._do(draft, ticket, e.TicketWorkedAround(workaround="Enter it on paper, form F-12, second person signs"), by)
        if self.number % 8 == 0:
            self._do(draft, ticket, e.TicketWorkaroundAccepted(), QA)
        if self.number % 18 == 0:
            self._do(draft, ticket, e.TicketReclassified(gxp="confirmed"), QA)
        if self.number % 36 == 0:
            self._do(draft, ticket, e.TicketLinked(quality_record="DEV-2026-014"), QA)

    def _ends(self, draft: Draft) -> None:
        ticket = self.waiting.popleft()
        if self.dice.random() < 0.12:
            self.waiting.append(ticket)
        else:
            system = WORDS[int(ticket[3:]) % len(WORDS)][0]
            self._do(draft, ticket, e.TicketResolved(cause_system=system, cause_class="configuration", resolution="Set right"), LEAD)

    def _do(self, draft: Draft, ticket: str, event: Event, by: Attribution = LEAD) -> None:
        """What the lifecycle refuses is left out."""
        mark = draft.mark()
        try:
            record(draft, ticket, event, by)
        except HypercareError:
            draft.undo(mark)

    def replan(self) -> None:
        self.write(lambda draft: said.propose_plan(draft, "GL-1", LATER, Attribution("ann", "hypercare_lead", reason="more recipes came")))
        self.write(lambda draft: said.approve_plan(draft, "GL-1", 2, HEAD))

    def speak(self) -> None:
        waiver = g.CriterionWaived(golive="GL-1", criterion="own_staff", until=self.clock.now + 2 * DAY)
        word = g.CriterionAttested(golive="GL-1", criterion="changes_documented", holds=True, evidence="CAB minutes of week 12")
        self.write(lambda draft: said.waive(draft, "GL-1", waiver, HEAD))
        self.write(lambda draft: said.attest(draft, "GL-1", word, QA))


def lived(folder: Path, days: int = 12, title: str = "") -> Ledger:
    """The ledger of a plant that is so many days after its go-live, with the snapshot of the last stand-up. Close it, and its database."""
    database = open_database(f"sqlite:///{folder / 'lived.db'}")
    migrate(database)
    clock = Clock()
    plant = Plant(Ledger(database, clock), clock, title)
    plant.declare()
    plant.live(0, min(days, 6))
    if days > 6:
        plant.replan()
        plant.speak()
        plant.live(6, days)
    return plant.ledger


def snapshots(ledger: Ledger) -> int:
    """Takes those that are due."""
    return asyncio.run(Keeper(ledger, Progress()).take_due())


def snapshot(ledger: Ledger) -> Snapshot:
    """Keeps that of the last stand-up, and no other."""
    keeper = Keeper(ledger, Progress())
    golive, day, instant = keeper.due()[-1]
    taken = keeper.taken(golive.id, day, instant)
    ledger.write(lambda draft: keep_snapshot(draft, golive, taken, KEEPER)).result()
    with ledger.database.read() as connection:
        return newest(connection, golive)


@contextmanager
def served(ledger: Ledger) -> Iterator[str]:
    """The address of the API with the go-lives' figures, as a process with both roles answers."""
    parts = cast(Settings(), ledger, ("api", "stabilisation"))
    app = create_app(parts.routers, SelfNamed())
    parts.furnish(app)
    with serving(app) as url:
        yield url


def just_begun(ledger: Ledger, text: GoLiveText) -> Clock:
    """The clock of a ledger whose go-live was declared a day before and began a minute ago."""
    ledger.clock = clock = Clock(BEGIN - DAY)
    ledger.write(lambda draft: said.declare(draft, text, LEAD)).result()
    clock.now = BEGIN + timedelta(minutes=1)
    return clock
