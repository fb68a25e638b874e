"""The tickets of a go-live at an instant: which they are, how they stand, and how they came in and went."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from schemas.figures import UNDECIDED
from schemas.golives import GoLive
from services.golives import GoLives
from services.stabilisation.chronicle import EPOCH, Chronicle, Stand, Step, Track, micros

DAY = 86_400_000_000
SECOND = 1_000_000
"""Both in microseconds."""
MOST_TICKETS = 50
"""So many tickets are named as evidence."""


class Movement(NamedTuple):
    """An open ticket came (created, reopened, entered) or went (resolved, cancelled, backlogged, left) at `when`, as this severity."""

    when: int
    kind: str
    severity: str
    ticket: str


CAME = ("created", "reopened", "entered")
ENDED = ("resolved", "cancelled", "backlogged")
WENT = (*ENDED, "left")


@dataclass(frozen=True)
class Only:
    """What is counted: everything, or open tickets of this system or severity."""

    system: str | None = None
    severity: str | None = None

    def holds(self, stand: Stand) -> bool:
        system = self.system in (None, stand.system or UNDECIDED)
        return system and self.severity in (None, stand.severity or UNDECIDED)


EVERYTHING = Only()


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """A ticket with the steps that count, at least one."""

    track: Track
    steps: Sequence[Step]

    @property
    def ticket(self) -> str:
        return self.track.ticket

    @property
    def stand(self) -> Stand:
        return self.steps[-1].stand


@dataclass(frozen=True)
class View:
    """`at` in microseconds since 1970: what happened by then and, at `known`, was known to have."""

    golive: GoLive
    tracks: Sequence[Track]
    at: int
    known: int
    only: Only = EVERYTHING

    @cached_property
    def every(self) -> list[Life]:
        """Every ticket of the go-live, whatever is counted."""
        lives = ((track, track.until(self.at, self.known)) for track in self.tracks)
        return [Life(track, steps) for track, steps in lives if steps]

    @cached_property
    def lives(self) -> list[Life]:
        return self.every if self.only == EVERYTHING else [life for life in self.every if self.only.holds(life.stand)]

    @cached_property
    def open(self) -> list[Life]:
        return [life for life in self.lives if life.stand.open]

    @cached_property
    def movements(self) -> list[Movement]:
        """In the order of time."""
        return sorted((move for life in self.every for move in _moves(life, self.only)), key=_when)

    @cached_property
    def _instants(self) -> dict[tuple[str, str], list[int]]:
        """When each kind of movement happened, by kind and severity, in order."""
        found: dict[tuple[str, str], list[int]] = defaultdict(list)
        for move in self.movements:
            found[move.kind, move.severity].append(move.when)
        return dict(found)

    def count(self, kinds: Sequence[str], begin: int, end: int) -> int:
        """Movements with begin < when <= end."""
        told = (instants for (kind, _), instants in self._instants.items() if kind in kinds)
        return sum(bisect_right(instants, end) - bisect_right(instants, begin) for instants in told)

    def open_before(self, instant: int) -> dict[str, int]:
        """Open tickets by severity, none left out but those without any; what happens at the instant itself is not counted."""
        levels: Counter[str] = Counter()
        for (kind, severity), instants in self._instants.items():
            levels[severity] += bisect_left(instants, instant) * (1 if kind in CAME else -1)
        return {severity: number for severity, number in levels.items() if number}

    def born_since(self, days: float) -> list[Life]:
        """Submitted in the last `days` times 24 hours."""
        begin = self.at - round(days * DAY)
        return [life for life in self.lives if life.track.born > begin]

    @property
    def instant(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.at)

    def earlier(self, at: int) -> "View":
        """The same at an earlier instant: what happened by then, as known now."""
        return View(self.golive, self.tracks, at, self.known, self.only)


def _when(move: Movement) -> int:
    return move.when


def _moves(life: Life, only: Only) -> Iterator[Movement]:
    before: str | None = None
    was_open = False
    for place, (when, _, stand) in enumerate(life.steps):
        now = (stand.severity or UNDECIDED) if stand.open and only.holds(stand) else None
        if now != before:
            if before is not None:
                yield Movement(when, "left" if stand.open else stand.state, before, life.ticket)
            if now is not None:
                yield Movement(when, _arrival(place, was_open), now, life.ticket)
        before, was_open = now, stand.open


def _arrival(place: int, was_open: bool) -> str:
    if place == 0:
        return "created"
    return "entered" if was_open else "reopened"


def members(chronicle: Chronicle, golives: GoLives, golive: GoLive) -> list[Track]:
    """A ticket belongs to the newest go-live of its site that had begun when it was submitted and whose lines hold its own.

    A ticket that names no line, and a go-live that names none, match whatever the other says.
    """
    later = [each for each in golives.at(golive.site) if each.text.starts_at > golive.text.starts_at]
    begin = micros(golive.text.starts_at)
    tracks = chronicle.sites.get(golive.site, {}).values()
    own = [track for track in tracks if track.born >= begin and _holds(golive, track.area)]
    return [track for track in own if not any(track.born >= micros(each.text.starts_at) and _holds(each, track.area) for each in later)]


def _holds(golive: GoLive, area: str | None) -> bool:
    return not golive.text.areas or area is None or area in golive.text.areas
