"""The promises of a log, kept alike by the ledger's table and by Kafka, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, Protocol

import pytest

from schemas.events import Event, TicketAcknowledged, TicketCommented, TicketRouted, TicketSubmitted
from services.db import migrate, open_database
from services.ledger import Ledger
from services.log import Batch, Log
from services.log.table import TableLog
from services.runner import Occurrence, Runner, Service
from tests.carriers import Corner, at_work, relaying, until
from tests.lives import ENGINEER, SERVICE, entries_of, happened, submitted, ticket_of, types_of

ALL = ("TicketSubmitted", "TicketRouted", "TicketAcknowledged", "TicketCommented")


class Open(Protocol):
    def __call__(self, instance: str = "one") -> Log: ...


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    yield ledger
    ledger.close()
    database.close()


@pytest.fixture(params=["table", "kafka"])
async def open_log(request: pytest.FixtureRequest, ledger: Ledger) -> AsyncIterator[Open]:
    """Opens the log as a process does that starts, again and again."""
    async with AsyncExitStack() as until_the_end:
        if request.param == "table":
            yield lambda instance="one": TableLog(ledger)
        else:
            corner = Corner(request.getfixturevalue("real_kafka"))
            await corner.create()
            await until_the_end.enter_async_context(relaying(ledger, corner.carrier()))
            yield lambda instance="one": Consumers(corner, instance)


class Consumers:
    """Kafka's groups outlive a test on a shared broker, so that names get the test's prefix."""

    def __init__(self, corner: Corner, instance: str) -> None:
        self.corner = corner
        self.instance = instance

    def read(self, consumer: str, types: Sequence[str]) -> AsyncIterator[Batch]:
        return self.corner.log(self.instance).read(self.corner.consumer(consumer), types)


async def read(log: Log, consumer: str, types: Sequence[str], enough: Callable[[list[str]], bool]) -> list[str]:
    """Event ids as they come, repeated ones too, until there are enough."""
    got: list[str] = []
    async with asyncio.timeout(30), aclosing(generator(log, consumer, types)) as batches:
        async for batch in batches:
            got += batch.events
            if enough(got):
                break
    return got


def generator(log: Log, consumer: str, types: Sequence[str]) -> Any:
    return log.read(consumer, types)


def expected(ledger: Ledger, *types: str) -> list[str]:
    return [entry.id for entry in entries_of(ledger) if entry.type in types]


def lives(ledger: Ledger, tickets: int) -> None:
    """Several tickets, each told in several interleaved events."""
    made = [submitted(ledger, title=f"ticket {n}").id for n in range(tickets)]
    for event, by in ((TicketRouted(system="erp", team="erp"), SERVICE), (TicketAcknowledged(), ENGINEER)):
        for ticket in made:
            happened(ledger, ticket, event, by)
    for ticket in made:
        happened(ledger, ticket, TicketCommented(text="on it"))


async def test_everything_is_read_and_each_ticket_in_its_order(ledger: Ledger, open_log: Open) -> None:
    await asyncio.to_thread(lives, ledger, 40)
    wanted = expected(ledger, *ALL)
    got = await read(open_log(), "everything", ALL, lambda got: set(got) >= set(wanted))
    ticket_of_event = {entry.id: entry.ticket for entry in entries_of(ledger)}
    firsts = list(dict.fromkeys(got))
    for ticket in set(ticket_of_event.values()):
        assert [event for event in firsts if ticket_of_event[event] == ticket] == [
            each for each in wanted if ticket_of_event[each] == ticket
        ]


async def test_only_events_that_were_asked_for_are_read(ledger: Ledger, open_log: Open) -> None:
    await asyncio.to_thread(lives, ledger, 5)
    wanted = expected(ledger, "TicketRouted", "TicketCommented")
    got = await read(open_log(), "picky", ("TicketRouted", "TicketCommented"), lambda got: set(got) >= set(wanted))
    assert set(got) == set(wanted)


async def test_an_event_that_comes_while_the_log_waits_is_read(ledger: Ledger, open_log: Open) -> None:
    async with asyncio.timeout(60), aclosing(generator(open_log(), "waiting", ("TicketSubmitted",))) as batches:
        for n in range(5):
            coming = asyncio.ensure_future(anext(batches))
            await asyncio.to_thread(submitted, ledger, title=f"ticket {n}")
            assert (await coming).events == expected(ledger, "TicketSubmitted")[-1:]


async def test_an_unfinished_batch_is_read_again_after_a_restart(ledger: Ledger, open_log: Open) -> None:
    await asyncio.to_thread(lives, ledger, 3)
    unfinished = set(await read(open_log(), "unlucky", ("TicketSubmitted",), bool))
    for _ in range(2):
        again = await read(open_log(), "unlucky", ("TicketSubmitted",), lambda got: set(got) >= unfinished)
        assert unfinished <= set(again)


async def test_two_consumers_each_read_everything(ledger: Ledger, open_log: Open) -> None:
    await asyncio.to_thread(lives, ledger, 10)
    wanted = set(expected(ledger, "TicketSubmitted"))
    reads = [read(open_log(), name, ("TicketSubmitted",), lambda got: set(got) >= wanted) for name in ("first", "second")]
    assert [set(got) for got in await asyncio.gather(*reads)] == [wanted, wanted]


def others() -> "set[asyncio.Task[Any]]":
    """Tasks beside this test's own; the relay's naps come and go."""
    return {task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") != "Event.wait"}


async def test_closing_leaves_nothing_behind(ledger: Ledger, open_log: Open) -> None:
    await asyncio.to_thread(submitted, ledger)
    await read(open_log(), "early", ("TicketSubmitted",), bool)
    before = others()
    await read(open_log(), "done", ("TicketSubmitted",), bool)
    waiting = asyncio.create_task(read(open_log(), "cancelled", ("TicketRouted",), bool))
    await read(open_log(), "meanwhile", ("TicketSubmitted",), bool)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(10):
        while others() - before:
            await asyncio.sleep(0.01)


def classifier(seen: list[str]) -> Service:
    def handle(work: Sequence[Occurrence]) -> list[list[Event]]:
        seen.extend(each.ticket.id for each in work)
        return [[TicketRouted(system="erp", team="erp")] for _ in work]

    return Service("classifier", (TicketSubmitted,), handle)


def runner(log: Log, ledger: Ledger, seen: list[str]) -> Runner:
    return Runner(classifier(seen), log, ledger, first_wait=0.01)


async def test_what_a_service_has_handled_has_no_effect_a_second_time(ledger: Ledger, open_log: Open) -> None:
    seen: list[str] = []
    tickets: list[str] = []

    def all_routed() -> bool:
        return all(ticket_of(ledger, ticket).state == "routed" for ticket in tickets)

    for _ in range(3):
        tickets += [(await asyncio.to_thread(submitted, ledger)).id for _ in range(5)]
        async with at_work(runner(open_log(), ledger, seen).run()):
            await until(all_routed)
    assert sorted(seen) == sorted(tickets)
    assert {tuple(types_of(ledger, ticket)) for ticket in tickets} == {("TicketSubmitted", "TicketRouted")}


async def test_two_runs_of_one_service_decide_every_ticket_once(ledger: Ledger, open_log: Open) -> None:
    seen: list[str] = []
    other = Ledger(ledger.database)
    async with at_work(runner(open_log(), ledger, seen).run()), at_work(runner(open_log("two"), other, seen).run()):
        tickets = [(await asyncio.to_thread(submitted, ledger)).id for _ in range(20)]
        await until(lambda: all(ticket_of(ledger, ticket).state == "routed" for ticket in tickets))
    assert {tuple(types_of(ledger, ticket)) for ticket in tickets} == {("TicketSubmitted", "TicketRouted")}
    other.close()
