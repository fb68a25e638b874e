"""Carries the ledger to Kafka: every entry, in order, at least once, from a position that the ledger's own database keeps.

What was sent and not noted as sent is sent again. Consumers know events by their id, so that a second time has no effect.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, Protocol

import structlog
from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.events import RelayRewound
from schemas.records import Record
from schemas.tables import CONSUMERS, ENTRIES
from schemas.tickets import Ticket
from services.errors import Invalid, Unavailable
from services.ledger import Draft, Ledger, read_entries
from services.log.outgoing import CONCERNS_ITS_TEAM, Stamp
from services.log.table import position_of
from services.log.turn import Turn
from services.tickets import fold
from services.waiting import rest

log = structlog.get_logger()

RELAY = "relay"


class Carrier(Protocol):
    """What takes records to their topics."""

    async def carry(self, records: Sequence[Record]) -> None:
        """All of them are safe when this returns, in order per key. `Unavailable`: none, some or all may be; send them again."""
        ...

    async def close(self) -> None:
        """Let go of what is open, within seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: how often a relay looks for entries of other processes, how often for its turn, and its waits after a failure."""

    idle: float = 0.1
    standby: float = 1.0
    first_wait: float = 0.2
    longest_wait: float = 5.0
    batch: int = 300


class Load(NamedTuple):
    """The next records, and the positions before and after them."""

    before: int
    after: int
    records: Sequence[Record]


class Relay:
    """One process's relay; of several on one database one works, the others stand by. `check` says what keeps it."""

    def __init__(self, ledger: Ledger, carrier: Carrier, stamp: Stamp, rhythm: Rhythm | None = None) -> None:
        self.ledger = ledger
        self.carrier = carrier
        self.stamp = stamp
        self.rhythm = rhythm or Rhythm()
        self.turn = Turn(ledger.database)
        self.trouble = ""
        self.working = False
        self._introduced = False
        self._wait = self.rhythm.first_wait

    def check(self) -> None:
        """For /readyz: `Unavailable` while nothing gets through."""
        if self.trouble:
            raise Unavailable(self.trouble)

    async def run(self) -> None:
        """Until cancelled, whatever happens to Kafka and to the database."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        self.ledger.watch(wake)
        try:
            while True:
                woken.clear()
                await self._attempt(woken)
        finally:
            self.ledger.unwatch(wake)
            await self.carrier.close()
            await asyncio.to_thread(self.turn.end)

    async def _attempt(self, woken: asyncio.Event) -> None:
        try:
            self.working = await asyncio.to_thread(self.turn.mine)
            moved = self.working and await self._carry_next()
        except Unavailable as error:
            await self._stumble(error)
        else:
            self.trouble, self._wait = "", self.rhythm.first_wait
            if not moved:
                await rest(woken, self.rhythm.idle if self.working else self.rhythm.standby)

    async def _stumble(self, error: Unavailable) -> None:
        self.trouble = str(error)
        log.warning("the relay waits", error=self.trouble, seconds=self._wait)
        await asyncio.sleep(self._wait)
        self._wait = min(2 * self._wait, self.rhythm.longest_wait)

    async def _carry_next(self) -> bool:
        """Whether there was anything to carry. A relay that never got anything through has a place all the same: its lag shows."""
        load = await asyncio.to_thread(self._load)
        if not self._introduced:
            await self.ledger.written(lambda draft: _advance(draft, Load(load.before, load.before, ())))
            self._introduced = True
        if load.after == load.before:
            return False
        await self.carrier.carry(load.records)
        await self.ledger.written(lambda draft: _advance(draft, load), (CONSUMERS, (RELAY,)))
        return True

    def _load(self) -> Load:
        with self.ledger.database.read() as connection:
            before = position_of(connection, RELAY)
            entries = read_entries(connection, before, limit=self.rhythm.batch)
            left = tickets_as_left(connection, [entry for entry in entries if entry.type in CONCERNS_ITS_TEAM])
        records = [record for entry in entries for record in self.stamp.records(entry, left.get(entry.id))]
        return Load(before, entries[-1].seq if entries else before, records)


def _advance(draft: Draft, load: Load) -> None:
    """Nothing where somebody moved the position meanwhile: the relay then goes on from there."""
    known = draft.get(CONSUMERS, RELAY)
    if (known["position"] if known else 0) == load.before:
        draft.put(CONSUMERS, {"name": RELAY, "listens_to": [], "position": load.after})


def rewind(draft: Draft, seq: int, by: Attribution) -> None:
    """Have everything after entry `seq` carried again: for topics that were deleted, or consumers that came late."""
    if not 0 <= seq <= draft.seq:
        raise Invalid(f"The ledger has entries 1 to {draft.seq}; choose a number from 0 (carry everything again) to {draft.seq}")
    draft.put(CONSUMERS, {"name": RELAY, "listens_to": [], "position": seq})
    draft.append(RelayRewound(position=seq), by)


def tickets_as_left(connection: Connection, entries: Sequence[Entry]) -> dict[str, Ticket]:
    """By entry id the ticket as that entry left it, so that a record sent again later is the same record."""
    if not entries:
        return {}
    about = {entry.ticket for entry in entries}
    wanted = select(ENTRIES).where(ENTRIES.c.ticket.in_(about), ENTRIES.c.seq <= entries[-1].seq).order_by(ENTRIES.c.ticket, ENTRIES.c.seq)
    rows = [Entry.model_construct(**row) for row in connection.execute(wanted).mappings()]
    lives = {ticket: list(life) for ticket, life in groupby(rows, lambda entry: entry.ticket)}
    folded = ((entry.id, fold(past for past in lives[entry.ticket] if past.seq <= entry.seq)) for entry in entries)
    return {identity: ticket for identity, ticket in folded if ticket is not None}
