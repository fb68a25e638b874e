"""A person gets so many pages and no more: the rest comes in one message, a Sev1 never waits, and nothing is lost."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.db import Database
from services.dispatcher.budget import SHIPPED, Allowance, Budget, read_budget
from services.dispatcher.channels import Recorder, Undelivered
from services.dispatcher.leases import due, lease, sent
from services.errors import Misconfigured
from services.ledger import Ledger
from services.links import Links, Seal
from services.oncall.trial import try_reach
from services.settings import load_settings
from services.teams import Teams
from tests.dispatching import HASTY, TEAMS, URL, Watch, asked, decided, outcomes, paged, row_of, sending, settled, until
from tests.lives import DESK, entries_of, happened
from tests.test_dispatcher import queued
from tests.test_incidents import RESOLVED

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEA = "mail:lea@plant.example"
INSTANTS = st.lists(st.integers(-300, 0).map(lambda minutes: NOW + minutes * MINUTE), max_size=30)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def timed(database: Database, watch: Watch) -> Iterator[Ledger]:
    opened = Ledger(database, watch)
    yield opened
    opened.close()


def bundled(ledger: Ledger) -> dict[str, str]:
    """What went out within what."""
    return {entry.data["delivery"]: entry.data["into"] for entry in entries_of(ledger) if entry.type == "NotificationBundled"}


def gone(ledger: Ledger, number: int) -> bool:
    return sum(state == "NotificationSent" for state, _ in outcomes(ledger)) + len(bundled(ledger)) >= number


async def quiet(ledger: Ledger) -> None:
    """Everything that is due has been looked at: what is left is held back."""
    await until(lambda: due(ledger, (), (), 99) == [])


def test_the_shipped_budget_is_three_in_a_quarter_of_an_hour_seven_in_an_hour_fifteen_in_three() -> None:
    assert read_budget(load_settings().page_budget) == SHIPPED
    assert SHIPPED.left([], NOW) == 3
    assert SHIPPED.left([NOW] * 2, NOW) == 1
    assert SHIPPED.free_at([NOW - 2 * MINUTE, NOW, NOW - MINUTE], NOW) == NOW + 13 * MINUTE
    assert SHIPPED.free_at([NOW - 20 * MINUTE] * 7, NOW) == NOW + 40 * MINUTE
    assert SHIPPED.free_at([NOW - 100 * MINUTE] * 15, NOW) == NOW + 80 * MINUTE


@given(INSTANTS)
def test_a_page_is_free_exactly_when_some_are_left(pages: list[datetime]) -> None:
    free = SHIPPED.free_at(pages, NOW)
    assert (free == NOW) is (SHIPPED.left(pages, NOW) != 0)
    assert SHIPPED.left(pages, free) != 0
    assert free == NOW or SHIPPED.left(pages, free - timedelta(seconds=1)) == 0


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_however_pages_come_no_window_ever_holds_more_than_its_allowance(waits: list[int]) -> None:
    at, pages = NOW, list[datetime]()
    for wait in waits:
        at = SHIPPED.free_at(pages, at + timedelta(seconds=wait))
        pages.append(at)
    for each in SHIPPED.allowances:
        assert all(sum(timedelta(0) <= page - first < each.window for page in pages) <= each.pages for first in pages)


@pytest.mark.parametrize(("text", "expected"), [("none", Budget()), ("2/10m", Budget((Allowance(2, 10 * MINUTE),)))])
def test_a_budget_is_read_from_its_setting(text: str, expected: Budget) -> None:
    assert read_budget(text) == expected
    assert Budget().left([NOW] * 99, NOW) is None


@pytest.mark.parametrize("text", ["", " ", "3", "3/15", "0/15m", "3/0m", "3/15m,7/1h", "-1/5m", "1/1m " * 6, "3/15d", "3/٣m"])
def test_a_budget_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(Misconfigured, match="PAGES/TIME such as 3/15m"):
        read_budget(text)


async def test_a_burst_is_two_pages_and_a_third_that_tells_all_the_others(ledger: Ledger) -> None:
    pages = [paged(ledger, target=LEA) for _ in range(10)]
    post = Recorder("mail")
    async with sending(ledger, post, links=Links(URL, Seal(["s" * 32]))):
        await until(lambda: gone(ledger, 10))
    assert [message.delivery_id for message, _ in post.sent] == pages[:3]
    assert bundled(ledger) == dict.fromkeys(pages[3:], pages[2])
    assert {row_of(ledger, page)["state"] for page in pages} == {"sent"}
    last = post.sent[-1][0]
    assert last.title.startswith("[SEV2] +7 HC-3 ")
    lines = last.text.splitlines()
    assert lines[0] == "7 more that waited for you, so that you are not woken for each:"
    assert [line.split()[2] for line in lines[1:8]] == [f"HC-{number}" for number in range(4, 11)]
    assert all(f"{URL}/a/acknowledge." in line for line in lines[1:8])
    assert last.data["bundle"] == [{"delivery": page, "ticket": f"HC-{place}"} for place, page in enumerate(pages[3:], 4)]


async def test_a_test_message_uses_up_no_page_and_goes_by_itself(ledger: Ledger) -> None:
    people = {"lea": {"name": "Lea Ende", "page": [LEA]}}
    teams = Teams.model_validate(TEAMS.model_dump() | {"people": people})
    first, *_ = ledger.write(lambda draft: try_reach(draft, teams, "lea", DESK)).result().deliveries
    pages = [paged(ledger, target=LEA) for _ in range(6)]
    last, *_ = ledger.write(lambda draft: try_reach(draft, teams, "lea", DESK)).result().deliveries
    post = Recorder("mail")
    async with sending(ledger, post):
        await until(lambda: gone(ledger, 8))
    assert [message.delivery_id for message, _ in post.sent] == [first, *pages[:3], last]
    assert bundled(ledger) == dict.fromkeys(pages[3:], pages[2])


async def test_what_comes_after_waits_for_the_window_and_then_comes_in_one_message(timed: Ledger, watch: Watch) -> None:
    post = Recorder("mail")
    async with sending(timed, post):
        await asyncio.to_thread(lambda: [paged(timed, target=LEA) for _ in range(3)])
        await until(lambda: gone(timed, 3))
        later = await asyncio.to_thread(lambda: [paged(timed, target=LEA) for _ in range(4)])
        await quiet(timed)
        assert len(post.sent) == 3
        held = row_of(timed, later[0])
        assert (held["state"], "Held back" in held["error"]) == ("pending", True)
        assert timedelta(minutes=14) < held["due_at"] - watch() < timedelta(minutes=15)
        watch.ahead = 15 * MINUTE
        await until(lambda: gone(timed, 7))
    assert len(post.sent) <= 6
    assert {row_of(timed, page)["state"] for page in later} == {"sent"}


async def test_what_came_within_another_message_does_not_count_against_the_next(timed: Ledger, watch: Watch) -> None:
    for _ in range(12):
        paged(timed, target=LEA)
    post = Recorder("mail")
    async with sending(timed, post):
        await until(lambda: gone(timed, 12))
        woken = len(post.sent)
        watch.ahead = 16 * MINUTE
        page = await asyncio.to_thread(paged, timed, "sev2", LEA)
        await until(lambda: page in post.received)
    assert (woken, len(bundled(timed))) == (3, 9)


async def test_a_sev1_never_waits_and_never_rides_along(ledger: Ledger) -> None:
    for _ in range(3):
        paged(ledger, target=LEA)
    post = Recorder("mail")
    async with sending(ledger, post):
        await until(lambda: gone(ledger, 3))
        held = await asyncio.to_thread(paged, ledger, "sev2", LEA)
        await quiet(ledger)
        grave = await asyncio.to_thread(lambda: [paged(ledger, "sev1", LEA) for _ in range(5)])
        await until(lambda: gone(ledger, 8))
    assert [message.delivery_id for message, _ in post.sent[3:]] == grave
    assert (row_of(ledger, held)["state"], bundled(ledger)) == ("pending", {})


async def test_what_may_be_a_sev1_never_waits(ledger: Ledger) -> None:
    for _ in range(3):
        paged(ledger, target=LEA)
    post = Recorder("mail")
    async with sending(ledger, post):
        await until(lambda: gone(ledger, 3))
        doubtful = await asyncio.to_thread(queued, ledger, decided(severity="sev3", sev1_candidate=True, sev1_risk=0.12))
        page = await asyncio.to_thread(asked, ledger, doubtful, LEA)
        await until(lambda: page in post.received)


async def test_others_of_another_person_and_what_wakes_nobody_are_not_counted(ledger: Ledger) -> None:
    for number in range(6):
        paged(ledger, target=LEA, urgency="notify")
        paged(ledger, target="webhook:https://oncall.example/")
        paged(ledger, target=f"mail:{number}@plant.example")
    post, hook = Recorder("mail"), Recorder("webhook")
    async with sending(ledger, post, hook):
        await settled(ledger, 18)
    assert (len(post.sent), len(hook.sent), bundled(ledger)) == (12, 6, {})


async def test_a_bundle_that_is_refused_loses_nothing_and_is_made_again(ledger: Ledger) -> None:
    pages = [paged(ledger, target=LEA) for _ in range(6)]
    post = Recorder("mail")
    post.refuse(*[Undelivered("busy", retry=True)] * 8)
    async with sending(ledger, post):
        await until(lambda: gone(ledger, 6))
    assert sorted([*post.received, *bundled(ledger)]) == sorted(pages)
    assert set(bundled(ledger).values()) <= {*post.received}


async def test_what_was_ended_while_it_waited_is_withdrawn_and_told_to_nobody(timed: Ledger, watch: Watch) -> None:
    post = Recorder("mail")
    async with sending(timed, post):
        await asyncio.to_thread(lambda: [paged(timed, target=LEA) for _ in range(3)])
        await until(lambda: gone(timed, 3))
        ended, open_one = await asyncio.to_thread(lambda: [paged(timed, target=LEA) for _ in range(2)])
        await quiet(timed)
        await asyncio.to_thread(happened, timed, "HC-4", RESOLVED)
        watch.ahead = 16 * MINUTE
        await until(lambda: row_of(timed, open_one)["state"] == "sent" and row_of(timed, ended)["state"] == "withdrawn")
    assert "HC-4" not in "".join(message.text for message, _ in post.sent[3:])


def test_a_page_that_another_engine_is_sending_counts(ledger_on_each: Ledger) -> None:
    ledger = ledger_on_each
    pages = [paged(ledger, target=LEA) for _ in range(5)]
    taken = [
        ledger.write(partial(lease, candidates=[each], seconds=30.0, addressees=HASTY.addressees)).result()
        for each in due(ledger, (), (), 9)
    ]
    assert [len(each) for each in taken] == [1, 1, 1, 0, 0]
    assert [each.delivery for each in taken[2][0].bundle] == pages[3:]
    ledger.write(partial(sent, done=taken[2][0])).result()
    ledger.write(partial(sent, done=taken[2][0])).result()
    assert bundled(ledger) == dict.fromkeys(pages[3:], pages[2])
