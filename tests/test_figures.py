"""The figures are what the ledger says: read from the tickets for now, folded from the entries for any earlier instant."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from schemas import events as e
from schemas.figures import Figures, Overview
from schemas.tables import TICKETS
from services.api.search import Search, wanted
from services.db import Database, migrate, open_database
from services.errors import Invalid, NotFound
from services.ledger import Ledger
from services.stabilisation import furnish, router
from services.stabilisation.board import SECURITY, STYLE_DIGEST, board
from services.stabilisation.burndown import Movement, burndown_of
from services.stabilisation.figures import durations, figures, overview
from services.stabilisation.markup import Markup, element
from services.stabilisation.progress import Progress
from services.stabilisation.watching import Watch
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.histories import MOVES, Step, check, live, random_steps
from tests.lives import ENGINEER, QA, entries_of, happened, submitted, told

DOCS = Path(__file__).resolve().parent.parent / "docs" / "figures.md"
BEGIN = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="mapped")
STEPS = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(MOVES), st.sampled_from([0.0, 0.25, 61.0, 3_600.0, 40_000.0])), max_size=40)
NUMBERS = count()


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> datetime:
        self.now += timedelta(**span)
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
    """One ledger for many random histories, each at a site of its own."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('figures') / 'hypercare.db'}")
    migrate(database)
    opened = Ledger(database, Clock())
    yield opened
    opened.close()
    database.close()


@pytest.fixture
def client(timed: Ledger) -> TestClient:
    app = create_app([router], SelfNamed())
    furnish(app, timed, Watch(), Progress())
    return TestClient(app)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_figures_of_the_rows_equal_figures_of_the_ledger_and_a_recount(shared: Ledger, steps: list[Step]) -> None:
    site = f"site {next(NUMBERS)}"
    live(shared, site, [(9, MOVES[0], 1.0), *steps])
    now = figures(shared, site)
    assert figures(shared, site, now.as_of) == now
    check(now, [entry for entry in entries_of(shared) if entry.site == site])


@given(STEPS, st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_what_was_known_at_any_instant_equals_a_recount_up_to_it(shared: Ledger, steps: list[Step], share: float) -> None:
    site = f"site {next(NUMBERS)}"
    live(shared, site, [(9, MOVES[0], 1.0), *steps])
    entries = [entry for entry in entries_of(shared) if entry.site == site]
    instant = entries[0].recorded_at + share * (entries[-1].recorded_at - entries[0].recorded_at)
    check(figures(shared, site, instant), entries)


def test_figures_stay_as_they_were_known_then(timed: Ledger, clock: Clock) -> None:
    seen: list[Figures] = []
    for seed in range(12):
        clock.forward(hours=5)
        live(timed, "Cork", random_steps(seed, 12))
        seen.append(figures(timed))
        clock.now = seen[-1].as_of
    assert [figures(timed, None, then.as_of) for then in seen] == seen
    assert len({then.model_dump_json() for then in seen}) == len(seen)


def test_both_databases_give_the_same_figures_and_they_equal_a_recount(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database, Clock())
    live(ledger, "Cork", random_steps(7, 150))
    now = figures(ledger)
    assert figures(ledger, "Cork", now.as_of) == now.model_copy(update={"site": "Cork"})
    check(now, entries_of(ledger))
    ledger.close()
    database.close()


def test_a_row_that_departs_from_the_ledger_is_noticed(timed: Ledger) -> None:
    live(timed, "Cork", [(9, MOVES[0], 60.0), (9, MOVES[0], 60.0)])
    with timed.database.write() as connection:
        connection.execute(update(TICKETS).where(TICKETS.c.id == "HC-1").values(severity="sev4"))
    now = figures(timed)
    assert figures(timed, None, now.as_of) != now
    with pytest.raises(AssertionError):
        check(now, entries_of(timed))


def test_a_ticket_raised_later_was_not_a_sev1_before(timed: Ledger, clock: Clock) -> None:
    ticket = submitted(timed, reported_severity="sev3")
    before = clock.now
    clock.forward(days=2)
    happened(timed, ticket.id, e.TicketReclassified(severity="sev1"), QA)
    assert (figures(timed, "Cork").sev1_open, figures(timed, "Cork", before).sev1_open) == (1, 0)


def test_a_reopened_ticket_is_open_again_and_has_no_resolution_time(timed: Ledger, clock: Clock) -> None:
    ticket = submitted(timed)
    for event in (e.TicketRouted(system="erp", team="erp"), e.TicketAcknowledged(), RESOLVED):
        clock.forward(minutes=10)
        happened(timed, ticket.id, event)
    assert (figures(timed).resolution.all.median, figures(timed).acknowledgement.all.median) == (1800, 1200)
    happened(timed, ticket.id, e.TicketReopened())
    again = figures(timed)
    assert (again.open.total, again.resolution.all.count, again.acknowledgement.all.count, again.reopened) == (1, 0, 1, 1)


def test_a_returned_ticket_is_as_old_in_the_queue_as_its_return(timed: Ledger, clock: Clock) -> None:
    ticket = submitted(timed)
    happened(timed, ticket.id, e.TicketRouted(system="erp", team="erp"))
    clock.forward(days=3)
    happened(timed, ticket.id, e.TicketReturned())
    clock.forward(minutes=4)
    assert figures(timed).triage_queue.model_dump() == {"tickets": 1, "oldest_seconds": 240}


def test_midnight_does_not_count_what_happens_at_midnight() -> None:
    midnight = BEGIN.replace(hour=0, minute=0) + timedelta(days=1)
    moves = [Movement(midnight - timedelta(days=9), 1), Movement(midnight, 1), Movement(midnight + timedelta(seconds=1), -1)]
    course = burndown_of(moves, midnight + timedelta(hours=1))
    assert course.step == "day"
    assert [point.open for point in course.points[-2:]] == [1, 1]
    assert course.points[-2].at == midnight


@pytest.mark.parametrize(("hours", "step", "points"), [(1, "minute", 61), (47, "hour", 49), (24 * 20, "day", 22), (24 * 90, "day", 58)])
def test_the_longer_the_history_the_coarser_the_step(hours: int, step: str, points: int) -> None:
    course = burndown_of([Movement(BEGIN, 1)], BEGIN + timedelta(hours=hours))
    assert (course.step, len(course.points)) == (step, points)


def test_durations_interpolate_between_ranks() -> None:
    assert durations([10, 20, 30, 40]).model_dump() == {"count": 4, "mean": 25, "median": 25, "p90": pytest.approx(37)}
    assert durations([5]).p90 == 5
    assert durations([]).median is None


def test_a_site_without_tickets_is_not_found(timed: Ledger, clock: Clock) -> None:
    submitted(timed)
    with pytest.raises(NotFound, match="GET /v1/figures"):
        figures(timed, "Basel")
    assert figures(timed, "Cork", clock.now - timedelta(days=1)).arrivals.total == 0


def test_the_future_is_not_known(timed: Ledger, clock: Clock) -> None:
    submitted(timed)
    for ask in (lambda at: figures(timed, "Cork", at), lambda at: overview(timed, at)):
        with pytest.raises(Invalid, match="future"):
            ask(clock.now + timedelta(seconds=1))


def test_a_clock_that_goes_back_does_not_take_the_figures_back(timed: Ledger, clock: Clock) -> None:
    submitted(timed)
    recorded = clock.now
    clock.forward(hours=-3)
    assert figures(timed).as_of == recorded


def test_the_overview_sums_its_sites(timed: Ledger) -> None:
    for seed, site in enumerate(("Graz", "Basel", "Cork/Line 1")):
        live(timed, site, random_steps(seed, 40))
    found = overview(timed)
    assert [summary.site for summary in found.sites] == ["Basel", "Cork/Line 1", "Graz"]
    assert sum(summary.open for summary in found.sites) == found.figures.open.total
    for summary in found.sites:
        own = figures(timed, summary.site)
        assert summary.model_dump(exclude={"site"}) == {
            "open": own.open.total,
            "sev1_open": own.sev1_open,
            "triage_queue": own.triage_queue.tickets,
            "oldest_seconds": own.open.oldest_seconds,
        }


def test_the_api_tells_the_figures(client: TestClient, timed: Ledger, clock: Clock) -> None:
    live(timed, "Cork/Line 1", random_steps(3, 60))
    answer = client.get("/v1/sites/Cork%2FLine%201/figures")
    assert Figures.model_validate(answer.json()) == figures(timed, "Cork/Line 1")
    assert Overview.model_validate(client.get("/v1/figures").json()) == overview(timed)
    earlier = client.get("/v1/figures", params={"as_of": clock.now.isoformat()})
    assert earlier.json()["figures"]["as_of"] == "2026-03-01T22:30:00Z"


@pytest.mark.parametrize("path", ["/v1/sites/Basel/figures", "/board?site=Basel"])
def test_a_site_without_tickets_is_a_problem_that_says_where_to_look(client: TestClient, timed: Ledger, path: str) -> None:
    submitted(timed)
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "GET /v1/figures" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/figures?as_of=yesterday",
        "/v1/figures?as_of=2026-03-01T00:00:00",
        "/v1/figures?as_of=0001-01-01T00:00:00%2B14:00",
        "/board?site=%00",
        "/v1/sites/%00/figures",
    ],
)
def test_odd_questions_are_refused_before_the_database_sees_them(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


def test_every_figure_is_defined_in_the_documentation() -> None:
    defined = set(re.findall(r"`([a-z0-9_.]+)`", DOCS.read_text("utf-8")))
    assert set(Figures.model_fields) - defined == set()


class Links(HTMLParser):
    """The text of every link, by its address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._address: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._address = dict(attrs).get("href") if tag == "a" else None

    def handle_data(self, data: str) -> None:
        if self._address:
            self.found.append((self._address, data))
            self._address = None


def test_every_number_of_the_board_leads_to_just_as_many_tickets(timed: Ledger) -> None:
    live(timed, "Cork", random_steps(1, 120))
    live(timed, "Basel & Söhne", random_steps(2, 120))
    followed = 0
    for site in (None, "Cork", "Basel & Söhne"):
        for address, text in Links(board(timed, site, True)).found:
            parts = urlsplit(address)
            if parts.path == "/v1/tickets":
                assert _tickets_behind(timed, parse_qs(parts.query)) == int(text), address
                followed += 1
    assert followed > 80


def _tickets_behind(ledger: Ledger, filters: dict[str, list[str]]) -> int:
    """As GET /v1/tickets understands the address."""
    search = Search.model_validate({name: values if name == "state" else values[0] for name, values in filters.items()})
    with ledger.database.read() as connection:
        return len(connection.execute(wanted(search).limit(None)).all())


def test_the_board_takes_nothing_from_elsewhere_and_runs_nothing(client: TestClient, timed: Ledger) -> None:
    submitted(timed)
    page = client.get("/board")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert f"sha256-{STYLE_DIGEST}" in SECURITY["content-security-policy"]
    assert not re.search(r"<script|\ssrc=|https?://|@import|\son[a-z]+=|\sstyle=", page.text)


def test_the_board_escapes_what_people_wrote(timed: Ledger) -> None:
    submitted(timed, site="<script>alert('&')</script>")
    for page in (board(timed, None, True), board(timed, "<script>alert('&')</script>", True)):
        assert "<script" not in page
        assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in page


def test_only_what_is_markup_already_stays_as_it_is() -> None:
    assert element("p", "<b>", Markup("<i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i></p>'


def test_the_board_renews_itself_unless_told_not_to(client: TestClient, timed: Ledger) -> None:
    submitted(timed)
    assert 'http-equiv="refresh" content="10"' in client.get("/board").text
    still = client.get("/board?refresh=false&site=Cork").text
    assert "http-equiv" not in still
    assert "refresh=false" in dict(Links(still).found)["/board?refresh=false"] or "All sites" in still


def test_the_board_says_that_a_sev1_is_open(timed: Ledger) -> None:
    ticket = submitted(timed, reported_severity="sev1")
    assert board(timed, "Cork", True).count('class="alarm"') == 2
    happened(timed, ticket.id, e.TicketRouted(system="erp", team="erp"))
    happened(timed, ticket.id, e.TicketAcknowledged(), ENGINEER)
    assert board(timed, "Cork", True).count('class="alarm"') == 1


def test_a_board_without_tickets_is_a_page_too(timed: Ledger) -> None:
    assert "Stabilisation: all sites" in board(timed, None, True)


def test_figures_survive_the_way_through_json(timed: Ledger) -> None:
    live(timed, "Cork", random_steps(5, 50))
    now = figures(timed)
    assert Figures.model_validate(json.loads(now.model_dump_json())) == now
    assert told().site in [summary.site for summary in overview(timed).sites]
