"""The handover of a shift, drafted from the ledger: what was open at its end, and what the next one has to know of it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import select

from schemas.clocks import CLOCKS
from schemas.entries import Entry
from schemas.handover import NOBODY, PLACES, Change, Ended, Falling, Handover, HandoverItem, Place
from schemas.tables import ENTRIES
from schemas.tickets import Ticket
from services.errors import Invalid
from services.ledger import Ledger, of_types
from services.lifecycle import LIFECYCLE, doer, happened_at
from services.stabilisation.attention import folded, gravity, note_of
from services.stabilisation.chronicle import instant, micros
from services.stabilisation.days import Shifts, shifts_around
from services.stabilisation.happened import HAPPENED_AT
from services.stabilisation.progress import Progress, Sight
from services.stabilisation.report.standup import next_step
from services.stabilisation.view import CAME, Life, View
from services.tickets import SERVICE

GRAVE = ("sev1", "sev2")
ASKED = ("reporter", "retest")
QUIET = ("ClockWarned", "ClockBreached")
TOLD = tuple(event.__name__ for event in LIFECYCLE if event.__name__ not in QUIET)


def handover(progress: Progress, ledger: Ledger, golive: str, shift: datetime | None = None) -> Handover:
    """Of the shift that holds `shift`, or that ran last before it; without it, of the one that runs now.

    A shift that has handed over gives the same handover whenever it is asked for. Raises `NotFound`, and `Invalid` for a shift to come.
    """
    with progress.look(ledger) as outline:
        now, text = outline.at, outline.golives.find(golive).text
    around = shifts_around(text, shift or now)
    if around.begin > now:
        raise Invalid(f"This shift begins at {around.begin.isoformat(timespec='minutes')}; a handover is of one that has begun")
    with progress.look(ledger, around.relieved_at if around.relieved_at <= now else None) as outline:
        return Draft(outline.sight(golive), around).handover()


@dataclass(frozen=True)
class Draft:
    """A go-live as known at the end of the shift, or now."""

    sight: Sight
    shifts: Shifts

    def handover(self) -> Handover:
        text, readiness = self.sight.golive.text, self.sight.readiness
        return Handover(
            golive=self.sight.golive.id,
            name=text.name,
            site=text.site,
            time_zone=text.time_zone,
            begin=self.shifts.begin,
            end=self.shifts.end,
            next_end=self.shifts.next_end,
            as_of=self.sight.outline.at,
            ledger_seq=self.sight.outline.seq,
            light=readiness.light,
            reasons=readiness.reasons,
            arrived=self.view.count(CAME[:1], micros(self.shifts.begin), self.view.at),
            items=self._placed(sorted(self.view.open, key=gravity)),
            ended=tuple(self._ended()),
        )

    @property
    def view(self) -> View:
        return self.sight.view

    @cached_property
    def changes(self) -> dict[str, list[Entry]]:
        """What happened in the shift, by ticket: what was moved over meanwhile happened before it."""
        here = (ENTRIES.c.site == self.sight.golive.site) & of_types(TOLD)
        known = ENTRIES.c.recorded_at.between(self.shifts.begin, self.sight.outline.at)
        told = select(ENTRIES).where(here, known, self.shifts.begin < HAPPENED_AT).order_by(ENTRIES.c.seq)
        found: dict[str, list[Entry]] = defaultdict(list)
        for row in self.sight.outline.connection.execute(told).mappings():
            found[row["ticket"]].append(Entry.model_construct(**row))
        return found

    @cached_property
    def tickets(self) -> dict[str, Ticket]:
        wanted = [life.ticket for life in self.view.every if life.stand.open or life.ticket in self.changes]
        return folded(self.sight.outline.connection, wanted, self.sight.outline.at)

    def _placed(self, lives: Sequence[Life]) -> dict[Place, tuple[HandoverItem, ...]]:
        items: dict[Place, list[HandoverItem]] = {place: [] for place in PLACES}
        for life in lives:
            item = self._item(life)
            items[place_of(item)].append(item)
        return {place: tuple(several) for place, several in items.items()}

    def _item(self, life: Life) -> HandoverItem:
        note = note_of(self.view, life, self.tickets[life.ticket])
        changes = (_change(entry) for entry in self.changes.get(life.ticket, ()) if entry.role != SERVICE)
        return HandoverItem(
            note=note, owner=note.owner or NOBODY, next_step=next_step(note), falling=tuple(self._falling(life)), changes=tuple(changes)
        )

    def _falling(self, life: Life) -> Iterator[Falling]:
        for clock, timing in zip(CLOCKS, self.view.clockwork.timings(life.track, life.number), strict=True):
            if timing.running and timing.due is not None and timing.due <= micros(self.shifts.next_end):
                yield Falling(clock=clock, due_at=instant(timing.due), late=timing.due < self.view.at)

    def _ended(self) -> Iterable[Ended]:
        """Open when the shift began or come since, and not open at its end."""
        for life in self.view.every:
            if not life.stand.open and life.ticket in self.changes and any(_ends(entry) for entry in self.changes[life.ticket]):
                ticket, last = self.tickets[life.ticket], [entry for entry in self.changes[life.ticket] if _ends(entry)][-1]
                yield Ended(ticket=life.ticket, title=ticket.title, state=life.stand.state, by=doer(last) or NOBODY)


def place_of(item: HandoverItem) -> Place:
    """Once, where it matters most."""
    if item.note.severity in GRAVE:
        return "grave"
    if item.falling:
        return "due"
    if item.note.state == "waiting" and item.note.waiting_for in ASKED:
        return "waiting"
    if item.note.worked_around_at is not None:
        return "workarounds"
    return "changed" if item.changes else "others"


def _ends(entry: Entry) -> bool:
    return entry.type in ("TicketResolved", "TicketCancelled", "TicketBacklogged")


def _change(entry: Entry) -> Change:
    return Change(at=happened_at(entry), what=_word(entry.type), by=doer(entry) or NOBODY, reason=entry.reason)


def _word(kind: str) -> str:
    """TicketPutOnHold is "put on hold"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind.removeprefix("Ticket")).strip()
