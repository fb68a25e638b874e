"""What clocks come to is recorded once, at once or after an outage, and told to those who can still do something about it."""

import asyncio
from datetime import timedelta

import pytest

from schemas import events as e
from services.ledger import Ledger
from services.stabilisation.progress import Progress
from services.stabilisation.warner import KINDS, Warner
from tests.dispatching import TEAMS, routed, targets
from tests.lived_golives import BEGIN, Clock
from tests.lives import DESK, SERVICE, entries_of, happened
from tests.pasts import BEGIN as LONG_AGO
from tests.pasts import moved, past, taken
from tests.test_dispatcher import last, read, told

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    ledger.clock = clock = Clock(BEGIN)
    return clock


def recorded(ledger: Ledger, *warners: Warner) -> list[tuple[str, str, float]]:
    """(ticket, clock, share) of what is new, with 1 for a missed target."""
    before = len(entries_of(ledger))

    async def all_of_them() -> None:
        await asyncio.gather(*(warner.record_due() for warner in warners or (Warner(ledger, Progress()),)))

    asyncio.run(all_of_them())
    fresh = (entry for entry in entries_of(ledger)[before:] if entry.type in KINDS)
    return [(str(entry.ticket), entry.data["clock"], entry.data.get("share", 1.0)) for entry in fresh]


def test_half_four_fifths_and_all_of_a_target_are_told_once_each(ledger: Ledger, clock: Clock) -> None:
    ticket, warner = routed(ledger, "sev1").id, Warner(ledger, Progress())
    seen = []
    for second in range(0, 420, 20):
        clock.now = BEGIN + timedelta(seconds=second)
        seen += [(second, *each[1:]) for each in recorded(ledger, warner)]
    assert seen == [(160, "acknowledgement", 0.5), (260, "acknowledgement", 0.8), (320, "acknowledgement", 1.0)]
    assert {entry.ticket for entry in entries_of(ledger) if entry.type in KINDS} == {ticket}


def test_after_an_outage_only_the_last_that_has_come_is_told(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev1").id
    clock.now = BEGIN + 13 * MINUTE
    assert recorded(ledger) == [(ticket, "acknowledgement", 1.0), (ticket, "response", 0.8)]


def test_replicas_and_restarts_tell_nothing_twice(ledger: Ledger, clock: Clock) -> None:
    routed(ledger, "sev1")
    clock.now = BEGIN + 6 * MINUTE
    assert len(recorded(ledger, *(Warner(ledger, Progress()) for _ in range(4)))) == 1
    assert recorded(ledger) == []


def test_a_clock_that_stopped_warns_of_nothing(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev1").id
    happened(ledger, ticket, e.TicketAcknowledged())
    clock.now = BEGIN + 10 * MINUTE
    assert recorded(ledger) == []


def test_a_raise_is_warned_of_by_the_new_target(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev2").id
    clock.now = BEGIN + 8 * MINUTE
    assert recorded(ledger) == [(ticket, "acknowledgement", 0.5)]
    happened(ledger, ticket, e.TicketReclassified(severity="sev1"))
    assert recorded(ledger) == [(ticket, "acknowledgement", 1.0), (ticket, "response", 0.5)]


def test_children_of_a_storm_are_told_of_by_their_parent(ledger: Ledger, clock: Clock) -> None:
    parent, child, other = (routed(ledger, "sev2").id for _ in range(3))
    happened(ledger, child, e.TicketGrouped(parent=parent), SERVICE)
    clock.now = BEGIN + 16 * MINUTE
    assert {ticket for ticket, _, _ in recorded(ledger)} == {parent, other}
    happened(ledger, child, e.TicketReclassified(severity="sev1"))
    assert {ticket for ticket, _, _ in recorded(ledger)} == {child}


def test_what_came_before_a_ticket_was_moved_over_is_the_past(ledger: Ledger, clock: Clock) -> None:
    clock.now = LONG_AGO + timedelta(days=40)
    taken(moved(ledger, past("A-1", "submitted", severity="sev2")))
    fresh = routed(ledger, "sev2").id
    clock.now += 16 * MINUTE
    assert {ticket for ticket, _, _ in recorded(ledger)} == {fresh}


def test_a_missed_sev1_wakes_its_team_and_all_else_is_told_where_people_look(ledger: Ledger, clock: Clock) -> None:
    sev1, sev3 = routed(ledger, "sev1"), routed(ledger, "sev3")
    for ticket, severity in ((sev1, "sev1"), (sev3, "sev3")):
        due = {"clock": "acknowledgement", "severity": severity, "due_at": BEGIN}
        happened(ledger, ticket.id, e.ClockWarned.model_validate(due | {"share": 0.5, "at": BEGIN}), SERVICE)
        quiet = targets(told(ledger, last(ledger, ticket.id), teams=TEAMS)[0])
        happened(ledger, ticket.id, e.ClockBreached.model_validate(due), SERVICE)
        loud = targets(told(ledger, last(ledger, ticket.id), teams=TEAMS)[0])
        assert {urgency for urgency, _ in quiet} == {"notify"}
        assert {urgency for urgency, _ in loud} == ({"page"} if severity == "sev1" else {"notify"})


def test_nobody_hears_of_a_clock_that_stopped_meanwhile(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev1")
    happened(ledger, ticket.id, e.ClockBreached(clock="acknowledgement", severity="sev1", due_at=BEGIN), SERVICE)
    breach = last(ledger, ticket.id)
    assert told(ledger, breach) != [[]]
    happened(ledger, ticket.id, e.TicketAcknowledged(), DESK)
    assert told(ledger, breach._replace(ticket=last(ledger, ticket.id).ticket)) == [[]]


def test_a_person_reads_what_was_due_when(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev1")
    clock.now = BEGIN + timedelta(seconds=250)
    recorded(ledger)
    assert read(ledger, ticket).text.startswith("80% of the time for its acknowledgement is used up, due 2026-03-02 06:05 UTC\n")
    clock.now = BEGIN + 6 * MINUTE
    recorded(ledger)
    assert read(ledger, ticket).text.startswith("Late: its acknowledgement was due 2026-03-02 06:05 UTC\n")
    assert last(ledger, ticket.id).ticket.version == ticket.version
