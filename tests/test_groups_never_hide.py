"""Grouping never hides: whatever happens to tickets and whoever groups them, nobody is left asleep who would have to be awake."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import events as e
from schemas.entries import Entry
from schemas.events import EVENTS, Event
from schemas.tickets import Ticket
from services.api.search import Search, wanted
from services.db import Database
from services.dispatcher.past import standing, stood_before
from services.dispatcher.requests import LISTENS_TO, Requests
from services.errors import HypercareError
from services.ledger import Ledger, read_entries
from services.runner import Occurrence
from tests.dispatching import TEAMS, decided, targets
from tests.lives import QA, SERVICE, decided_for_group, entries_of, happened, submitted, ticket_of

ENDED = ("resolved", "closed", "cancelled")
GRADES = ("sev1", "sev2", "sev3", "sev4", None)
TOLD = tuple(event.__name__ for event in LISTENS_TO)
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="opened the port")


class Move(NamedTuple):
    """One ticket by its place, what happens to it, who does it; `under`: the place of the one that it is to stand under."""

    ticket: int
    event: Event | None
    by: Any = QA
    under: int | None = None


def possible_sev1(ticket: Ticket) -> bool:
    return ticket.severity == "sev1" or (not ticket.severity_confirmed and bool((ticket.decision or {}).get("sev1_candidate")))


def must_be_seen(child: Ticket, parent: Ticket) -> bool:
    """The rule, said a second time: ended, another site, another batch, a GxP flag, graver, or possibly a Sev1."""
    elsewhere = child.site != parent.site or child.batch not in (None, parent.batch)
    graver = GRADES.index(child.severity) < GRADES.index(parent.severity) or (possible_sev1(child) and not possible_sev1(parent))
    return parent.state in ENDED or elsewhere or child.gxp != "none" or graver


def urgent(ticket: Ticket) -> bool:
    return ticket.severity in ("sev1", "sev2") if ticket.team else possible_sev1(ticket)


class Plant:
    """A few tickets, and the dispatcher that hears of everything that happens to them, in its order."""

    def __init__(self, database: Database, reports: list[dict[str, Any]]) -> None:
        self.ledger = Ledger(database)
        self.requests = Requests(TEAMS, partial(stood_before, database), partial(standing, database))
        self.tickets = [submitted(self.ledger, **report).id for report in reports]
        self.heard = entries_of(self.ledger, self.tickets[-1])[-1].seq
        self.woken: dict[str, set[str]] = {name: set() for name in self.tickets}

    def stands(self, place: int) -> Ticket:
        return ticket_of(self.ledger, self.tickets[place])

    def make(self, move: Move) -> None:
        event = move.event or e.TicketGrouped(parent=self.tickets[move.under or 0])
        refused = self._refused(move, event)
        if isinstance(event, e.TicketGrouped) and must_be_seen(self.stands(move.ticket), self.stands(move.under or 0)):
            assert refused, "one that must be seen for itself was taken as a child"

    def _refused(self, move: Move, event: Event) -> bool:
        done: Callable[..., Ticket] = happened if move.by is SERVICE else decided_for_group
        try:
            done(self.ledger, self.tickets[move.ticket], event, move.by)
        except HypercareError:
            return True
        return False

    def tell(self) -> None:
        with self.ledger.database.read() as connection:
            entries = read_entries(connection, self.heard, limit=5_000)
        for entry in entries:
            self.heard = entry.seq
            if entry.type in TOLD:
                self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        ticket = ticket_of(self.ledger, str(entry.ticket))
        happening = Occurrence(entry, EVENTS[entry.type].model_validate(entry.data), ticket)
        alone = happening._replace(ticket=ticket.model_copy(update={"parent": None}))
        told, told_alone = (targets(each) for each in self.requests.handle([happening, alone]))
        if ticket.parent and must_be_seen(ticket, ticket_of(self.ledger, ticket.parent)):
            assert told == told_alone, "one that must be seen for itself is told of as if it stood alone"
        self.woken[ticket.id] |= {target for urgency, target in told if urgency == "page"}
        to_wake = {target for urgency, target in told_alone if urgency == "page"}
        assert to_wake <= self.woken[ticket.id] | self.woken.get(ticket.parent or "", set()), "somebody sleeps who was not woken for either"

    def check(self) -> None:
        stands = {name: ticket_of(self.ledger, name) for name in self.tickets}
        still = {name for name, ticket in stands.items() if ticket.state not in ENDED}
        with self.ledger.database.read() as connection:
            listed = {row["id"] for row in connection.execute(wanted(Search(open=True, limit=50))).mappings()}
        assert still == listed & set(self.tickets), "an open ticket is always in the list of those that are open"
        asleep = [ticket for ticket in stands.values() if ticket.id in still and urgent(ticket) and ticket.state != "submitted"]
        for ticket in asleep:
            assert self.woken[ticket.id] or self._is_stood_for(ticket, stands), "nobody was woken for it"

    def _is_stood_for(self, ticket: Ticket, stands: dict[str, Ticket]) -> bool:
        parent = stands.get(ticket.parent or "")
        return parent is not None and not must_be_seen(ticket, parent) and bool(self.woken[parent.id])


ERP, LIMS = e.TicketRouted(system="erp", team="erp"), e.TicketRouted(system="lims", team="lab")
BY_PEOPLE: tuple[Event, ...] = (
    ERP, LIMS, e.TicketAcknowledged(), e.TicketReturned(), RESOLVED, e.TicketReopened(), e.TicketClosed(), e.TicketCancelled(),
    e.TicketReclassified(severity="sev1"), e.TicketReclassified(severity="sev2"), e.TicketReclassified(severity="sev3"),
    e.TicketReclassified(gxp="potential"), e.TicketReclassified(gxp="none"), e.TicketUngrouped(),
)  # fmt: skip
USUALLY = 0.85


def reported(chance: Random, place: int) -> dict[str, Any]:
    """The first is a little graver than the others, so that it often may stand for them."""
    there = {"site": "Cork" if chance.random() < USUALLY else "Ulm", "batch": None if chance.random() < USUALLY else "B-1"}
    return there | {"reported_severity": chance.choice(GRADES[:2] if place == 0 else GRADES[1:])}


def first_moves(chance: Random, place: int) -> list[Move]:
    """What the classifier does with a new ticket."""
    severity = str(chance.choice(GRADES[:2] if place == 0 else GRADES[1:4]))
    gxp = "none" if chance.random() < USUALLY else "potential"
    decision = decided("erp", severity, sev1_candidate=chance.random() > USUALLY).model_copy(update={"gxp": gxp})
    return [Move(place, decision, SERVICE), Move(place, chance.choice([ERP, ERP, LIMS, e.TicketQueued()]), SERVICE)]


def later_move(chance: Random) -> Move:
    if chance.random() < 0.25:
        return Move(chance.choice([1, 2, 2, 0]), None, chance.choice([QA, SERVICE]), chance.choice([0, 0, 1]))
    return Move(chance.choice([0, 0, 1, 2]), chance.choice(BY_PEOPLE))


@given(seed=st.integers(0, 2**32), decided_before=st.integers(0, 6), length=st.integers(6, 20))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_grouping_never_hides(database: Database, seed: int, decided_before: int, length: int) -> None:
    """Any life of three tickets, two of which are put under the first while the classifier is still at work."""
    chance = Random(seed)
    plant = Plant(database, [reported(chance, place) for place in range(3)])
    beginning = [move for place in range(3) for move in first_moves(chance, place)]
    together = [Move(1, None, SERVICE, 0), Move(2, None, SERVICE, 0)]
    later = [later_move(chance) for _ in range(length)]
    for move in (*beginning[:decided_before], *together, *beginning[decided_before:], *later):
        plant.make(move)
        plant.tell()
        plant.check()
    plant.ledger.close()
