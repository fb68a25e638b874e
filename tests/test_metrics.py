"""What Prometheus scrapes is what the database says, in bounded series."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import event, insert

from schemas import events as e
from schemas.figures import GRADES
from schemas.tables import CONSUMERS, DELIVERIES, HANDLED, LETTERS
from schemas.words import OPEN_STATES
from services.db import Database, migrate, open_database
from services.deliveries import AGAIN
from services.ledger import Draft, Ledger
from services.stabilisation import furnish, metrics_router
from services.stabilisation.census import ACKNOWLEDGED_WITHIN, RESOLVED_WITHIN
from services.stabilisation.figures import figures
from services.stabilisation.metrics import METRICS, Histogram, Metric, Metrics, registry
from services.stabilisation.progress import Progress
from services.stabilisation.pulse import Pulse
from services.stabilisation.scrape import MOST_SITES, MOST_SYSTEMS
from services.stabilisation.watching import Watch
from services.tickets import record, submit
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.histories import MOVES, Step, live, random_steps
from tests.lives import DESK, ENGINEER, QA, entries_of, happened, submitted, told
from tests.scrapes import Series, scraped, summed, value
from tests.streams import calm, decided

BEGIN = datetime(2026, 3, 1, 6, tzinfo=UTC)
DOCS = Path(__file__).resolve().parent.parent / "docs" / "figures.md"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
STEPS = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(MOVES), st.sampled_from([0.0, 150.0, 300.0, 7_000.0])), max_size=40)
NUMBERS = count()


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(database: Database, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger(database, clock)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'hypercare.db'}")
    migrate(database)
    opened = Ledger(database, Clock())
    yield opened
    opened.close()
    database.close()


def largest(series: Series, name: str) -> float:
    return max(number for (key, _), number in series.items() if key == f"hypercare_{name}")


@given(STEPS)
@settings(max_examples=50, deadline=None)
def test_the_series_equal_the_figures_and_the_ledger(shared: Ledger, steps: list[Step]) -> None:
    live(shared, f"site {next(NUMBERS) % 7}", [(9, MOVES[0], 1.0), *steps])
    series, now = scraped(shared), figures(shared)
    for grade, row in now.open.by_severity_and_state.items():
        for state, number in row.items():
            assert summed(series, "tickets_open", severity=grade, state=state) == number
    for system, number in now.open.by_system.items():
        assert summed(series, "tickets_open", system=system) == number
    assert summed(series, "tickets_submitted_total") == now.arrivals.total
    assert summed(series, "triage_queue_tickets") == now.triage_queue.tickets
    assert largest(series, "triage_queue_oldest_seconds") == (now.triage_queue.oldest_seconds or 0)
    assert (largest(series, "sev1_unacknowledged_oldest_seconds") > 0) <= (now.sev1_unacknowledged > 0)
    assert value(series, "ledger_head_seq") == now.ledger_seq
    _check_buckets(shared)


def test_both_databases_give_the_same_series(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database, Clock())
    live(ledger, "Cork", random_steps(4, 200))
    live(ledger, "Basel", random_steps(5, 200))
    _check_buckets(ledger)
    series = scraped(ledger)
    assert summed(series, "tickets_open") == figures(ledger).open.total > 0
    ledger.close()
    database.close()


def _check_buckets(ledger: Ledger) -> None:
    """Against the durations that the ledger's entries tell, ticket by ticket."""
    series = scraped(ledger)
    submitted_at = {entry.ticket: entry.recorded_at for entry in entries_of(ledger) if entry.type == "TicketSubmitted"}
    acknowledged: dict[str | None, float] = {}
    resolved: dict[str | None, float] = {}
    for entry in entries_of(ledger):
        since = (entry.recorded_at - submitted_at[entry.ticket]).total_seconds()
        if entry.type == "TicketAcknowledged":
            acknowledged.setdefault(entry.ticket, since)
        if entry.type == "TicketResolved":
            resolved[entry.ticket] = since
        if entry.type == "TicketReopened":
            del resolved[entry.ticket]
    for name, taken, thresholds in (("acknowledgement", acknowledged, ACKNOWLEDGED_WITHIN), ("resolution", resolved, RESOLVED_WITHIN)):
        for threshold in thresholds:
            within = sum(seconds <= threshold for seconds in taken.values())
            assert summed(series, f"ticket_{name}_seconds_bucket", le=str(float(threshold))) == within
        assert summed(series, f"ticket_{name}_seconds_count") == summed(series, f"ticket_{name}_seconds_bucket", le="+Inf") == len(taken)
        assert summed(series, f"ticket_{name}_seconds_sum") == pytest.approx(sum(taken.values()))


@pytest.mark.parametrize(("late", "within"), [(timedelta(0), 1), (timedelta(microseconds=1), 0)])
def test_a_threshold_is_met_or_missed_to_the_microsecond(timed: Ledger, clock: Clock, late: timedelta, within: int) -> None:
    clock.now = BEGIN.replace(microsecond=999_700)
    ticket = submitted(timed)
    happened(timed, ticket.id, e.TicketRouted(system="erp", team="erp"))
    clock.now += timedelta(seconds=300) + late
    happened(timed, ticket.id, e.TicketAcknowledged())
    assert summed(scraped(timed), "ticket_acknowledgement_seconds_bucket", le="300.0") == within


def test_every_severity_and_state_is_there_from_the_first_ticket_on(timed: Ledger) -> None:
    submitted(timed)
    series = scraped(timed)
    cells = [dict(labels) for name, labels in series if name == "hypercare_tickets_open"]
    assert {(cell["severity"], cell["state"]) for cell in cells} == {(grade, state) for grade in GRADES for state in OPEN_STATES}
    assert len(cells) == len(GRADES) * len(OPEN_STATES)
    for kind in ("record", "event", "delivery"):
        assert value(series, "dead_letters", kind=kind) == 0


def test_an_empty_database_has_its_pipeline_series(timed: Ledger) -> None:
    series = scraped(timed)
    assert value(series, "ledger_head_seq") == value(series, "undecided_oldest_seconds") == 0
    assert not any("relay" in name for name, _ in series)


def test_a_label_bomb_does_not_make_series(timed: Ledger) -> None:
    def bomb(draft: Draft) -> None:
        for number in range(2_000):
            ticket, _ = submit(draft, told(site=f"site {number}"), DESK)
            record(draft, ticket.id, e.TicketRouted(system=f"system-{number % 100}", team="it"), ENGINEER)

    live(timed, "Cork", [(9, MOVES[0], 1.0)])
    timed.write(bomb).result()
    series = scraped(timed)
    sites = {dict(labels)["site"] for name, labels in series if name == "hypercare_tickets_open"}
    systems = {dict(labels)["system"] for name, labels in series if name == "hypercare_tickets_open"}
    assert (len(sites), len(systems)) == (MOST_SITES + 1, MOST_SYSTEMS + 2)
    assert {"Cork", "other"} <= sites
    assert summed(series, "tickets_open") == summed(series, "tickets_submitted_total") == 2_001
    assert value(series, "tickets_submitted_total", site="other") == 2_001 - MOST_SITES


def test_a_sev1_ages_until_somebody_has_it_in_work_and_again_from_its_reopening(timed: Ledger, clock: Clock) -> None:
    ages = []
    ticket = submitted(timed, reported_severity="sev1")
    clock.now += timedelta(minutes=7)
    ages.append(value(scraped(timed), "sev1_unacknowledged_oldest_seconds", site="Cork"))
    for change in (
        e.TicketRouted(system="erp", team="erp"), e.TicketAcknowledged(),
        e.TicketResolved(cause_system="erp", cause_class="device", resolution="swapped"), e.TicketReopened(),
    ):  # fmt: skip
        happened(timed, ticket.id, change)
        clock.now += timedelta(minutes=1)
        ages.append(value(scraped(timed), "sev1_unacknowledged_oldest_seconds", site="Cork"))
    assert ages == [420, 480, 0, 0, 60]


def test_a_consumer_lags_by_what_it_listens_to_and_has_not_handled(timed: Ledger) -> None:
    for _ in range(3):
        submitted(timed)
    first, second, _ = entries_of(timed)
    with timed.database.write() as connection:
        connection.execute(insert(CONSUMERS), [{"name": "classifier", "listens_to": ["TicketSubmitted"], "position": 0}])
        for entry, note in ((first, None), (second, AGAIN)):
            row = {"consumer": "classifier", "event": entry.id, "handled_at": BEGIN, "note": note}
            connection.execute(insert(HANDLED), [row])
    assert value(scraped(timed), "consumer_lag_events", consumer="classifier") == 2


def test_the_relay_lags_by_entries_and_by_the_age_of_the_oldest(timed: Ledger, clock: Clock) -> None:
    for _ in range(4):
        submitted(timed)
        clock.now += timedelta(seconds=30)
    with timed.database.write() as connection:
        connection.execute(insert(CONSUMERS), [{"name": "relay", "listens_to": [], "position": 1}])
    series = scraped(timed)
    assert (value(series, "relay_lag_events"), value(series, "relay_lag_seconds")) == (3, 90)
    assert not [labels for name, labels in series if name == "hypercare_consumer_lag_events"]


def test_a_relay_that_is_up_to_date_does_not_lag(timed: Ledger) -> None:
    submitted(timed)
    with timed.database.write() as connection:
        connection.execute(insert(CONSUMERS), [{"name": "relay", "listens_to": [], "position": 1}])
    series = scraped(timed)
    assert value(series, "relay_lag_events") == value(series, "relay_lag_seconds") == 0


def test_deliveries_and_dead_letters_are_counted_by_what_became_of_them(timed: Ledger, clock: Clock) -> None:
    ticket = submitted(timed)
    for number in range(3):
        happened(timed, ticket.id, e.NotificationRequested(delivery=f"d{number}", channel="mail", address="it@example.org", urgency="page"))
        clock.now += timedelta(seconds=20)
    happened(timed, ticket.id, e.NotificationSent(delivery="d0", attempts=1))
    happened(timed, ticket.id, e.NotificationFailed(delivery="d1", attempts=9, error="refused"))
    series = scraped(timed)
    assert [value(series, "deliveries", channel="mail", state=state) for state in ("pending", "leased", "sent", "dead")] == [1, 0, 1, 1]
    assert value(series, "delivery_oldest_pending_seconds") == 20
    assert value(series, "dead_letters", kind="delivery") == 1
    assert {DELIVERIES.name, LETTERS.name} == {"delivery", "dead_letter"}


def test_a_restart_changes_no_value(timed: Ledger, clock: Clock) -> None:
    live(timed, "Cork", random_steps(11, 80))
    before = scraped(timed)
    again = Ledger(open_database(str(timed.database.engine.url)), clock)
    assert scraped(again) == before
    again.close()
    again.database.close()


def test_a_scrape_is_a_score_of_queries_whatever_the_number_of_sites(timed: Ledger) -> None:
    seen: list[str] = []
    event.listen(timed.database.engine, "before_cursor_execute", lambda *given_arguments: seen.append(given_arguments[2]))
    for number in (1, 30):
        for site in range(number):
            submitted(timed, site=f"site {site}")
        seen.clear()
        scraped(timed)
        assert len([statement for statement in seen if statement.startswith(("SELECT", "WITH"))]) <= 20


def test_openmetrics_is_spoken_where_it_is_asked_for(timed: Ledger) -> None:
    app = create_app([metrics_router], SelfNamed())
    furnish(app, timed, Watch(), Progress())
    client = TestClient(app)
    submitted(timed, site='Cork "A" \\ north\nline')
    plain, modern = client.get("/metrics"), client.get("/metrics", headers={"accept": OPENMETRICS})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")
    assert r'site="Cork \"A\" \\ north\nline"' in plain.text


def test_a_metric_is_one_line_of_the_table(timed: Ledger) -> None:
    answers = Metric("hypercare_answers", "Answers.", ("kind",), lambda scrape: [(("all",), scrape.head.seq + 42.0)])
    own = CollectorRegistry()
    own.register(Metrics(timed, Watch(), Pulse(Progress()), (answers,)))
    assert b'hypercare_answers{kind="all"} 42.0' in generate_latest(own)


def test_every_metric_is_in_the_documentation_with_its_labels() -> None:
    text = DOCS.read_text("utf-8")
    for metric in METRICS:
        assert f"| `{metric.name}` | {', '.join(metric.labels)} |".replace("|  |", "| |") in text


def test_names_say_their_unit_and_kind() -> None:
    for metric in METRICS:
        assert metric.name.startswith("hypercare_")
        assert not set(metric.labels) & {"ticket", "actor", "title", "reporter"}
        if isinstance(metric, Histogram):
            assert metric.name.endswith("_seconds")


@pytest.mark.skipif(not shutil.which("promtool"), reason="NOT RUN: promtool is missing (Debian package prometheus)")
@pytest.mark.parametrize("name", ["hypercare_things_open", "hypercare_age_milliseconds"])
def test_promtool_finds_nothing_to_mend(timed: Ledger, name: str) -> None:
    live(timed, "Cork", random_steps(2, 60))
    happened(timed, submitted(timed).id, e.TicketReclassified(severity="sev2"), QA)
    decided(timed, calm(3, 420))
    text = generate_latest(registry(Metrics(timed, Watch(), Pulse(Progress()))))
    assert _promtool(text) == ""
    assert _promtool(text + f"# TYPE {name} counter\n{name} 1\n".encode()) != ""


def _promtool(text: bytes) -> str:
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30, check=False)
    return (done.stdout + done.stderr).decode()
