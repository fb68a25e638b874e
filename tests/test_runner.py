"""A service handles every event once, whatever the log delivers and whatever its handler does."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from sqlalchemy import select

from schemas.events import Event, TicketCommented, TicketGrouped, TicketQueued, TicketRouted, TicketSubmitted
from schemas.tables import CONSUMERS, HANDLED, LETTERS
from services.deliveries import discard, replay
from services.errors import Conflict, Unavailable
from services.ledger import Ledger
from services.log import Batch, Log
from services.log.table import TableLog
from services.runner import Aside, Handler, Occurrence, Runner, Service
from tests.lives import DESK, ENGINEER, entries_of, happened, submitted, ticket_of, types_of


@dataclass
class Router:
    """A handler that sends everything to ERP and fails where the title asks for it."""

    seen: list[str] = field(default_factory=list)
    healed: bool = False

    def __call__(self, work: Sequence[Occurrence]) -> list[list[Event]]:
        self.seen += [each.ticket.id for each in work]
        if not self.healed and any(each.ticket.title == "poison" for each in work):
            raise RuntimeError("cannot read this")
        return [[TicketRouted(system="erp", team="erp")] for _ in work]


@dataclass
class Script:
    """A log that delivers what it is told, however wrong."""

    batches: list[Batch]

    async def read(self, consumer: str, types: Sequence[str]) -> AsyncGenerator[Batch, None]:
        for batch in self.batches:
            yield batch
        await asyncio.Event().wait()


def service(handle: Handler, rescue: Callable[[Occurrence], Sequence[Event]] = lambda occurrence: ()) -> Service:
    return Service("classifier", (TicketSubmitted,), handle, rescue)


@asynccontextmanager
async def running(ledger: Ledger, chosen: Service, log: Log | None = None) -> AsyncIterator[None]:
    task = asyncio.create_task(Runner(chosen, log or TableLog(ledger), ledger, first_wait=0.01).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.01)


def handled(ledger: Ledger) -> dict[str, str | None]:
    with ledger.database.read() as connection:
        return {row.event: row.note for row in connection.execute(select(HANDLED))}


def letters(ledger: Ledger) -> list[tuple[str, str, str]]:
    with ledger.database.read() as connection:
        return [(row.kind, row.state, row.error) for row in connection.execute(select(LETTERS))]


async def test_what_follows_is_recorded_with_its_cause(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    async with running(ledger, service(Router())):
        await until(lambda: ticket_of(ledger, ticket.id).state == "routed")
    told, routed = entries_of(ledger, ticket.id)
    assert (routed.actor, routed.role, routed.cause) == ("service:classifier", "service", told.id)
    assert handled(ledger) == {told.id: None}


async def test_events_that_come_while_it_runs_are_taken_up(ledger: Ledger) -> None:
    async with running(ledger, service(Router())):
        for n in range(5):
            ticket = await asyncio.to_thread(submitted, ledger, title=f"ticket {n}")
            await until(lambda ticket=ticket: ticket_of(ledger, ticket.id).state == "routed")  # type: ignore[misc]


async def test_a_second_delivery_has_no_effect(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    event = entries_of(ledger)[0].id
    router = Router()
    async with running(ledger, service(router), Script([Batch([event]), Batch([event, event]), Batch([event])])):
        await until(lambda: ticket_of(ledger, ticket.id).state == "routed")
    assert types_of(ledger, ticket.id) == ["TicketSubmitted", "TicketRouted"]
    assert router.seen == [ticket.id]


async def test_two_runners_of_one_service_decide_once(ledger: Ledger) -> None:
    other = Ledger(ledger.database)
    async with running(ledger, service(Router())), running(other, service(Router())):
        tickets = [await asyncio.to_thread(submitted, ledger, title=f"ticket {n}") for n in range(30)]
        await until(lambda: len(handled(ledger)) == 30)
    assert {tuple(types_of(ledger, ticket.id)) for ticket in tickets} == {("TicketSubmitted", "TicketRouted")}
    other.close()


async def test_a_forged_event_has_no_effect(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    comment = happened(ledger, ticket.id, TicketCommented(text="not what it listens to"))
    unwanted = entries_of(ledger, comment.id)[1].id
    router = Router()
    real = entries_of(ledger, ticket.id)[0].id
    async with running(ledger, service(router), Script([Batch([str(uuid4())]), Batch([unwanted]), Batch([real])])):
        await until(lambda: ticket_of(ledger, ticket.id).state == "routed")
    assert router.seen == [ticket.id]


async def test_a_person_who_was_faster_wins(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, TicketRouted(system="lims", team="lims"), ENGINEER)
    async with running(ledger, service(Router())):
        await until(lambda: len(handled(ledger)) == 1)
    assert ticket_of(ledger, ticket.id).system == "lims"
    assert "overtaken" in (next(iter(handled(ledger).values())) or "")


async def test_a_ticket_that_cannot_be_grouped_keeps_the_decision_about_it(ledger: Ledger) -> None:
    parent, other, ticket = (submitted(ledger, site=site).id for site in ("Cork", "Cork", "Ulm"))
    for each in (parent, other):
        happened(ledger, each, TicketRouted(system="lims", team="lims"), ENGINEER)

    def grouping(work: Sequence[Occurrence]) -> list[list[Event | Aside]]:
        return [[TicketRouted(system="erp", team="erp"), Aside(each.ticket.id, TicketGrouped(parent=parent))] for each in work]

    async with running(ledger, service(grouping)):
        await until(lambda: len(handled(ledger)) == 3)
    assert (ticket_of(ledger, ticket).system, ticket_of(ledger, ticket).parent) == ("erp", None)
    assert types_of(ledger, other) == ["TicketSubmitted", "TicketRouted"], "what a person was faster with leaves nothing behind"


async def test_a_restart_goes_on_where_it_stopped(ledger: Ledger) -> None:
    submitted(ledger)
    first, second = Router(), Router()
    async with running(ledger, service(first)):
        await until(lambda: len(handled(ledger)) == 1)
    ticket = submitted(ledger)
    async with running(ledger, service(second)):
        await until(lambda: len(handled(ledger)) == 2)
    assert second.seen == [ticket.id]
    with ledger.database.read() as connection:
        row = connection.execute(select(CONSUMERS)).mappings().one()
    assert (row["listens_to"], row["position"]) == (["TicketSubmitted"], 3)


async def test_a_poison_ticket_is_laid_aside_and_the_others_go_on(ledger: Ledger) -> None:
    before, poison, after = (submitted(ledger, title=title) for title in ("before", "poison", "after"))
    async with running(ledger, service(Router(), lambda occurrence: (TicketQueued(),))):
        await until(lambda: len(handled(ledger)) == 3)
    assert [ticket_of(ledger, each.id).state for each in (before, poison, after)] == ["routed", "triage", "routed"]
    assert types_of(ledger, poison.id) == ["TicketSubmitted", "EventParked", "TicketQueued"]
    assert [(kind, state) for kind, state, _ in letters(ledger)] == [("event", "waiting")]
    assert "cannot read this" in letters(ledger)[0][2]


async def test_a_dead_letter_is_handled_again_when_a_person_replays_it(ledger: Ledger) -> None:
    poison = submitted(ledger, title="poison")
    router = Router()
    async with running(ledger, service(router)):
        await until(lambda: len(letters(ledger)) == 1)
        router.healed = True
        letter = f"classifier:{entries_of(ledger, poison.id)[0].id}"
        ledger.write(lambda draft: replay(draft, letter, DESK)).result()
        await until(lambda: ticket_of(ledger, poison.id).state == "routed")
    assert letters(ledger)[0][1] == "replayed"
    assert "DeadLetterReplayed" in [entry.type for entry in entries_of(ledger)]
    with pytest.raises(Conflict, match="already replayed"):
        ledger.write(lambda draft: discard(draft, letter, DESK)).result()


async def test_a_handler_that_answers_too_little_is_found_out(ledger: Ledger) -> None:
    submitted(ledger)
    async with running(ledger, service(lambda work: [])):
        await until(lambda: len(letters(ledger)) == 1)
    assert "0 lists for 1 events" in letters(ledger)[0][2]


async def test_a_database_that_is_away_inside_a_handler_is_waited_for_not_given_up(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    outages = iter(range(8))

    def handle(work: Sequence[Occurrence]) -> list[list[Event]]:
        if next(outages, None) is not None:
            raise Unavailable("the database did not answer")
        return [[TicketRouted(system="erp", team="erp")] for _ in work]

    task = asyncio.create_task(Runner(service(handle), TableLog(ledger), ledger, first_wait=0.0001).run())
    await until(lambda: ticket_of(ledger, ticket.id).state == "routed")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert letters(ledger) == []


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), RuntimeError("lost")])
async def test_a_log_that_gives_up_by_itself_fails_the_service_instead_of_leaving_it_deaf(ledger: Ledger, fault: BaseException) -> None:
    class Quitter:
        async def read(self, consumer: str, types: Sequence[str]) -> AsyncGenerator[Batch, None]:
            yield Batch([])
            raise fault

    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(Runner(service(Router()), Quitter(), ledger).run(), 10)


async def test_a_log_is_closed_when_its_service_ends(ledger: Ledger) -> None:
    opened, closed = asyncio.Event(), asyncio.Event()

    class Watched(Script):
        async def read(self, consumer: str, types: Sequence[str]) -> AsyncGenerator[Batch, None]:
            opened.set()
            try:
                async for batch in super().read(consumer, types):
                    yield batch
            finally:
                closed.set()

    async with running(ledger, service(Router()), Watched([])):
        await asyncio.wait_for(opened.wait(), 10)
    assert closed.is_set()
