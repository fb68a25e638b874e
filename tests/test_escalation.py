"""A ticket climbs its team's ladder until somebody acknowledges, and no step is lost or taken twice, whoever takes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import event, select

from schemas import events as e
from schemas.entries import Attribution
from schemas.tables import DELIVERIES, STEPS
from schemas.tickets import Ticket
from services.db import migrate, open_database
from services.dispatcher.climb import Due, first, following, resumed
from services.dispatcher.escalation import Escalation
from services.dispatcher.requests import Requests
from services.ledger import Ledger
from services.oncall.configured import configure
from services.oncall.feed import Calendars
from services.runner import Occurrence
from services.teams import Teams
from tests.dispatching import decided
from tests.dying_dispatchers import IN_MID_STEP
from tests.kill_escalations import Campaign
from tests.lives import ENGINEER, QA, SERVICE, entries_of, happened, submitted, ticket_of
from tests.oncalls import FILE, teams_of
from tests.scrapes import scraped, value

LADDERS = FILE.replace("[triage]\n", '[triage]\nladder = "standard"\n')
BEGIN = datetime(2027, 1, 12, 12, tzinfo=UTC)
"""A Tuesday noon: anna is on call until 18:00, and is second too, then ben."""
LEAD = Attribution("lea", "hypercare_lead", reason="seen with the team")
STEP = timedelta(minutes=1)


class At:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


class Site:
    """A ledger with a clock, and any number of engines that climb."""

    def __init__(self, url: str, folder: Path, text: str = LADDERS) -> None:
        self.clock = At()
        self.database = open_database(url)
        migrate(self.database)
        self.ledger = Ledger(self.database, self.clock)
        self.folder = folder
        self.teams: Teams = teams_of(folder, text)
        self.engine = self.another()
        self.engine.turn()

    def another(self) -> Escalation:
        return Escalation(self.ledger, Calendars(self.teams, self.folder, self.folder / "copies"))

    def use(self, text: str) -> None:
        self.teams = teams_of(self.folder, text)
        self.engine = self.another()

    def routed(self, severity: str = "sev1", **fields: object) -> Ticket:
        ticket = submitted(self.ledger, **fields)
        happened(self.ledger, ticket.id, decided("mes_config", severity), SERVICE)
        return happened(self.ledger, ticket.id, e.TicketRouted(system="mes_config", team="mes"), SERVICE)

    def after(self, minutes: float) -> list[str]:
        """Whom an engine that looks every minute has told by then, in order, with the minute."""
        end = BEGIN + timedelta(minutes=minutes)
        while self.clock.now <= end:
            self.settle()
            self.clock.now += STEP
        self.clock.now = end
        return self.told()

    def settle(self) -> None:
        while self.engine.turn():
            pass
        self.engine.turn()

    def told(self) -> list[str]:
        wanted = select(DELIVERIES.c.requested_at, DELIVERIES.c.address).order_by(DELIVERIES.c.requested_at, DELIVERIES.c.address)
        with self.database.read() as connection:
            return [f"{round((at - BEGIN) / STEP)} {address}" for at, address in connection.execute(wanted)]

    def states(self) -> dict[str, int]:
        with self.database.read() as connection:
            found = list(connection.execute(select(STEPS.c.state)).scalars())
        return {state: found.count(state) for state in found}

    def close(self) -> None:
        self.ledger.close()
        self.database.close()


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    opened = Site(database_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """On SQLite only: what does not hang on the database."""
    opened = Site(f"sqlite:///{tmp_path / 'site.db'}", tmp_path)
    yield opened
    opened.close()


ROUND = ["0 anna", "5 anna", "10 lea", "20 pia", "20 sam"]


def test_a_sev1_that_nobody_acknowledges_goes_up_after_5_10_and_20_minutes_and_again(site: Site) -> None:
    site.routed()
    assert site.after(29) == ROUND
    assert site.after(31) == [*ROUND, "30 anna"]
    assert site.after(600)[-2:] == ["80 pia", "80 sam"]
    assert site.states() == {"done": 12}


def test_a_sev2_goes_up_three_times_as_late_and_once(here: Site) -> None:
    here.routed("sev2")
    assert here.after(600) == ["0 anna", "15 anna", "30 lea", "60 pia", "60 sam"]


def test_what_can_wait_is_told_where_people_look(here: Site) -> None:
    here.routed("sev3")
    assert here.after(600) == ["0 anna.berg@plant.example"]


def test_whoever_is_on_call_when_the_step_is_due_is_told(here: Site) -> None:
    here.clock.now = BEGIN + timedelta(hours=5, minutes=58)
    here.use(FILE + '\n[ladders.standard.sev1]\nsteps = [{ after = "0m", who = ["team"] }, { after = "5m", who = ["team"] }]\n')
    here.routed()
    assert [line.split()[1] for line in here.after(400)] == ["anna", "ben"]


@pytest.mark.parametrize(
    "event",
    [
        e.TicketResolved(cause_system="mes_config", cause_class="configuration", resolution="mapped anew"),
        e.TicketCancelled(),
        e.TicketBacklogged(),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_more_is_told_of_a_ticket_that_ended(here: Site, event: e.Event) -> None:
    ticket = here.routed()
    assert here.after(2) == ROUND[:1]
    happened(here.ledger, ticket.id, event, ENGINEER)
    assert here.after(600) == ROUND[:1]


def test_an_acknowledgement_stops_the_climb_and_expires_where_the_ticket_is_not_resolved(site: Site) -> None:
    ticket = site.routed()
    site.after(7)
    happened(site.ledger, ticket.id, e.TicketAcknowledged(), ENGINEER)
    assert site.after(36) == ROUND[:2]
    assert site.after(50) == [*ROUND[:2], "37 lea", "47 pia", "47 sam"]


def test_after_an_acknowledgement_that_expired_work_on_the_ticket_stops_the_climb_again(here: Site) -> None:
    ticket = here.routed()
    here.after(1)
    happened(here.ledger, ticket.id, e.TicketAcknowledged(), ENGINEER)
    assert here.after(32) == ["0 anna", "31 anna"]
    happened(here.ledger, ticket.id, e.TicketCommented(text="still at it, the vendor is on the line"), ENGINEER)
    assert here.after(61) == ["0 anna", "31 anna"]
    happened(here.ledger, ticket.id, e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="done"), ENGINEER)
    assert here.after(600) == ["0 anna", "31 anna"]


def test_whoever_says_again_that_they_are_on_it_stops_the_climb_that_went_on(site: Site) -> None:
    ticket = site.routed()
    site.after(1)
    first = happened(site.ledger, ticket.id, e.TicketAcknowledged(), ENGINEER)
    assert site.after(32) == ["0 anna", "31 anna"]
    again = happened(site.ledger, ticket.id, e.TicketAcknowledged(), LEAD)
    assert (again.state, again.assignee, again.acknowledged_at) == ("acknowledged", first.assignee, first.acknowledged_at)
    assert site.after(61) == ["0 anna", "31 anna"]
    assert site.after(63) == ["0 anna", "31 anna", "62 lea"], "it expires anew"
    assert audited(site) == []


def test_what_waits_goes_on_to_wait_when_somebody_says_that_they_are_on_it(here: Site) -> None:
    ticket = here.routed()
    here.after(1)
    for said in (e.TicketAcknowledged(), e.TicketPutOnHold(waiting_for="vendor")):
        happened(here.ledger, ticket.id, said, ENGINEER)
    assert here.after(32) == ["0 anna", "31 anna"]
    assert happened(here.ledger, ticket.id, e.TicketAcknowledged(), ENGINEER).state == "waiting"
    assert here.after(61) == ["0 anna", "31 anna"]


def test_an_acknowledgement_by_a_service_stops_nothing(here: Site) -> None:
    ticket = here.routed()
    here.after(1)
    happened(here.ledger, ticket.id, e.TicketAcknowledged(), SERVICE)
    assert here.after(11) == ROUND[:3]


@pytest.mark.parametrize("word", ["commented", "acknowledged"])
def test_where_two_roles_must_acknowledge_one_does_not_stop_the_climb(here: Site, word: str) -> None:
    two = '\n[ladders.standard.sev1]\ntwo_roles = true\nsteps = [{ after = "0m", who = ["team"] }, { after = "5m", who = ["role:lead"] }, '
    here.use(FILE + two + '{ after = "10m", who = ["role:programme"] }]\n')
    ticket = here.routed()
    here.after(1)
    happened(here.ledger, ticket.id, e.TicketAcknowledged(), ENGINEER)
    assert here.after(6) == ["0 anna", "5 lea"]
    said = e.TicketAcknowledged() if word == "acknowledged" else e.TicketCommented(text="QA looks at the batch")
    happened(here.ledger, ticket.id, said, QA)
    assert here.after(600) == ["0 anna", "5 lea"]
    assert ticket_of(here.ledger, ticket.id).assignee == ENGINEER.actor


def test_a_step_at_which_nobody_is_there_is_skipped_at_once(here: Site) -> None:
    here.use(LADDERS.replace('name = "secondary"', 'name = "second"'))
    here.routed()
    assert here.after(29) == ["0 anna", "5 lea", "20 pia", "20 sam"]
    assert here.states()["skipped"] == 1


def given_up(site: Site, ticket: Ticket, address: str) -> None:
    with site.database.read() as connection:
        wanted = (DELIVERIES.c.ticket == ticket.id) & (DELIVERIES.c.address == address)
        name = connection.execute(select(DELIVERIES.c.id).where(wanted)).scalar_one()
    happened(site.ledger, ticket.id, e.NotificationFailed(delivery=name, attempts=1, error="no such mailbox"), SERVICE)


def test_where_every_message_of_a_step_was_given_up_the_next_is_due_now_and_the_others_keep_their_times(site: Site) -> None:
    ticket = site.routed()
    assert site.after(1) == ["0 anna"]
    given_up(site, ticket, "anna")
    assert site.after(600)[:5] == ["0 anna", "1 anna", "10 lea", "20 pia", "20 sam"]


def test_where_one_of_several_messages_of_a_step_was_given_up_the_next_waits(here: Site) -> None:
    ticket = here.routed()
    here.after(20)
    given_up(here, ticket, "pia")
    assert here.after(29) == ROUND
    given_up(here, ticket, "sam")
    assert here.after(29) == [*ROUND, "29 anna"]


def test_a_message_that_is_given_up_after_an_acknowledgement_wakes_nobody(here: Site) -> None:
    ticket = here.routed()
    here.after(1)
    happened(here.ledger, ticket.id, e.TicketAcknowledged(), ENGINEER)
    here.settle()
    given_up(here, ticket, "anna")
    assert here.after(10) == ["0 anna"]


def test_the_round_of_the_auditor_is_told_whatever_it_finds(site: Site) -> None:
    site.ledger.write(lambda draft: configure(draft, site.teams, SERVICE)).result()
    site.clock.now += STEP
    assert value(scraped(site.ledger), "escalation_audit_age_seconds") == 60, "since the file came into force"
    site.settle()
    site.engine.audit()
    assert value(scraped(site.ledger), "escalation_audit_age_seconds") == 0
    site.clock.now += 5 * STEP
    assert value(scraped(site.ledger), "escalation_audit_age_seconds") == 300


def test_quality_assurance_is_told_at_once_beside_the_steps(here: Site) -> None:
    ticket = here.routed("sev2")
    assert here.after(1) == ["0 anna"]
    happened(here.ledger, ticket.id, e.TicketReclassified(gxp="potential"), LEAD)
    assert here.after(16) == ["0 anna", "1 quinn", "15 anna"]


def test_a_raise_begins_anew_and_a_lowering_goes_on(here: Site) -> None:
    ticket = here.routed("sev2")
    here.after(3)
    happened(here.ledger, ticket.id, e.TicketReclassified(severity="sev1"), LEAD)
    assert here.after(10) == ["0 anna", "3 anna", "8 anna"]
    happened(here.ledger, ticket.id, e.TicketReclassified(severity="sev2"), QA)
    assert here.after(20) == ["0 anna", "3 anna", "8 anna", "13 lea"]
    assert here.after(80)[-2:] == ["63 pia", "63 sam"]


def test_a_raise_of_a_ticket_in_work_is_told_again(here: Site) -> None:
    ticket = here.routed("sev3")
    here.after(1)
    happened(here.ledger, ticket.id, e.TicketAcknowledged(), ENGINEER)
    here.after(3)
    happened(here.ledger, ticket.id, e.TicketReclassified(severity="sev1"), LEAD)
    assert here.after(5)[1:] == ["3 anna"]


def test_another_team_means_another_climb(here: Site) -> None:
    ticket = here.routed()
    here.after(6)
    happened(here.ledger, ticket.id, e.TicketRouted(system="erp", team="erp"), LEAD)
    assert here.after(600) == ROUND[:2], "the team erp has no ladder: the handler tells it once"


def test_a_ticket_that_two_teams_gave_back_is_brought_to_the_lead(here: Site) -> None:
    ticket = here.routed("sev3")
    for minute in (2, 4):
        here.after(minute)
        happened(here.ledger, ticket.id, e.TicketReturned(evidence="our side is fine"), ENGINEER)
        here.after(minute + 1)
        happened(here.ledger, ticket.id, e.TicketRouted(system="mes_config", team="mes"), LEAD)
    assert [line for line in here.after(8) if "lea" in line] == ["4 lea"]


def test_a_storm_pages_once(here: Site) -> None:
    parent = here.routed()
    child = submitted(here.ledger)
    happened(here.ledger, child.id, e.TicketGrouped(parent=parent.id), SERVICE)
    happened(here.ledger, child.id, decided("mes_config", "sev1"), SERVICE)
    happened(here.ledger, child.id, e.TicketRouted(system="mes_config", team="mes"), SERVICE)
    assert here.after(29) == ROUND


def test_two_engines_take_each_step_once(site: Site) -> None:
    other = site.another()
    for _ in range(3):
        site.routed()
    for _ in range(25):
        for engine in (other, site.engine, other):
            engine.turn()
        site.clock.now += STEP
    assert sorted(site.told()) == sorted(ROUND * 3)


def test_an_engine_that_was_away_takes_what_was_due_and_tells_nobody_twice(site: Site) -> None:
    site.routed()
    site.settle()
    site.clock.now = BEGIN + timedelta(minutes=12)
    site.engine = site.another()
    site.settle()
    site.settle()
    assert site.told() == ["0 anna", "12 anna", "12 lea"]
    assert site.after(20)[-2:] == ["20 pia", "20 sam"]


def test_what_was_there_before_the_first_engine_is_not_told_anew(tmp_path: Path) -> None:
    site = Site(f"sqlite:///{tmp_path / 'old.db'}", tmp_path)
    with site.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM consumer")
    site.routed()
    assert site.after(30) == []
    site.close()


def audited(site: Site) -> list[tuple[str, ...]]:
    """What the recounts of the whole test have put on record."""
    site.engine.audit()
    return [tuple(entry.data["missed"]) for entry in entries_of(site.ledger) if entry.type == "ClimbsAudited"]


def test_the_auditor_finds_nothing_at_any_minute_of_a_busy_day(here: Site) -> None:
    first, second, third = here.routed(), here.routed("sev2"), here.routed("sev3")
    for minute in range(100):
        here.after(minute)
        assert audited(here) == []
        if minute == 7:
            happened(here.ledger, first.id, e.TicketAcknowledged(), ENGINEER)
        if minute == 12:
            happened(here.ledger, second.id, e.TicketReclassified(severity="sev1"), LEAD)
        if minute == 50:
            happened(here.ledger, third.id, e.TicketReturned(evidence="our side is fine"), ENGINEER)
        here.settle()


@pytest.mark.parametrize(
    "planted",
    [
        "UPDATE escalation_step SET state = 'stopped', settled_at = begun_at WHERE state = 'pending'",
        "DELETE FROM escalation_step WHERE state = 'pending'",
        "DELETE FROM escalation_step WHERE ticket = 'HC-2'",
        "UPDATE escalation_step SET cause = 'another' WHERE state = 'done' AND ticket = 'HC-2'",
    ],
)
def test_the_auditor_finds_a_step_that_was_lost_and_one_that_nobody_was_told_of(here: Site, planted: str) -> None:
    here.routed("sev3")
    here.after(1)
    here.clock.now += STEP
    here.routed()
    here.settle()
    assert audited(here) == []
    with here.database.write() as connection:
        connection.exec_driver_sql(planted)
    here.settle()
    assert audited(here) == [("HC-2",)]
    assert audited(here) == [("HC-2",)], "the same finding is told once"
    assert value(scraped(here.ledger), "escalation_auditor_missed") == 1


def test_the_auditor_finds_a_step_that_is_overdue_and_so_does_the_lag(here: Site) -> None:
    here.routed()
    here.settle()
    here.clock.now += 7 * STEP
    assert audited(here) == [("HC-1",)]
    assert value(scraped(here.ledger), "escalation_lag_seconds") == 120
    here.settle()
    assert audited(here) == [("HC-1",), ()]
    assert value(scraped(here.ledger), "escalation_lag_seconds") == 0


def test_dispatchers_that_are_killed_in_mid_step_lose_no_step_and_take_none_twice(tmp_path: Path, postgres_url: str) -> None:
    """`python -m tests.kill_escalations` kills 200, and looks at how late the next step is."""
    outcome = Campaign(postgres_url, tmp_path, tick=0.1, wait=0.2, chance=Random(5)).run(len(IN_MID_STEP))
    assert set(outcome.points) == set(IN_MID_STEP)
    assert (outcome.lost, outcome.doubled, outcome.strange) == (0, 0, 0)
    assert outcome.most_again <= 1


@contextmanager
def asked_of(site: Site) -> Iterator[list[str]]:
    """The queries that are put to the database."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            found.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(site.database.engine, "before_cursor_execute", note)


def test_a_turn_and_the_audit_ask_as_often_for_many_tickets_as_for_few(here: Site) -> None:
    counts = []
    for tickets in (2, 12):
        for _ in range(tickets):
            here.routed()
        with asked_of(here) as began:
            here.engine.turn()
        here.settle()
        here.clock.now += 5 * STEP
        with asked_of(here) as climbed:
            here.engine.turn()
        here.settle()
        with asked_of(here) as audited:
            here.engine.audit()
        counts.append((len(began), len(climbed), len(audited)))
        here.clock.now += STEP
    assert counts[0] == counts[1]


def test_a_team_with_a_ladder_is_not_told_by_the_handler_too(here: Site) -> None:
    ticket = here.routed()
    requests = Requests(here.teams, lambda entry: None, lambda name: None)
    entry = entries_of(here.ledger, ticket.id)[-1]
    event = e.TicketRouted(system="mes_config", team="mes")
    assert requests.handle([Occurrence(entry, event, ticket_of(here.ledger, ticket.id))]) == [[]]
    assert requests.handle([Occurrence(entry, event, ticket.model_copy(update={"team": "erp"}))]) == [[]], "moot: it is with mes"


def test_rounds_keep_their_distance_and_an_empty_step_only_brings_the_next_forward(here: Site) -> None:
    rungs = here.teams.ladder_of(here.teams.teams["mes"])
    assert rungs is not None
    assert rungs.sev1 is not None
    begun = first(rungs.sev1, BEGIN)
    second = following(rungs.sev1, begun, BEGIN, empty=True)
    assert second == Due(0, 1, BEGIN, BEGIN)
    assert following(rungs.sev1, Due(0, 3, BEGIN, BEGIN), BEGIN, empty=False) == Due(1, 0, BEGIN + 30 * STEP, BEGIN + 30 * STEP)
    assert following(rungs.sev1, Due(2, 3, BEGIN, BEGIN), BEGIN, empty=False) is None
    assert resumed(rungs.sev1, Due(0, 2, BEGIN, BEGIN), BEGIN, 30 * STEP) == Due(0, 2, BEGIN + 20 * STEP, BEGIN + 30 * STEP)
