"""Three go-lives in which everything happens that a board can show: Cork's after 20 days, Lund's that is over, Ghent's that has just begun.
Every instant, and so every figure, is the same each time."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import exp
from random import Random
from typing import NamedTuple

from sqlalchemy import insert

from schemas import events as e
from schemas.entries import Attribution
from schemas.event import Event
from schemas.golive_events import CriterionWaived
from schemas.golives import ExposureText, GoLiveText, Plan, Rates, ScopeEventText
from schemas.knownerrors import KnownErrorText
from schemas.oncall import NightFault, Watched
from schemas.oncall_events import ClimbsAudited, NightChecked, OnCallConfigured
from schemas.tables import CONSUMERS, HEARTBEATS, STEPS
from schemas.words import SEVERITIES, Severity
from services import golives as said
from services.knownerrors import record_known_error
from services.ledger import Draft, Ledger
from services.snapshots import snapshot_id
from services.stabilisation.keeper import Keeper
from services.stabilisation.progress import Progress
from services.stabilisation.watching import LEAST_REFERENCE, WINDOW
from services.tickets import record, submit
from tests.lives import DESK, ENGINEER, QA, SERVICE, happened, submitted, told
from tests.streams import Answer, calm, classified, decided

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""A Monday."""
DECLARED = BEGIN + 18 * DAY + 2 * HOUR
"""Late, so that only two stand-ups are to be caught up with."""
END = BEGIN + 20 * DAY + HOUR + MINUTE
EXITED = END - DAY
"""Both a minute after a stand-up."""
NOW = END + 4 * MINUTE
LAST_SEV1 = 15 * DAY + 6 * HOUR
"""Since the go-live: so late that the exit is still to come."""
LEAD = Attribution("ann", "lead", reason="agreed at the stand-up")
OTHER_LEAD = Attribution("bob", "lead", reason="looked through it")
VENDOR = Attribution("vera", "vendor")
SYSTEMS = ("plc_scada", "erp", "mes_config", "lims")
PACE: dict[Severity, tuple[float, float]] = {"sev1": (0.05, 5), "sev2": (0.2, 30), "sev3": (2, 60), "sev4": (5, 80)}
"""Mean hours from the submission to the acknowledgement, and from there to the resolution."""


GROUPED = e.TicketGrouped(parent="HC-1")
"""Stands for: under the ticket that came before it in the story."""


@dataclass
class Clock:
    now: datetime = BEGIN - 2 * DAY

    def __call__(self) -> datetime:
        return self.now


class Scene(NamedTuple):
    """What happens to a ticket of the story, which is submitted as `severity` where there is no event."""

    at: datetime
    ticket: int
    event: Event | None
    by: Attribution = ENGINEER
    severity: Severity | None = None


def showcase(ledger: Ledger, clock: Clock) -> None:
    """Lives all of it; afterwards it is `NOW`."""
    _model_and_deliveries(ledger)
    story = sorted(_story(Random(4)), key=lambda scene: (scene.at, scene.ticket))
    stage = Stage(ledger)
    for until, happens in ((DECLARED, _golives), (EXITED, _exit), (END, _last_minutes)):
        stage.play([scene for scene in story if clock.now <= scene.at < until])
        clock.now = until
        asyncio.run(Keeper(ledger, Progress()).take_due())
        happens(ledger)
    clock.now = NOW


def _model_and_deliveries(ledger: Ledger) -> None:
    """Before the go-lives: what the model decided, and a notification that could not be delivered."""
    for severity in SEVERITIES:
        ticket = submitted(ledger, reported_severity=severity)
        for event in (e.TicketRouted(system="erp", team="erp"), e.TicketAcknowledged(), _resolution("configuration")):
            happened(ledger, ticket.id, event)
    happened(ledger, ticket.id, e.NotificationRequested(delivery="d", channel="webhook", address="x", urgency="page"))
    happened(ledger, ticket.id, e.NotificationFailed(delivery="d", attempts=9, error="refused"))
    judged = [Answer("erp", judged="erp"), Answer("erp", judged="lims", blind=True), Answer("erp", judged="erp", blind=True)]
    decided(ledger, [each._replace(site="Basel") for each in (*calm(1, WINDOW + LEAST_REFERENCE), *judged)])
    ledger.write(_known_error_and_refusal).result()
    consumers = [("classifier", ["TicketSubmitted"]), ("relay", [])]
    with ledger.database.write() as connection:
        connection.execute(insert(CONSUMERS), [{"name": name, "listens_to": types, "position": 0} for name, types in consumers])


def _known_error_and_refusal(draft: Draft) -> None:
    symptom = "The printer of line 3 stops and says E5"
    record_known_error(draft, KnownErrorText(title="Printer", symptom=symptom, workaround="Restart it", system="erp"), ENGINEER)
    draft.append(e.ModelTakenUp(wanted="cork-2", version="starter", replica="classifier-1", error="damaged"), SERVICE)


@dataclass
class Stage:
    """Plays scenes into a ledger, at their instants."""

    ledger: Ledger
    tickets: dict[int, str] = field(default_factory=dict)

    def play(self, scenes: list[Scene]) -> None:
        self.ledger.write(self._played(scenes)).result()

    def _played(self, scenes: list[Scene]) -> Callable[[Draft], None]:
        def command(draft: Draft) -> None:
            for scene in scenes:
                draft.now = scene.at
                self._play(draft, scene)

        return command

    def _play(self, draft: Draft, scene: Scene) -> None:
        if scene.event is None:
            self.tickets[scene.ticket] = submit(draft, told(reported_severity=scene.severity), DESK)[0].id
        else:
            event = e.TicketGrouped(parent=self.tickets[scene.ticket - 1]) if scene.event is GROUPED else scene.event
            record(draft, self.tickets[scene.ticket], event, scene.by)


def _story(dice: Random) -> Iterator[Scene]:
    """Tickets come ever more seldom, and are solved, but for the last of them."""
    numbers = count()
    for day in range(20):
        for _ in range(round(20 * exp(-0.13 * day) + dice.uniform(0.5, 1.5))):
            at = BEGIN + day * DAY + dice.uniform(1, 15) * HOUR
            severity = dice.choices(SEVERITIES, (0.03 if day < 5 else 0, 0.1, 0.45, 0.42))[0]
            yield from (scene for scene in _life(next(numbers), at, severity, dice) if scene.at < END)
    yield from _life(next(numbers), BEGIN + LAST_SEV1, "sev1", dice)
    yield from _storm(next(numbers))


def _life(number: int, at: datetime, severity: Severity, dice: Random) -> Iterator[Scene]:
    system, sure = dice.choice(SYSTEMS), dice.random() < 0.8
    gxp = "potential" if number % 9 == 4 else "none"
    yield Scene(at, number, None, DESK, severity)
    said_so = classified(Answer(system, 0.9 if sure else 0.6)).model_copy(update={"severity": severity, "gxp": gxp})
    yield Scene(at + MINUTE / 6, number, said_so, SERVICE)
    route = e.TicketRouted(system=system, team=system)
    if sure:
        yield Scene(at + MINUTE / 3, number, route, SERVICE)
    else:
        yield Scene(at + MINUTE / 3, number, e.TicketQueued(), SERVICE)
        yield Scene(at + MINUTE, number, route, DESK)
    taken, solved = (dice.expovariate(1 / hours) * HOUR for hours in PACE[severity])
    yield from _work(number, at + 2 * MINUTE + taken, at + 4 * MINUTE + taken + solved, gxp)


def _work(number: int, taken: datetime, solved: datetime, gxp: str) -> Iterator[Scene]:
    """From the acknowledgement on; what is odd happens to every so many tickets."""
    if number % 11 == 3:
        yield Scene(taken - MINUTE / 2, number, e.TicketRouted(system="infrastructure", team="it"))
    yield Scene(taken, number, e.TicketAcknowledged())
    if number % 5 == 2:
        yield Scene(taken + MINUTE / 2, number, e.TicketWorkedAround(workaround="Print by hand"))
    if number % 10 == 2:
        yield Scene(taken + MINUTE, number, e.TicketWorkaroundAccepted(), QA)
    if gxp != "none" and number % 2:
        yield Scene(taken + MINUTE, number, e.TicketReclassified(gxp="confirmed"), QA)
    if number % 29 == 6:
        yield Scene(solved, number, e.TicketBacklogged())
        return
    yield Scene(solved, number, _resolution(("configuration", "training", "device")[number % 3]), VENDOR if number % 31 == 7 else ENGINEER)
    if number % 27 == 5:
        yield Scene(solved + HOUR, number, e.TicketReopened())
        yield Scene(solved + 2 * HOUR, number, _resolution("device"))
    elif number % 2:
        yield Scene(solved + HOUR, number, e.TicketClosed(), QA)


def _storm(first: int) -> Iterator[Scene]:
    """In the last half an hour: six tickets of one known fault, one under another, the first still in the triage queue; none is in work."""
    known = ({"known_error": "KE-1", "score": 0.9, "title": "Printer", "workaround": "Restart it"},)
    said_so = classified(Answer("erp", unknown_words=0.2)).model_copy(update={"severity": "sev2", "known_errors": known})
    for number in range(first, first + 6):
        at = END - 9 * MINUTE + (number - first) * MINUTE
        yield Scene(at, number, None, DESK, "sev2")
        yield Scene(at + MINUTE / 6, number, said_so, SERVICE)
        yield Scene(at + MINUTE / 3, number, e.TicketRouted(system="erp", team="erp") if number > first else e.TicketQueued(), SERVICE)
    yield Scene(END - 2 * MINUTE, first + 1, GROUPED, SERVICE)


def _resolution(cause: str) -> e.TicketResolved:
    return e.TicketResolved.model_validate({"cause_system": "erp", "cause_class": cause, "resolution": "done and tried"})


def _golives(ledger: Ledger) -> None:
    ledger.write(_declared_and_planned).result()


def _declared_and_planned(draft: Draft) -> None:
    leaving = ("role:vendor",)
    said.declare(draft, _text("Cork", BEGIN, hypercare_only=leaving), LEAD)
    said.declare(draft, _text("Lund", BEGIN - 20 * DAY), LEAD)
    rates = {"sev2": Rates(problems=20, capacity=2), "sev3": Rates(problems=70, floor=1, capacity=4)}
    said.propose_plan(draft, "GL-1", Plan.model_validate({"by_severity": rates}), LEAD)
    said.approve_plan(draft, "GL-1", 1, OTHER_LEAD)
    said.plan_scope_event(draft, "GL-1", ScopeEventText(kind="line", title="Line 4", at=END + 3 * DAY, tickets=10), LEAD)
    said.waive(draft, "GL-1", CriterionWaived(golive="GL-1", criterion="changes_documented", until=END + 5 * DAY), LEAD)
    for day in range(18):
        done = {"batches_started": 3, "batches_completed": 3, "batches_right_first_time": 3, "active_users": 40, "rostered_users": 50}
        said.report_exposure(draft, ExposureText(site="Cork", day=(BEGIN + day * DAY).date(), steps=900, **done), LEAD)


def _exit(ledger: Ledger) -> None:
    ledger.write(lambda draft: said.exit_golive(draft, "GL-2", snapshot_id("GL-2", EXITED.date()), LEAD)).result()


def _last_minutes(ledger: Ledger) -> None:
    """Ghent goes live; Lund has a Sev1 after its exit, nobody takes it, and who is to know of it has not been reached yet."""

    def command(draft: Draft) -> None:
        said.declare(draft, _text("Ghent", END, wave="2"), LEAD)
        ticket = submit(draft, told(site="Lund", reported_severity="sev1"), DESK)[0].id
        record(draft, ticket, classified(Answer("erp")).model_copy(update={"severity": "sev1"}), SERVICE)
        record(draft, ticket, e.TicketReclassified(severity="sev1"), ENGINEER)
        record(draft, ticket, e.NotificationRequested(delivery="e", channel="webhook", address="x", urgency="page"), SERVICE)
        _night(draft, ticket)

    ledger.write(command).result()


def _night(draft: Draft, ticket: str) -> None:
    """Nobody is on call in Lund from midnight on, a step of the ladder is two minutes late, and a recount has found that."""
    midnight, until = END + 19 * HOUR, END + 28 * HOUR
    fault = NightFault(site="Lund", team="erp", begin=midnight, until=until, told="step 1 leads to nobody")
    watched = (Watched(site="Lund", team="erp", faults=1), Watched(site="Cork", team="erp", faults=0))
    rota, team = {"time_zone": "Europe/Stockholm"}, {"rota": "erp", "ladder": "standard"}
    draft.append(OnCallConfigured(digest="c7" * 32, content={"rotas": {"erp": rota}, "teams": {"erp": team}}), SERVICE)
    draft.append(NightChecked(begin=END, until=until, watched=watched, faults=(fault,)), SERVICE)
    draft.append(ClimbsAudited(missed=(ticket,)), SERVICE)
    draft.put(HEARTBEATS, {"name": ClimbsAudited.__name__, "beaten_at": END - MINUTE})
    when = {"begun_at": END - 7 * MINUTE, "due_at": END - 2 * MINUTE, "settled_at": None}
    step = {"id": "late", "ticket": ticket, "cause": ticket, "team": "erp", "severity": "sev1", "cycle": 0, "step": 1}
    draft.put(STEPS, step | when | {"state": "pending"})


def _text(site: str, at: datetime, wave: str = "1", hypercare_only: tuple[str, ...] = ()) -> GoLiveText:
    return GoLiveText(
        name=f"{site}, wave {wave}",
        site=site,
        wave=wave,
        starts_at=at,
        planned_end=at + 42 * DAY,
        time_zone="Europe/Dublin",
        hypercare_only=hypercare_only,
    )
