"""Runs a service: reads the log, hands what happened to the handler, and records what follows, once per event whatever is delivered.

The only owner of a consumer's transactions, and the only place that catches every error: what a handler cannot do is tried again,
then laid aside where people see it, and the service goes on.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
from sqlalchemy import select

from schemas.entries import Attribution, Entry
from schemas.events import EVENTS, Event, EventParked
from schemas.tables import CONSUMERS, ENTRIES, HANDLED, LETTERS, TICKETS
from schemas.tickets import Ticket
from services.deliveries import AGAIN, park
from services.endless import endless
from services.errors import HypercareError, Unavailable
from services.ledger import Draft, Ledger, Slot, of_types
from services.log import Batch, Log
from services.tickets import SERVICE, record

log = structlog.get_logger()

ATTEMPTS = 5
LONGEST_WAIT = 10.0
REPLAY_EVERY = 1.0


class Occurrence(NamedTuple):
    """An entry, its event, and the ticket as it stands now."""

    entry: Entry
    event: Event
    ticket: Ticket


class Aside(NamedTuple):
    """An event of the same or another ticket that is recorded if it may be: where it is refused, nothing else is undone."""

    ticket: str
    event: Event


Answer = Sequence[Event | Aside]
Handler = Callable[[Sequence[Occurrence]], Sequence[Answer]]
"""What happened in, what follows out: one list of events per occurrence, in the same order. No session, broker or clock inside."""


@dataclass(frozen=True, slots=True)
class Service:
    """A name, what it listens to, and its handler. `rescue`: what to record when an event is laid aside (default: nothing)."""

    name: str
    listens_to: Sequence[type[Event]]
    handle: Handler
    rescue: Callable[[Occurrence], Answer] = field(default=lambda occurrence: ())

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(cls.__name__ for cls in self.listens_to)

    @property
    def actor(self) -> str:
        return f"service:{self.name}"


class Runner:
    """One service on one log, until cancelled."""

    def __init__(self, service: Service, log: Log, ledger: Ledger, first_wait: float = 0.2) -> None:
        self.service = service
        self.log = log
        self.ledger = ledger
        self.first_wait = first_wait

    async def run(self) -> None:
        await asyncio.to_thread(self._introduce)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(endless(self._follow))
            tasks.create_task(endless(self._replay_letters))

    async def _follow(self) -> None:
        async with aclosing(self.log.read(self.service.name, self.service.types)) as batches:
            async for batch in batches:
                await self._patiently(batch)

    async def _patiently(self, batch: Batch) -> None:
        """The database being away is no reason to drop or skip anything: wait for it."""
        wait = self.first_wait
        while True:
            try:
                return await self._settle(batch)
            except Unavailable as error:
                log.warning("waiting for the database", service=self.service.name, error=str(error), seconds=wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    async def _settle(self, batch: Batch) -> None:
        work = await asyncio.to_thread(self._load, batch.events)
        outcome = await self._attempt(work)
        await self._write(work, outcome, batch.position)

    async def _attempt(self, work: Sequence[Occurrence]) -> list[Answer | Exception]:
        """The handler's answer per occurrence: the whole batch at once, and where that fails each alone, several times."""
        if not work:
            return []
        try:
            return list(await asyncio.to_thread(self._handle, work))
        except Unavailable:
            raise
        except Exception as error:
            log.warning("a batch failed; its events are tried one by one", service=self.service.name, error=repr(error))
        return [await self._alone(occurrence) for occurrence in work]

    async def _alone(self, occurrence: Occurrence) -> Answer | Exception:
        wait, failure = self.first_wait, Exception()
        for _ in range(ATTEMPTS):
            try:
                return (await asyncio.to_thread(self._handle, [occurrence]))[0]
            except Unavailable:
                raise
            except Exception as error:
                failure = error
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
        log.error("an event is laid aside", service=self.service.name, event_id=occurrence.entry.id, error=repr(failure))
        return failure

    def _handle(self, work: Sequence[Occurrence]) -> Sequence[Answer]:
        outcome = self.service.handle(work)
        if len(outcome) != len(work):
            raise ValueError(f"{self.service.name} answered {len(outcome)} lists for {len(work)} events")
        return outcome

    def _load(self, events: Sequence[str]) -> list[Occurrence]:
        """The ledger's own entries: what a log delivers is only a hint, and an id that the ledger does not know has no effect."""
        known = ENTRIES.c.id.in_(events) & of_types(self.service.types)
        handled = (HANDLED.c.consumer == self.service.name) & HANDLED.c.event.in_(events) & HANDLED.c.note.is_distinct_from(AGAIN)
        done = select(HANDLED.c.event).where(handled)
        wanted = select(ENTRIES, TICKETS).join(TICKETS, TICKETS.c.id == ENTRIES.c.ticket).where(known, ENTRIES.c.id.not_in(done))
        with self.ledger.database.read() as connection:
            rows = connection.execute(wanted.order_by(ENTRIES.c.seq)).all()
        split = len(ENTRIES.columns)
        return [_occurrence(tuple(row)[:split], tuple(row)[split:]) for row in rows]

    async def _write(self, work: Sequence[Occurrence], outcome: Sequence[Answer | Exception], position: int | None) -> None:
        def command(draft: Draft) -> None:
            for occurrence, events in zip(work, outcome, strict=True):
                self._record(draft, occurrence, events)
            if position is not None:
                listens_to = list(self.service.types)
                draft.put(CONSUMERS, {"name": self.service.name, "listens_to": listens_to, "position": position})

        if work or position is not None:
            reads: list[Slot] = [(HANDLED, (self.service.name, each.entry.id)) for each in work]
            await self.ledger.written(command, *reads, *((TICKETS, (each.ticket.id,)) for each in work))

    def _record(self, draft: Draft, occurrence: Occurrence, events: Answer | Exception) -> None:
        """What follows from one event, and that it is handled. A refusal means that a person was faster: noted, not an error."""
        entry = occurrence.entry
        before = draft.get(HANDLED, self.service.name, entry.id)
        if before and before["note"] != AGAIN:
            return
        by = Attribution(self.service.actor, SERVICE, cause=entry.id, traceparent=entry.traceparent)
        note = None
        if isinstance(events, Exception):
            note = f"laid aside: {events!r}"[:500]
            self._park(draft, occurrence, note)
            events = self.service.rescue(occurrence)
        mark = draft.mark()
        try:
            for event in events:
                _apply(draft, occurrence.ticket.id, event, by)
        except HypercareError as refused:
            draft.undo(mark)
            note = f"overtaken: {refused}"[:500]
        draft.put(HANDLED, {"consumer": self.service.name, "event": entry.id, "handled_at": draft.now, "note": note})

    def _park(self, draft: Draft, occurrence: Occurrence, error: str) -> None:
        entry = occurrence.entry
        letter = f"{self.service.name}:{entry.id}"
        parked = EventParked(letter=letter, consumer=self.service.name, event=entry.id, error=error, attempts=ATTEMPTS)
        park(draft, parked, Attribution(self.service.actor, SERVICE, cause=entry.id), entry)

    async def _replay_letters(self) -> None:
        """Take up events that a person sent through again."""
        while True:
            await asyncio.sleep(REPLAY_EVERY)
            for event in await asyncio.to_thread(self._replayed):
                await self._patiently(Batch([event]))

    def _replayed(self) -> list[str]:
        mine = (LETTERS.c.kind == "event") & (LETTERS.c.state == "replayed") & (LETTERS.c.origin == self.service.name)
        with self.ledger.database.read() as connection:
            events = [content["event"] for content in connection.execute(select(LETTERS.c.content).where(mine)).scalars()]
            again = (HANDLED.c.consumer == self.service.name) & HANDLED.c.event.in_(events) & (HANDLED.c.note == AGAIN)
            return list(connection.execute(select(HANDLED.c.event).where(again)).scalars())

    def _introduce(self) -> None:
        def command(draft: Draft) -> None:
            known = draft.get(CONSUMERS, self.service.name) or {"position": 0}
            draft.put(CONSUMERS, {"name": self.service.name, "listens_to": list(self.service.types), "position": known["position"]})

        self.ledger.write(command).result()


def _apply(draft: Draft, ticket: str, event: Event | Aside, by: Attribution) -> None:
    if not isinstance(event, Aside):
        record(draft, ticket, event, by)
        return
    mark = draft.mark()
    try:
        record(draft, event.ticket, event.event, by)
    except HypercareError as refused:
        draft.undo(mark)
        log.info("not recorded", ticket=event.ticket, what=type(event.event).__name__, reason=str(refused))


def _occurrence(entry: tuple[Any, ...], ticket: tuple[Any, ...]) -> Occurrence:
    found = Entry.model_construct(**dict(zip(ENTRIES.columns.keys(), entry, strict=True)))
    stands = Ticket.model_construct(**dict(zip(TICKETS.columns.keys(), ticket, strict=True)))
    return Occurrence(found, EVENTS[found.type].model_validate(found.data), stands)
