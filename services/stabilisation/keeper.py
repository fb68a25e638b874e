"""Takes the daily snapshots when they are due, and those that were missed while nothing ran."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import structlog

from schemas.entries import Attribution
from schemas.golive_events import SnapshotTaken
from schemas.golives import GoLive
from services.ledger import Draft, Ledger
from services.snapshots import digest_of, keep_snapshot, snapshot_id, snapshot_ids
from services.stabilisation.days import local_date, standups
from services.stabilisation.progress import Outline, Progress, Sight
from services.stabilisation.readiness import GUARD
from services.tickets import SERVICE
from services.waiting import rounds

log = structlog.get_logger()

EVERY_S = 20.0
KEEPER = Attribution(f"{SERVICE}:stabilisation", SERVICE)


@dataclass
class Keeper:
    """Every replica may run one: a day's snapshot is kept once, whoever comes first."""

    ledger: Ledger
    progress: Progress
    every: float = EVERY_S

    async def run(self) -> None:
        """Until cancelled."""
        await rounds(self.take_due, self.every)

    async def take_due(self) -> int:
        """How many were kept."""
        kept = 0
        for golive, day, instant in await asyncio.to_thread(self.due):
            snapshot = await asyncio.to_thread(self.taken, golive.id, day, instant)
            kept += await self.ledger.written(keeping(golive, snapshot))
            log.info("snapshot taken", snapshot=snapshot.snapshot, digest=snapshot.digest)
        return kept

    def due(self) -> list[tuple[GoLive, date, datetime]]:
        """Stand-ups that have come since the go-live was declared, until the relapse guard is over, and have no snapshot."""
        with self.progress.look(self.ledger) as outline:
            return [each for golive in outline.golives.of.values() for each in _missing(outline, golive)]

    def taken(self, golive: str, day: date, instant: datetime) -> SnapshotTaken:
        """As it was known at that instant, whenever this runs."""
        with self.progress.look(self.ledger, instant) as outline:
            return taken(outline.sight(golive), day, snapshot_id(golive, day))


def taken(sight: Sight, day: date, snapshot: str) -> SnapshotTaken:
    content = sight.status.model_dump(mode="json")
    as_of = sight.outline.at
    return SnapshotTaken(golive=sight.golive.id, snapshot=snapshot, day=day, as_of=as_of, digest=digest_of(content), content=content)


def taken_now(sight: Sight) -> SnapshotTaken:
    """Between two stand-ups, because somebody asks for it."""
    at = sight.outline.at
    day = local_date(sight.golive.text, at)
    return taken(sight, day, snapshot_id(sight.golive.id, day, at))


def _missing(outline: Outline, golive: GoLive) -> Iterator[tuple[GoLive, date, datetime]]:
    there = snapshot_ids(outline.connection, golive)
    last = golive.exited_at + GUARD if golive.exited_at else outline.at
    for day, instant in standups(golive.text, min(outline.at, last)):
        if instant > golive.declared_at and snapshot_id(golive.id, day) not in there:
            yield golive, day, instant


def keeping(golive: GoLive, kept: SnapshotTaken, by: Attribution = KEEPER) -> Callable[[Draft], bool]:
    def command(draft: Draft) -> bool:
        return keep_snapshot(draft, golive, kept, by)

    return command
