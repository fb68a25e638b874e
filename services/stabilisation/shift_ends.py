"""Hands a shift over when it ends: what the next one has to know goes on record, and to the people whom the site names."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, select

from schemas.entries import Attribution
from schemas.events import NotificationRequested
from schemas.golive_events import ShiftHandedOver
from schemas.golives import GoLive
from schemas.tables import ENTRIES
from services.deliveries import delivery_id, note
from services.ledger import Draft, Ledger, Subject
from services.stabilisation.days import Shifts, last_relieved
from services.stabilisation.handover import handover
from services.stabilisation.progress import Outline, Progress
from services.stabilisation.report.handover import handover_document, handover_line
from services.stabilisation.report.letter import letter
from services.teams import Teams
from services.tickets import SERVICE
from services.waiting import rounds

log = structlog.get_logger()

EVERY_S = 20.0
RELIEF = Attribution(f"{SERVICE}:stabilisation", SERVICE)


class Relief(NamedTuple):
    """A shift of a go-live that handed over."""

    golive: GoLive
    shifts: Shifts

    @property
    def at(self) -> datetime:
        return self.shifts.relieved_at

    @property
    def name(self) -> str:
        """Once per go-live and shift."""
        return f"handover of {self.golive.id}, shift from {self.shifts.begin:%Y-%m-%dT%H:%MZ}"


@dataclass
class ShiftEnds:
    """Every replica may run one: a shift is handed over once. After a pause only the last shift is; who reads it is in the next."""

    ledger: Ledger
    progress: Progress
    teams: Teams
    every: float = EVERY_S
    _done: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Until cancelled."""
        await rounds(self.hand_over_due, self.every)

    async def hand_over_due(self) -> int:
        """How many were handed over."""
        told = 0
        for relief in await asyncio.to_thread(self.due):
            handed = await asyncio.to_thread(self.handed, relief)
            told += await self.ledger.written(_telling(relief, handed, self.teams.readers_at(relief.golive.site)))
            self._done.add(relief.name)
            log.info("shift handed over", golive=relief.golive.id, begin=relief.shifts.begin)
        return told

    def due(self) -> list[Relief]:
        """Where somebody reads it."""
        with self.progress.look(self.ledger) as outline:
            return [relief for relief in _last(outline, self.teams) if relief.name not in self._done and not self._told(outline, relief)]

    def _told(self, outline: Outline, relief: Relief) -> bool:
        if told := _is_told(outline.connection, relief):
            self._done.add(relief.name)
        return told

    def handed(self, relief: Relief) -> ShiftHandedOver:
        """As it was known at that instant, whenever this runs."""
        told = handover(self.progress, self.ledger, relief.golive.id, relief.shifts.begin)
        text = letter(handover_document(told))
        return ShiftHandedOver(golive=told.golive, begin=told.begin, end=told.end, title=handover_line(told), text=text)


def _last(outline: Outline, teams: Teams) -> Iterator[Relief]:
    """Of each go-live that is watched, the last shift that handed over."""
    for golive in outline.golives.of.values():
        relief = Relief(golive, last_relieved(golive.text, outline.at))
        if teams.readers_at(golive.site) and relief.at > max(golive.declared_at, golive.text.starts_at) and _is_watched(golive, relief.at):
            yield relief


def _is_watched(golive: GoLive, at: datetime) -> bool:
    return golive.exited_at is None or at <= golive.exited_at


def _is_told(connection: Connection, relief: Relief) -> bool:
    kind = (ENTRIES.c.type == ShiftHandedOver.__name__) & (ENTRIES.c.site == relief.golive.site)
    return connection.execute(select(ENTRIES.c.seq).where(kind, ENTRIES.c.reason == relief.name).limit(1)).first() is not None


def _telling(relief: Relief, handed: ShiftHandedOver, readers: list[tuple[str, str]]) -> Callable[[Draft], bool]:
    """Under the head lock, so that two replicas do not both do it."""

    def command(draft: Draft) -> bool:
        if any(row["reason"] == relief.name for row in draft.entries) or _is_told(draft.connection, relief):
            return False
        here = Subject(site=relief.golive.site)
        entry = draft.append(handed, replace(RELIEF, reason=relief.name, occurred_at=relief.at), here)
        for channel, address in readers:
            told = {"delivery": delivery_id(entry.id, channel, address), "channel": channel, "address": address, "urgency": "notify"}
            note(draft, NotificationRequested.model_validate(told), replace(RELIEF, cause=entry.id), here)
        return True

    return command
