"""Records what clocks come to: a share of a target is used up, or it was missed. Once each, whatever restarts and however many run."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, select

from schemas.clock_events import ClockBreached, ClockWarned
from schemas.clocks import CLOCKS, Clock
from schemas.entries import Attribution
from schemas.tables import ENTRIES, TICKETS
from schemas.tickets import Ticket
from services.errors import HypercareError
from services.groups import stands_for_itself
from services.ledger import Draft, Ledger
from services.stabilisation.chronicle import Track, instant, micros
from services.stabilisation.clocks import Clockwork, Timing, ruled, started
from services.stabilisation.progress import Outline, Progress
from services.tickets import SERVICE, record
from services.waiting import rounds

log = structlog.get_logger()

EVERY_S = 10.0
WARNER = Attribution(f"{SERVICE}:stabilisation", SERVICE)
KINDS = ("ClockWarned", "ClockBreached")
WHOLE = 1.0
"""The share that a missed target is recorded under here."""
Happening = ClockWarned | ClockBreached


class Named(NamedTuple):
    """What is recorded once."""

    ticket: str
    clock: str
    severity: str
    share: float


@dataclass
class Warner:
    """Every replica may run one. `_recorded` is what the ledger told by `_position`."""

    ledger: Ledger
    progress: Progress
    every: float = EVERY_S
    _recorded: set[Named] = field(default_factory=set)
    _position: int = 0

    async def run(self) -> None:
        """Until cancelled."""
        await rounds(self.record_due, self.every)

    async def record_due(self) -> int:
        """How many were recorded."""
        found = await asyncio.to_thread(self.due)
        recorded = sum(await asyncio.gather(*(self.ledger.written(_recording(*each)) for each in found)))
        if recorded:
            log.info("clocks told", recorded=recorded)
        return recorded

    def due(self) -> list[tuple[Named, Happening]]:
        """Of each clock the last that has come and is not recorded: who is told of a missed target need not hear of the warnings before."""
        with self.progress.look(self.ledger) as outline:
            self._catch_up(outline.connection)
            return [found for site in outline.progress.chronicle.sites for found in self._at(outline, site)]

    def _catch_up(self, connection: Connection) -> None:
        told = select(ENTRIES.c.seq, ENTRIES.c.type, ENTRIES.c.ticket, ENTRIES.c.data).where(ENTRIES.c.type.in_(KINDS))
        for row in connection.execute(told.where(ENTRIES.c.seq > self._position).order_by(ENTRIES.c.seq)):
            self._position = row.seq
            self._recorded.add(_named(row.ticket, row.data))

    def _at(self, outline: Outline, site: str) -> Iterator[tuple[Named, Happening]]:
        clockwork, at = outline.clockwork(site), micros(outline.at)
        tracks = outline.progress.chronicle.sites[site].values()
        for track in [each for each in tracks if each.stands[-1].open]:
            fresh = [found for found in _come(track, clockwork, at) if found[0] not in self._recorded]
            if fresh and not _led(outline.connection, track):
                yield from fresh


def _named(ticket: str, data: dict[str, object]) -> Named:
    return Named(ticket, str(data["clock"]), str(data["severity"]), float(str(data.get("share", WHOLE))))


def _led(connection: Connection, track: Track) -> bool:
    """A storm is told of by its parent, as long as that may stand for the child."""
    if track.stands[-1].parent is None:
        return False
    pair = (track.ticket, track.stands[-1].parent)
    rows = connection.execute(select(TICKETS).where(TICKETS.c.id.in_(pair))).mappings()
    tickets = {row["id"]: Ticket.model_construct(**row) for row in rows}
    return stands_for_itself(*(tickets[each] for each in pair)) is None


def _come(track: Track, clockwork: Clockwork, at: int) -> Iterator[tuple[Named, Happening]]:
    shares: tuple[float, ...] = ()
    for clock, timing in zip(CLOCKS, clockwork.timings(track, len(track.stands)), strict=True):
        if timing.running and any(mark is not None and mark < at for mark in timing.marks):
            shares = shares or (*ruled(started(track), clockwork.terms).policy.text.warnings, WHOLE)
            yield from _last(track, clock, timing, (shares, at))


def _last(track: Track, clock: Clock, timing: Timing, asked: tuple[tuple[float, ...], int]) -> Iterator[tuple[Named, Happening]]:
    """Not what came before the ticket was moved over from an earlier tool."""
    shares, at = asked
    come = [(share, mark) for share, mark in zip(shares, timing.marks, strict=True) if mark is not None and mark < at]
    share, mark = come[-1]
    if not _of_the_past(track, mark):
        told: dict[str, object] = {"clock": clock, "severity": timing.severity, "due_at": instant(timing.due or mark)}
        name = Named(track.ticket, clock, str(timing.severity), share)
        yield name, _happening(told, share, mark)


def _of_the_past(track: Track, mark: int) -> bool:
    known = track.knowns[0] if track.knowns is not None else track.born
    return track.born < known and mark < known


def _happening(told: dict[str, object], share: float, mark: int) -> Happening:
    if share == WHOLE:
        return ClockBreached.model_validate(told)
    return ClockWarned.model_validate(told | {"share": share, "at": instant(mark)})


def _recording(name: Named, event: Happening) -> Callable[[Draft], bool]:
    """Under the head lock, so that two replicas do not both do it."""

    def command(draft: Draft) -> bool:
        staged = {_named(row["ticket"], row["data"]) for row in draft.entries if row["type"] in KINDS}
        if name in staged | _recorded_of(draft.connection, name.ticket):
            return False
        mark = draft.mark()
        try:
            record(draft, name.ticket, event, WARNER)
        except HypercareError:
            draft.undo(mark)
            return False
        return True

    return command


def _recorded_of(connection: Connection, ticket: str) -> set[Named]:
    told = select(ENTRIES.c.data).where(ENTRIES.c.ticket == ticket, ENTRIES.c.type.in_(KINDS))
    return {_named(ticket, data) for data in connection.execute(told).scalars()}
