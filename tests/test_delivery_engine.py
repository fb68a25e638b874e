"""Every delivery reaches its target under one id, whatever breaks: targets, channels, processes, the database, or two engines at once."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial

import pytest

from schemas import events as e
from services.db import Database, migrate, open_database
from services.deliveries import replay
from services.dispatcher import Engine, Pace
from services.dispatcher.channels import Recorder, Undelivered, WebhookSettings, open_channels
from services.dispatcher.leases import Candidate, Lease, due, lease, sent, undelivered
from services.dispatcher.slots import LONGEST_REST, Slots
from services.errors import Unavailable
from services.faults import EXIT_STATUS
from services.ledger import Ledger
from services.links import Links
from tests.databases import fresh_database, running_postgres
from tests.dispatching import HASTY, URL, Gate, Watch, asked, letter_of, outcomes, paged, routed, row_of, sending, settled, states, until
from tests.lives import DESK, ENGINEER, entries_of, happened
from tests.sinks import Sink, TarPit, never, status

SECRET = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"
BUSY = Undelivered("The receiver answered 503.", retry=True)
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown how")


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def timed(database: Database, watch: Watch) -> Iterator[Ledger]:
    with another(database, watch) as opened:
        yield opened


@contextmanager
def another(database: Database, watch: Watch) -> Iterator[Ledger]:
    """A ledger as a second process has it."""
    opened = Ledger(database, watch)
    yield opened
    opened.close()


def webhooks(*urls: str) -> WebhookSettings:
    return WebhookSettings({url: [SECRET] for url in urls}, ["127.0.0.0/8"])


async def test_a_due_delivery_is_sent_once_and_recorded(ledger: Ledger) -> None:
    pager = Recorder("pager")
    async with sending(ledger, pager):
        first = await asyncio.to_thread(paged, ledger)
        await settled(ledger)
        second = await asyncio.to_thread(paged, ledger)
        await settled(ledger, 2)
    assert [message.delivery_id for message, _ in pager.sent] == [first, second]
    assert outcomes(ledger) == [("NotificationSent", first), ("NotificationSent", second)]
    recorded = entries_of(ledger)[-1]
    assert (recorded.actor, recorded.data["attempts"]) == ("service:dispatcher", 1)
    assert recorded.cause == row_of(ledger, second)["cause"]


DYING = """
import asyncio, sys
from services.db import open_database
from services.dispatcher import Engine
from services.dispatcher.channels import WebhookSettings, open_channels
from services.ledger import Ledger
from services.links import Links

database, url, secret, fault = sys.argv[1:]
channels = open_channels(WebhookSettings({url: [secret]}, ["127.0.0.0/8"]))
asyncio.run(Engine(Ledger(open_database(database)), channels, Links("http://127.0.0.1:8000"), fault=fault).run())
"""


@pytest.mark.parametrize(("fault", "requests"), [("dispatcher-before-send", 1), ("dispatcher-after-send", 2)])
async def test_a_killed_engines_delivery_is_sent_under_the_same_id_when_its_lease_has_run_out(
    timed: Ledger, watch: Watch, fault: str, requests: int
) -> None:
    with Sink() as sink:
        identity = paged(timed, target=f"webhook:{sink.url}")
        command = [sys.executable, "-c", DYING, str(timed.database.engine.url), sink.url, SECRET, fault]
        assert (await asyncio.to_thread(subprocess.run, command, timeout=60, check=False)).returncode == EXIT_STATUS
        assert row_of(timed, identity)["state"] == "leased"
        watch.ahead = timedelta(seconds=20)
        assert due(timed, (), (), 9) == [], "a live lease was up for the taking"
        watch.ahead = timedelta(seconds=40)
        async with sending(timed, *open_channels(webhooks(sink.url)).values()):
            await settled(timed)
        assert [request.headers["webhook-id"] for request in sink.received] == [identity] * requests
    assert row_of(timed, identity)["attempts"] == 2


async def test_an_engine_that_slept_through_its_lease_finds_the_delivery_sent_by_another(timed: Ledger, watch: Watch) -> None:
    identity = paged(timed)
    gate, pager = Gate(), Recorder("pager")
    with another(timed.database, watch) as other:
        async with sending(timed, gate):
            await gate.arrival()
            watch.ahead = timedelta(seconds=31)
            async with sending(other, pager):
                await settled(timed)
            gate.opened.set()
    assert (gate.passed, list(pager.received)) == ([identity], [identity])
    assert outcomes(timed) == [("NotificationSent", identity)]


def leased(ledger: Ledger, candidate: Candidate) -> list[Lease]:
    return ledger.write(lambda draft: lease(draft, [candidate], 30.0)).result()


def test_a_live_lease_is_never_taken(timed: Ledger, watch: Watch) -> None:
    paged(timed)
    (candidate,) = due(timed, (), (), 9)
    with another(timed.database, watch) as other:
        assert len(leased(timed, candidate)) == 1
        assert (leased(other, candidate), due(other, (), (), 9)) == ([], []), "both had read it as due"
        watch.ahead = timedelta(seconds=31)
        assert [each.row["attempts"] for each in leased(other, candidate)] == [2]


def test_what_an_engine_says_after_its_lease_was_lost_counts_only_if_it_is_good_news(timed: Ledger, watch: Watch) -> None:
    identity = paged(timed)
    (candidate,) = due(timed, (), (), 9)
    (lost,) = leased(timed, candidate)
    watch.ahead = timedelta(seconds=31)
    (live,) = leased(timed, candidate)
    before = row_of(timed, identity)
    for refused in (BUSY, Undelivered("no", retry=False)):
        timed.write(partial(undelivered, done=lost, refused=refused, pace=HASTY, wait=0.0)).result()
    assert row_of(timed, identity) == before
    for done in (lost, live, live):
        timed.write(partial(sent, done=done)).result()
    assert outcomes(timed) == [("NotificationSent", identity)]


async def test_a_failing_target_is_tried_again_until_it_takes_the_message(ledger: Ledger) -> None:
    identity = paged(ledger)
    pager = Recorder("pager")
    pager.refuse(BUSY, BUSY, BUSY)
    async with sending(ledger, pager):
        await settled(ledger)
    assert list(pager.received) == [identity]
    assert (row_of(ledger, identity)["state"], row_of(ledger, identity)["attempts"]) == ("sent", 4)


def test_waits_grow_from_five_seconds_to_five_minutes_with_full_jitter() -> None:
    pace = Pace(draw=lambda: 1.0)
    assert [pace.wait(attempts, None) for attempts in (1, 2, 3, 7, 99)] == [5.0, 10.0, 20.0, 300.0, 300.0]
    assert [Pace(draw=lambda: 0.0).wait(attempts, None) for attempts in (1, 9)] == [0.0, 0.0]
    assert (pace.wait(1, 60.0), pace.wait(3, 1.0)) == (60.0, 20.0)


async def test_a_target_that_asks_for_time_gets_it(timed: Ledger, watch: Watch) -> None:
    identity = paged(timed)
    pager = Recorder("pager")
    pager.refuse(Undelivered("answered 429", retry=True, retry_after=600.0))
    async with sending(timed, pager):
        await until(lambda: row_of(timed, identity)["error"] == "answered 429")
        assert row_of(timed, identity)["due_at"] - watch() > timedelta(seconds=500)
        watch.ahead = timedelta(seconds=601)
    async with sending(timed, pager):
        await settled(timed)
    assert list(pager.received) == [identity]


async def test_what_fails_for_a_day_is_given_up_and_can_be_sent_again_by_a_person(timed: Ledger, watch: Watch) -> None:
    identity = paged(timed)
    pager = Recorder("pager")
    pager.refuse(*[BUSY] * 10_000)
    async with sending(timed, pager):
        await until(lambda: row_of(timed, identity)["attempts"] > 2)
        assert outcomes(timed) == []
        watch.ahead = timedelta(hours=24)
        await settled(timed)
    assert outcomes(timed) == [("NotificationFailed", identity)]
    assert "Given up after" in letter_of(timed, identity)["error"]
    assert "answered 503" in letter_of(timed, identity)["error"]
    mended = Recorder("pager")
    mended.refuse(BUSY)
    async with sending(timed, mended):
        await asyncio.wrap_future(timed.write(lambda draft: replay(draft, identity, DESK)))
        await settled(timed, 2)
    assert list(mended.received) == [identity]
    assert outcomes(timed)[-1] == ("NotificationSent", identity)


@pytest.mark.parametrize(
    ("code", "told"), [(410, "wants no more messages"), (400, "would do so again"), (302, "redirects are not followed")]
)
async def test_a_target_that_will_never_take_it_is_a_dead_letter_at_once(ledger: Ledger, code: int, told: str) -> None:
    with Sink() as sink:
        sink.reply(status(code))
        identity = paged(ledger, target=f"webhook:{sink.url}")
        async with sending(ledger, *open_channels(webhooks(sink.url)).values()):
            await settled(ledger)
        assert len(sink.received) == 1
    letter = letter_of(ledger, identity)
    assert (letter["state"], row_of(ledger, identity)["attempts"]) == ("waiting", 1)
    assert told in letter["error"]


async def test_a_channel_that_is_not_set_up_is_a_dead_letter_that_says_so(ledger: Ledger) -> None:
    identity = paged(ledger, target="sms:+353871234567")
    async with sending(ledger, Recorder("pager")):
        await settled(ledger)
    assert letter_of(ledger, identity)["error"] == "There is no channel sms here (there are: pager); set it up or correct the teams file."


async def test_a_channel_that_breaks_its_promise_is_tried_again_and_harms_no_other(ledger: Ledger) -> None:
    class Broken(Recorder):
        calls = 0

        def send(self, message: object, address: str) -> None:
            self.calls += 1
            if self.calls == 1:
                raise ZeroDivisionError
            super().send(message, address)  # type: ignore[arg-type]

    broken, desk = Broken("pager"), Recorder("desk")
    first, second = paged(ledger), paged(ledger, target="desk:erp")
    async with sending(ledger, broken, desk):
        await settled(ledger, 2)
    assert (list(broken.received), list(desk.received)) == ([first], [second])
    assert row_of(ledger, first)["attempts"] == 2


async def test_twenty_tar_pits_delay_no_healthy_target_beyond_five_seconds(ledger: Ledger) -> None:
    with TarPit() as pit, Sink() as stuck, Sink() as healthy:
        stuck.reply(*[never] * 10)
        slow = [f"http://127.0.0.1:{pit.port}/{place}" for place in range(10)] + [f"{stuck.url}/{place}" for place in range(10)]
        for url in slow * 3:
            paged(ledger, "sev1", f"webhook:{url}")
        identity = paged(ledger, "sev4", f"webhook:{healthy.url}", "notify")
        begun = time.monotonic()
        async with sending(ledger, *open_channels(webhooks(healthy.url, *slow)).values(), pace=Pace(drain=0.0)):
            assert (await asyncio.to_thread(healthy.wait_for, 1))[0].headers["webhook-id"] == identity
            assert time.monotonic() - begun < 5.0
            await settled(ledger)
            assert outcomes(ledger) == [("NotificationSent", identity)]
        assert states(ledger).count("leased") == 20, "each tar pit holds one slot, not three"


def test_failing_targets_get_half_of_the_slots_and_one_channel_three_quarters() -> None:
    slots = Slots(8)
    for place in range(6):
        slots.failed(("webhook", f"bad {place}"), now=0.0, rest=1.0)
    assert not slots.take(("webhook", "bad 0"), now=0.5), "it rests"
    assert [slots.take(("webhook", f"bad {place}"), now=2.0) for place in range(6)] == [True] * 4 + [False] * 2
    assert [slots.take(("webhook", f"good {place}"), now=2.0) for place in range(3)] == [True, True, False]
    assert [slots.take(("mail", f"{place}"), now=2.0) for place in range(3)] == [True, True, False]
    slots.give_back(("webhook", "bad 0"))
    slots.succeeded(("webhook", "bad 0"))
    assert [slots.take(("mail", "again"), now=2.0), slots.left] == [True, 0]


def test_a_target_has_one_send_at_a_time_and_rests_no_longer_than_half_a_minute() -> None:
    slots = Slots()
    assert [slots.take(("mail", "lea"), 0.0), slots.take(("mail", "lea"), 0.0)] == [True, False]
    slots.give_back(("mail", "lea"))
    slots.failed(("mail", "lea"), now=0.0, rest=300.0)
    assert [slots.take(("mail", "lea"), LONGEST_REST - 1), slots.take(("mail", "lea"), LONGEST_REST)] == [False, True]


async def test_in_a_storm_sev1_pages_go_first_then_pages_then_the_oldest(ledger: Ledger) -> None:
    notes = [paged(ledger, "sev1", urgency="notify"), *(paged(ledger, "sev3", urgency="notify") for _ in range(20))]
    pages = [paged(ledger, "sev2"), paged(ledger, "sev2")]
    gravest = [paged(ledger, "sev1"), paged(ledger, "sev1")]
    pager = Recorder("pager")
    async with sending(ledger, pager):
        await settled(ledger, 25)
    assert [message.delivery_id for message, _ in pager.sent] == gravest + pages + notes


@pytest.mark.parametrize("event", [RESOLVED, e.TicketCancelled()])
async def test_a_page_for_a_ticket_that_is_ended_is_withdrawn(ledger: Ledger, event: e.Event) -> None:
    ticket = routed(ledger, "sev1")
    identity = asked(ledger, ticket)
    happened(ledger, ticket.id, event)
    pager = Recorder("pager")
    async with sending(ledger, pager):
        await settled(ledger)
    assert (outcomes(ledger), pager.sent) == ([("NotificationWithdrawn", identity)], [])
    assert row_of(ledger, identity)["error"] in ("HC-1 is resolved", "HC-1 is cancelled")


async def test_a_page_to_a_team_that_the_ticket_has_left_is_withdrawn(ledger: Ledger) -> None:
    ticket = routed(ledger, "sev1")
    stale = asked(ledger, ticket)
    happened(ledger, ticket.id, e.TicketRouted(system="lims", team="lab"), ENGINEER)
    fresh = asked(ledger, ticket, "pager:lab")
    async with sending(ledger, Recorder("pager")):
        await settled(ledger, 2)
        next_one = await asyncio.to_thread(paged, ledger)
        await settled(ledger, 3)
    assert set(outcomes(ledger)) == {("NotificationWithdrawn", stale), ("NotificationSent", fresh), ("NotificationSent", next_one)}
    assert row_of(ledger, stale)["error"] == "HC-1 is no longer with erp"


async def test_an_engine_that_ends_records_what_it_was_sending_and_begins_nothing_new(ledger: Ledger) -> None:
    first, second = paged(ledger), paged(ledger)
    gate = Gate()
    task = asyncio.create_task(Engine(ledger, {"pager": gate}, Links(URL), HASTY).run())
    await gate.arrival()
    task.cancel()
    gate.opened.set()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert outcomes(ledger) == [("NotificationSent", first)]
    assert row_of(ledger, second)["state"] == "pending"


async def test_two_engines_on_one_postgresql_send_each_delivery_once(postgres_url: str) -> None:
    pagers = [Recorder("pager"), Recorder("pager")]
    with ExitStack() as stack:
        ledgers = [stack.enter_context(another(stack.enter_context(on(postgres_url)), Watch())) for _ in pagers]
        wanted = {paged(ledgers[0], target=f"pager:{place % 10}") for place in range(60)}
        async with sending(ledgers[0], pagers[0]), sending(ledgers[1], pagers[1]):
            await settled(ledgers[0], 60)
        assert {identity for what, identity in outcomes(ledgers[0]) if what == "NotificationSent"} == wanted
        assert sorted(message.delivery_id for pager in pagers for message, _ in pager.sent) == sorted(wanted)


@contextmanager
def on(url: str) -> Iterator[Database]:
    database = open_database(url)
    migrate(database)
    yield database
    database.close()


async def test_an_outcome_waits_for_a_database_that_is_away() -> None:
    """The database dies while a message is on its way: nothing is sent twice, and engine and delivery outlive it."""
    with running_postgres() as server, fresh_database(server.url) as url, on(url) as database, another(database, Watch()) as ledger:
        identity, gate = paged(ledger), Gate()
        async with sending(ledger, gate):
            await gate.arrival()
            await asyncio.to_thread(server.crash)
            gate.opened.set()
            with pytest.raises(Unavailable):
                await asyncio.to_thread(outcomes, ledger)
            await asyncio.to_thread(server.start)
            await until(lambda: answers(ledger))
            await settled(ledger)
            later = await asyncio.to_thread(paged, ledger)
            await settled(ledger, 2)
        assert gate.passed == [identity, later]


def answers(ledger: Ledger) -> bool:
    try:
        return bool(entries_of(ledger))
    except Unavailable:
        return False
