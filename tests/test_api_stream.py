"""What happens to tickets can be followed: without gap, without double, without holding anybody up."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx2
import pytest
from sqlalchemy import text

from schemas import events as e
from schemas.tickets import Submission
from services.api.desk import Desk
from services.api.stream import Tail, Wanted
from services.db import Database
from services.ledger import Ledger
from services.tickets import submit
from services.web.drain import Drain
from tests.desks import TEAMS, app_of, client_of, refused, serving
from tests.lives import DESK, entries_of, happened, submitted, told

ROUTED = e.TicketRouted(system="plc_scada", team="automation")


class Heard(NamedTuple):
    id: int
    event: str
    data: dict[str, Any]


@contextmanager
def listening(url: str, last: int | None = None, **params: Any) -> Iterator[Iterator[Heard]]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with httpx2.Client(base_url=url, timeout=20) as client, client.stream("GET", "/v1/stream", params=params, headers=headers) as answer:
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield spoken(answer.iter_lines())


def spoken(lines: Iterator[str]) -> Iterator[Heard]:
    """Server-sent events as a browser understands them: comments and events without data are nothing."""
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and "data" in fields:
            yield Heard(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    with serving(app_of(ledger)) as url:
        yield url


def test_an_entry_is_heard_as_it_stands_in_the_ledger(url: str, ledger: Ledger) -> None:
    submitted(ledger)
    with listening(url) as heard:
        ticket = submitted(ledger, title="Zeile\nzwei: größer")
        event = next(heard)
    assert (event.id, event.event) == (2, "TicketSubmitted")
    assert event.data == entries_of(ledger, ticket.id)[0].model_dump(mode="json")


def test_twenty_cuts_cost_no_entry_and_repeat_none(url: str, ledger: Ledger) -> None:
    heard: list[int] = []
    last = 0
    for cut in range(20):
        for _ in range(7):
            submitted(ledger)
        with listening(url, last=last) as events:
            for event in events:
                heard.append(event.id)
                if len(heard) == 5 * (cut + 1):
                    break
        last = heard[-1]
    with listening(url, last=last) as events:
        heard += [next(events).id for _ in range(40)]
    assert heard == list(range(1, 141))


def test_the_last_id_wins_over_the_address_that_a_browser_repeats(url: str, ledger: Ledger) -> None:
    for _ in range(5):
        submitted(ledger)
    with listening(url, after=1) as events:
        assert next(events).id == 2
    with listening(url, last=4, after=1) as events:
        assert next(events).id == 5


def test_one_may_listen_to_a_site_or_a_system_alone(url: str, ledger: Ledger) -> None:
    for site in ("Cork", "Ulm", "Cork", "Ulm"):
        submitted(ledger, site=site)
    happened(ledger, "HC-4", ROUTED)
    with listening(url, after=0, site="Ulm") as events:
        assert [next(events).data["ticket"] for _ in range(3)] == ["HC-2", "HC-4", "HC-4"]
    with listening(url, after=0, system="plc_scada") as events:
        assert [next(events).event for _ in range(2)] == ["TicketSubmitted", "TicketRouted"]


def test_what_is_about_no_ticket_is_not_told(url: str, ledger: Ledger) -> None:
    ledger.write(lambda draft: draft.append(e.DeadLetterDiscarded(letter="x"), DESK)).result()
    submitted(ledger)
    with listening(url, after=0) as events:
        assert next(events).id == 2


def test_what_another_process_writes_is_heard_too(url: str, ledger: Ledger, database: Database) -> None:
    other = Ledger(database)
    with listening(url, after=0) as events:
        submitted(other)
        assert next(events).id == 1
    other.close()


def test_a_listener_who_does_not_read_holds_nobody_up(url: str, ledger: Ledger) -> None:
    long = Submission.model_validate(told(body="x" * 20_000))
    with listening(url, after=0):
        futures = [ledger.write(lambda draft: submit(draft, long, DESK)) for _ in range(1_000)]
        assert futures[-1].result(timeout=60)[0].id == "HC-1000"


def test_the_end_of_the_process_ends_every_stream_at_once(ledger: Ledger) -> None:
    app = app_of(ledger)
    with serving(app) as url, listening(url) as first, listening(url) as second:
        app.state.drain.begin()
        assert (list(first), list(second)) == ([], [])
        assert httpx2.get(f"{url}/readyz").status_code == 503


@pytest.mark.parametrize(
    ("question", "last"), [("after=-1", None), ("after=ten", None), ("site=%00", None), ("sight=Ulm", None), ("", "x"), ("", str(2**63))]
)
def test_a_wrong_question_is_refused_before_the_stream_begins(ledger: Ledger, question: str, last: str | None) -> None:
    with client_of(app_of(ledger)) as client:
        refused(client.get(f"/v1/stream?{question}", headers={} if last is None else {"Last-Event-ID": last}), 422, "invalid")


def test_a_stream_from_now_on_needs_to_know_where_now_is(ledger: Ledger, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE head RENAME TO elsewhere"))
    with client_of(app_of(ledger)) as client:
        refused(client.get("/v1/stream"), 503, "unavailable")


def tail(ledger: Ledger, heartbeat: float, **wanted: Any) -> Tail:
    return Tail(Desk(ledger, TEAMS), Drain(), Wanted(**wanted), wanted.get("after", 0), heartbeat)


async def test_silence_is_told_so_that_proxies_keep_the_line(ledger: Ledger) -> None:
    entries = tail(ledger, heartbeat=0.02).entries()
    assert [await anext(entries) for _ in range(3)] == [None, None, None]
    await asyncio.to_thread(submitted, ledger)
    while (entry := await anext(entries)) is None:
        pass
    assert entry.seq == 1
    await entries.aclose()


async def test_a_stream_outlives_a_database_that_is_away(ledger: Ledger, database: Database) -> None:
    submitted(ledger)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE ticket RENAME TO elsewhere"))
    entries = tail(ledger, heartbeat=0.02, system="plc_scada").entries()
    assert await anext(entries) is None
    with database.write() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO ticket"))
    await asyncio.to_thread(happened, ledger, "HC-1", ROUTED)
    while (entry := await anext(entries)) is None:
        pass
    assert entry.type == "TicketSubmitted"
    await entries.aclose()


async def test_what_was_not_wanted_is_not_looked_at_again(ledger: Ledger) -> None:
    for _ in range(5):
        submitted(ledger)
    following = tail(ledger, heartbeat=0.02, site="Ulm")
    entries = following.entries()
    assert await anext(entries) is None
    assert following.after == 5
    await entries.aclose()


def test_a_listener_who_leaves_in_the_middle_leaves_nothing_behind(url: str, ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    long = Submission.model_validate(told(body="x" * 20_000))
    for _ in range(200):
        ledger.write(lambda draft: submit(draft, long, DESK)).result()
    with listening(url, after=0) as events:
        next(events)
        assert len(ledger._watchers) == 1
    while ledger._watchers:
        submitted(ledger)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
