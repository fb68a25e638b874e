"""What an earlier tool tells happened when it happened there: once, in order, and without calling anybody."""

from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models.fixed import FixedModel, prediction
from schemas import events as e
from schemas.entries import Entry
from schemas.tables import ENTRIES, HANDLED, KEYS, TICKETS
from schemas.tickets import Ticket
from services.classifier import classifier
from services.db import Database, migrate, open_database
from services.dispatcher import dispatcher
from services.dispatcher.requests import LISTENS_TO
from services.errors import Conflict, Forbidden, HypercareError, Invalid, NotFound, Refused
from services.judgements import Judgements
from services.ledger import Ledger
from services.log.outgoing import Stamp
from services.log.table import TableLog
from services.runner import Occurrence, Runner
from services.stabilisation.figures import figures
from services.tickets import fold
from tests.dispatching import TEAMS as REACHABLE
from tests.dispatching import decided
from tests.histories import agree, check
from tests.lives import ENGINEER, QA, SERVICE, entries_of, happened, submitted, ticket_of
from tests.minds import decider
from tests.pasts import BEGIN, Row, moved, noted, past, random_past, row, taken
from tests.runners import running_until

SITES = count()
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One ledger for many random histories, each at a site of its own."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('history') / 'hypercare.db'}")
    migrate(database)
    opened = Ledger(database)
    yield opened
    opened.close()
    database.close()


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    """What the ledger says, whatever the order in which it heard of the tickets."""
    names = {ticket.id: ticket.source_id for ticket in tickets_of(ledger)}
    return sorted((names[str(each.ticket)], each.occurred_at, each.type, each.actor, str(each.data)) for each in entries_of(ledger))


def tickets_of(ledger: Ledger) -> list[Ticket]:
    with ledger.database.read() as connection:
        return [Ticket.model_construct(**each) for each in connection.execute(select(TICKETS)).mappings()]


def ticket_from(ledger: Ledger, name: str) -> Ticket:
    return next(ticket for ticket in tickets_of(ledger) if ticket.source_id == name)


def refusals(ledger: Ledger, rows: list[Row], **how: Any) -> dict[int, HypercareError]:
    """Of rows that are refused: which, and why."""
    return {place: each for place, each in enumerate(moved(ledger, rows, **how)) if isinstance(each, HypercareError)}


@given(st.integers(0, 2**32), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_figures_of_a_moved_history_equal_a_recount_of_its_rows_by_their_own_times(shared: Ledger, seed: int, tickets: int) -> None:
    site = f"site {next(SITES)}"
    rows = random_past(seed, tickets, site)
    assert all(taken(moved(shared, rows)))
    now = figures(shared, site)
    agree(now, lambda instant: noted(rows, instant))
    assert figures(shared, site, now.as_of) == now
    check(now, [entry for entry in entries_of(shared) if entry.site == site])


def test_both_databases_tell_the_same_of_a_history_and_of_what_came_after_it(ledger_on_each: Ledger) -> None:
    ledger = ledger_on_each
    rows = random_past(3, 40)
    assert all(taken(moved(ledger, rows)))
    agree(figures(ledger), lambda instant: noted(rows, instant))
    for ticket in [each for each in tickets_of(ledger) if each.state == "submitted"]:
        happened(ledger, ticket.id, e.TicketQueued(), SERVICE)
    new = submitted(ledger, reported_severity="sev1")
    now = figures(ledger)
    assert figures(ledger, None, now.as_of) == now
    assert now.open.oldest_seconds is not None
    assert now.open.oldest_seconds > (now.as_of - new.submitted_at).total_seconds()
    check(now, entries_of(ledger))


def test_a_recount_by_the_time_of_recording_would_be_another(ledger: Ledger) -> None:
    moved(ledger, past("A", "submitted", "acknowledged", "resolved"))
    now = figures(ledger)
    assert (now.acknowledgement.all.mean, now.resolution.all.mean) == (3_600, 7_200)
    with pytest.raises(AssertionError):
        agree(now, lambda instant: noted(past("A", "submitted", "resolved"), instant))


def test_before_the_move_nothing_was_known_and_now_the_weeks_before_are_there(ledger: Ledger) -> None:
    before = submitted(ledger).submitted_at
    days_ago = (before - BEGIN) / HOUR - 60
    moved(ledger, [row("A", "submitted", days_ago), row("A", "resolved", days_ago + 1)])
    then, now = figures(ledger, None, before), figures(ledger)
    assert (then.arrivals.total, [point.open for point in then.burndown.points[:-1]]) == (1, [0])
    assert (now.open.total, now.done["resolved"], now.resolution.all.mean) == (1, 1, 3_600)
    assert [point.open for point in now.burndown.points[:3]] == [0, 1, 0]
    assert sum(bucket.count for bucket in now.arrivals.per_day) == 2


def test_every_moved_ticket_equals_the_fold_of_its_entries(ledger_on_each: Ledger) -> None:
    rows = random_past(11, 60)
    moved(ledger_on_each, rows[: len(rows) // 2])
    moved(ledger_on_each, rows)
    for ticket in tickets_of(ledger_on_each):
        assert fold(entries_of(ledger_on_each, ticket.id)) == ticket


def test_a_ticket_has_the_times_the_people_and_the_reasons_of_its_history(ledger: Ledger) -> None:
    rows = [
        row("A", "submitted", 0, severity="sev2", gxp="potential"),
        row("A", "acknowledged", 1, actor="erik", system="erp"),
        row("A", "resolved", 2, cause_class="configuration", resolution="mapped anew"),
        row("A", "closed", 3, actor="olga"),
    ]
    moved(ledger, rows)
    ticket = ticket_from(ledger, "A")
    assert (ticket.submitted_at, ticket.routed_at, ticket.acknowledged_at) == (BEGIN, BEGIN + HOUR, BEGIN + HOUR)
    assert (ticket.resolved_at, ticket.closed_at, ticket.changed_at) == (BEGIN + 2 * HOUR, BEGIN + 3 * HOUR, BEGIN + 3 * HOUR)
    assert (ticket.system, ticket.team, ticket.assignee, ticket.severity, ticket.gxp) == ("erp", "erp", "erik", "sev2", "potential")
    assert (ticket.cause_system, ticket.cause_class, ticket.resolution) == ("erp", "configuration", "mapped anew")
    entries = entries_of(ledger, ticket.id)
    assert [entry.type for entry in entries] == [
        "TicketSubmitted", "TicketReclassified", "TicketRouted", "TicketAcknowledged", "TicketResolved", "TicketClosed",
    ]  # fmt: skip
    assert {(entry.role, entry.reason) for entry in entries} == {("history", "moved over by dora from earlier")}
    assert [entry.actor.removeprefix("history:") for entry in entries] == ["unknown", "unknown", "erik", "erik", "unknown", "olga"]


def test_who_took_a_ticket_is_nobody_where_the_earlier_tool_does_not_say(ledger: Ledger) -> None:
    moved(ledger, past("A", "submitted", "acknowledged"))
    assert (ticket_from(ledger, "A").state, ticket_from(ledger, "A").assignee) == ("acknowledged", None)


def test_a_cause_that_was_not_kept_is_said_to_be_so_and_nobody_else_may_say_it(ledger: Ledger) -> None:
    moved(ledger, past("A", "submitted", "resolved"))
    assert (ticket_from(ledger, "A").cause_system, ticket_from(ledger, "A").cause_class) == ("undecided", "not_recorded")
    here = submitted(ledger)
    happened(ledger, here.id, e.TicketQueued(), SERVICE)
    with pytest.raises(Invalid, match="Say what the cause was"):
        happened(ledger, here.id, e.TicketResolved(cause_system="erp", cause_class="not_recorded", resolution="done"))


def test_moved_twice_or_shuffled_or_with_other_words_a_history_is_there_once(ledger: Ledger) -> None:
    rows = random_past(5, 25)
    assert all(taken(moved(ledger, rows)))
    once, figured = told(ledger), figures(ledger).open
    again = [each | ({"title": "Reworded"} if each["type"] == "submitted" else {"actor": "somebody else"}) for each in rows]
    Random(1).shuffle(again)
    assert not any(taken(moved(ledger, again)))
    assert not any(taken(moved(ledger, [*rows, *rows])))
    assert (told(ledger), figures(ledger).open.by_severity_and_state) == (once, figured.by_severity_and_state)
    with ledger.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(KEYS)).scalar_one() == len(rows)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_history_in_two_files_is_the_same_as_in_one(ledger: Ledger, database: Database, tmp_path: Any, share: float) -> None:
    rows = random_past(8, 30)
    half = int(share * len(rows))
    moved(ledger, rows[:half])
    assert sum(taken(moved(ledger, rows))) == len(rows) - half
    other = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    migrate(other)
    whole = Ledger(other)
    moved(whole, rows)
    assert told(ledger) == told(whole)
    whole.close()
    other.close()


def test_what_services_decided_meanwhile_does_not_bar_a_later_file_but_what_people_did_does(ledger: Ledger) -> None:
    moved(ledger, [*past("A", "submitted"), *past("B", "submitted")])
    for name in "AB":
        happened(ledger, ticket_from(ledger, name).id, e.TicketQueued(), SERVICE)
    happened(ledger, ticket_from(ledger, "B").id, e.TicketRouted(system="erp", team="erp"))
    why = refusals(ledger, [row("A", "resolved", 2), row("B", "resolved", 2)])
    assert ticket_from(ledger, "A").state == "resolved"
    assert "lies before the last thing that people did with B" in str(why[1])
    assert list(why) == [1]
    check(figures(ledger), entries_of(ledger))


@pytest.mark.parametrize(
    ("rows", "culprit", "error", "words"),
    [
        (past("A", "submitted", "closed"), 1, Refused, "A is submitted then: for it to be closed it has to be resolved"),
        (past("A", "submitted", "resolved", "acknowledged"), 2, Refused, "A is resolved then"),
        (past("A", "submitted", "cancelled", "reopened"), 2, Refused, "has to be closed or resolved"),
        ([row("A", "submitted", -(10**6)), row("A", "resolved", 1)], 0, Invalid, "lies before 2000: look at the year"),
        (past("A", "resolved", "submitted"), 0, NotFound, "move its submitted event over first"),
        ([*past("A", "submitted"), row("A", "resolved", 10**5)], 1, Invalid, "lies in the future: look at the time's UTC offset"),
        (
            [*past("A", "submitted"), row("A", "resolved", 1, system="sap")],
            1,
            Invalid,
            "known systems: access_training, erp",
        ),
        ([*past("A", "submitted", "resolved"), row("A", "closed", 2, system="erp")], 2, Refused, "to say that it belongs to erp"),
    ],
)
def test_what_cannot_have_happened_is_refused_and_nothing_of_its_ticket_is_told_by_half(
    ledger: Ledger, rows: list[Row], culprit: int, error: type[HypercareError], words: str
) -> None:
    why = refusals(ledger, [*rows, *past("B", "submitted", "resolved")])
    assert sorted(why) == list(range(len(rows)))
    assert type(why.pop(culprit)) is error
    assert {type(each) for each in why.values()} <= {Conflict}
    assert words in str(refusals(ledger, rows)[culprit])
    assert [ticket.source_id for ticket in tickets_of(ledger)] == ["B"]
    with ledger.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(KEYS)).scalar_one() == 2


def test_what_was_known_stays_known_beside_a_row_that_is_refused(ledger: Ledger) -> None:
    rows = past("A", "submitted", "acknowledged", "acknowledged", "resolved")
    moved(ledger, rows[:2])
    assert sorted(refusals(ledger, rows)) == [2, 3]
    assert taken(moved(ledger, [*rows[:2], rows[3]])) == [False, False, True]


def test_a_report_comes_before_what_happened_at_the_same_instant(ledger: Ledger) -> None:
    assert all(taken(moved(ledger, [row("A", "resolved", 0), row("A", "submitted", 0), row("A", "closed", 0)])))


def test_only_qa_moves_over_that_a_gxp_flag_or_the_severity_under_it_was_lowered(ledger: Ledger) -> None:
    rows = [*past("A", "submitted", severity="sev2", gxp="confirmed"), row("A", "resolved", 2, severity="sev3")]
    assert isinstance(refusals(ledger, rows)[1], Forbidden)
    assert all(taken(moved(ledger, rows, QA)))
    assert ticket_from(ledger, "A").severity == "sev3"


def test_a_severity_that_a_floor_raised_stays_while_the_earlier_tool_says_nothing_new(ledger: Ledger) -> None:
    moved(ledger, past("A", "submitted", severity="sev3", gxp="none"))
    here = ticket_from(ledger, "A").id
    happened(ledger, here, decided("erp", "sev1"), SERVICE)
    moved(ledger, [row("A", "acknowledged", 1, severity="sev3", gxp="none")])
    assert ticket_of(ledger, here).severity == "sev1"
    moved(ledger, [row("A", "resolved", 2, severity="sev2")])
    assert ticket_of(ledger, here).severity == "sev2"


def test_a_ticket_that_came_another_way_before_is_found_by_its_source_record(ledger: Ledger) -> None:
    here = submitted(ledger, source_system="earlier", source_id="A")
    later = (datetime.now(UTC) - BEGIN) / HOUR
    with ledger.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(ENTRIES)).scalar_one() == 1
    assert taken(moved(ledger, past("A", "submitted"))) == [False]
    assert isinstance(refusals(ledger, [row("A", "resolved", 2)])[0], Invalid)
    assert taken(moved(ledger, [row("A", "resolved", later)])) == [True]
    assert ticket_of(ledger, here.id).state == "resolved"


def test_what_happened_to_a_parent_there_is_not_done_to_its_children_here_but_they_are_seen_again(ledger: Ledger) -> None:
    moved(ledger, past("A", "submitted"))
    parent, child = ticket_from(ledger, "A"), submitted(ledger)
    happened(ledger, child.id, e.TicketGrouped(parent=parent.id))
    happened(ledger, child.id, e.TicketQueued(), SERVICE)
    later = (datetime.now(UTC) - BEGIN) / HOUR
    moved(ledger, [row("A", "resolved", later)])
    assert (ticket_of(ledger, child.id).state, ticket_of(ledger, child.id).parent) == ("triage", None)
    assert entries_of(ledger, child.id)[-1].role == "service"


OPEN_AND_SHUT = [
    *past("open", "submitted"),
    *past("routed", "submitted", system="erp", severity="sev1"),
    *past("reopened", "submitted", "acknowledged", "resolved", "reopened", severity="sev1"),
    *past("done", "submitted", "resolved", severity="sev1"),
    *past("graver", "submitted", "acknowledged", system="erp", severity="sev4"),
    row("graver", "resolved", 3, severity="sev1", system="lims"),
    row("graver", "reopened", 4),
]


def occurrence(ledger: Ledger, entry: Entry, role: str | None = None) -> Occurrence:
    """As the runner would hand it over; `role`: as if that had done it."""
    told_by = Entry.model_construct(**(entry.model_dump() | ({"role": role} if role else {})))
    return Occurrence(told_by, e.EVENTS[entry.type].model_validate(entry.data), ticket_of(ledger, str(entry.ticket)))


def test_nobody_is_told_of_the_past_who_would_be_told_of_the_same_today(ledger: Ledger) -> None:
    moved(ledger, OPEN_AND_SHUT)
    heard = [entry for entry in entries_of(ledger) if e.EVENTS[entry.type] in LISTENS_TO]
    tell = dispatcher(REACHABLE, ledger.database).handle
    assert not any(tell([occurrence(ledger, entry) for entry in heard]))
    assert sum(map(bool, tell([occurrence(ledger, entry, "desk") for entry in heard]))) >= 4


def test_no_on_call_tool_behind_kafka_is_told_of_the_past(ledger: Ledger) -> None:
    moved(ledger, OPEN_AND_SHUT)
    stamp = Stamp("https://hypercare.example", ("erp", "lims"))
    routings = [entry for entry in entries_of(ledger) if entry.type == "TicketRouted"]

    def topics(role: str | None = None) -> set[str]:
        told = (occurrence(ledger, entry, role) for entry in routings)
        return {record.topic for each in told for record in stamp.records(each.entry, each.ticket)}

    assert topics() == {"hypercare.tickets.v1"}
    assert topics("desk") > {"hypercare.tickets.v1"}


async def classified(ledger: Ledger, model: FixedModel) -> None:
    """The classifier is through with everything that was submitted."""

    def done() -> bool:
        with ledger.database.read() as connection:
            submissions = select(func.count()).where(ENTRIES.c.type == "TicketSubmitted")
            handled = select(func.count()).select_from(HANDLED)
            return bool(connection.execute(handled).scalar_one() == connection.execute(submissions).scalar_one())

    await running_until(Runner(classifier(decider(ledger, model)), TableLog(ledger), ledger), done)


async def test_only_a_ticket_that_nobody_has_touched_there_is_decided_as_a_new_one(ledger: Ledger) -> None:
    moved(ledger, OPEN_AND_SHUT)
    before = {ticket.source_id: ticket for ticket in tickets_of(ledger)}
    await classified(ledger, FixedModel({}, prediction("plc_scada", 0.97)))
    after = {ticket.source_id: ticket for ticket in tickets_of(ledger)}
    assert (after.pop("open").state, before.pop("open").state) == ("routed", "submitted")
    assert after == before
    check(figures(ledger), entries_of(ledger))


async def test_the_past_is_no_storm_now_and_no_part_of_one(ledger: Ledger) -> None:
    same: Any = {"title": "Serial numbers are refused on the carton line", "area": "Line 3"}
    moved(ledger, [each for number in range(6) for each in past(f"A{number}", "submitted", **same)])
    new = [submitted(ledger, **same) for _ in range(4)]
    model = FixedModel({}, prediction("packaging_serialization", 0.97))
    await classified(ledger, model)
    assert {ticket.parent for ticket in tickets_of(ledger)} == {None}
    fifth = submitted(ledger, **same)
    await classified(ledger, model)
    assert [ticket_of(ledger, each.id).parent for each in (*new, fifth)] == [None, *[new[0].id] * 4]


def test_what_people_did_in_an_earlier_tool_is_no_judgement_of_a_model_here(ledger: Ledger) -> None:
    moved(ledger, past("A", "submitted"))
    here = ticket_from(ledger, "A").id
    happened(ledger, here, decided("erp"), SERVICE)
    moved(ledger, [row("A", "acknowledged", 1, system="lims", severity="sev1"), row("A", "resolved", 2), row("A", "closed", 3)])
    assert judged(ledger) == {here: None}
    happened(ledger, submitted(ledger).id, decided("erp"), SERVICE)
    happened(ledger, "HC-2", e.TicketRouted(system="lims", team="lims"), ENGINEER)
    assert judged(ledger) == {here: None, "HC-2": False}


def judged(ledger: Ledger) -> dict[str, bool | None]:
    made = Judgements()
    with ledger.database.read() as connection:
        made.catch_up(connection)
    return {each.ticket: each.right for each in made}
