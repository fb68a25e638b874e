"""The ledger's table as the log: one process, or several on one database without Kafka."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from sqlalchemy import Connection, select

from schemas.tables import CONSUMERS
from services.ledger import Ledger, read_entries
from services.log import Batch
from services.waiting import rest

BATCH = 100
IDLE = 0.25


class TableLog:
    """Reads by cursor: safe, because seq is gap-free in commit order. Commits of this process wake it; others show within `IDLE` s."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def read(self, consumer: str, types: Sequence[str]) -> AsyncGenerator[Batch, None]:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        self.ledger.watch(wake)
        try:
            position = await asyncio.to_thread(self._position, consumer)
            while True:
                woken.clear()
                batch = await asyncio.to_thread(self._next, position, types)
                if batch.events:
                    yield batch
                    position = batch.position or position
                else:
                    await rest(woken, IDLE)
        finally:
            self.ledger.unwatch(wake)

    def _position(self, consumer: str) -> int:
        with self.ledger.database.read() as connection:
            return position_of(connection, consumer)

    def _next(self, position: int, types: Sequence[str]) -> Batch:
        with self.ledger.database.read() as connection:
            entries = read_entries(connection, position, types, BATCH)
        return Batch([entry.id for entry in entries], entries[-1].seq if entries else None)


def position_of(connection: Connection, consumer: str) -> int:
    """The seq up to which a consumer has read the table; 0 before its first batch."""
    return connection.execute(select(CONSUMERS.c.position).where(CONSUMERS.c.name == consumer)).scalar_one_or_none() or 0
