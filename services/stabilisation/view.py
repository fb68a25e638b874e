"""The tickets of a go-live at an instant: which they are, how they stand, and how they came in and went."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from schemas.figures import UNDECIDED
from schemas.golives import GoLive
from schemas.words import OPEN_STATES
from services.golives import GoLives
from services.stabilisation.chronicle import EPOCH, Chronicle, Stand, Step, Track, micros
from services.stabilisation.clocks import Clockwork

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


class Life:
    """A ticket with the steps that count, at least one: the first `number` of its track."""

    __slots__ = ("number", "stand", "track")

    def __init__(self, track: Track, number: int) -> None:
        self.track = track
        self.number = number
        self.stand = track.stands[number - 1]

    @property
    def ticket(self) -> str:
        return self.track.ticket

    @property
    def last(self) -> int:
        """When the last step was."""
        return self.track.whens[self.number - 1]

    def steps(self) -> Iterator[Step]:
        return (Step(self.track.whens[place], self.track.stands[place]) for place in range(self.number))

    def back(self) -> Iterator[Step]:
        """The last one first."""
        return (Step(self.track.whens[place], self.track.stands[place]) for place in reversed(range(self.number)))


@dataclass(frozen=True)
class View:
    """`at` in microseconds since 1970: what happened by then and, at `known`, was known to have. `told`: movements of all its tickets in
    order, up to `at` or beyond, where somebody has them already.
    """

    golive: GoLive
    tracks: Sequence[Track]
    at: int
    known: int
    only: Only = EVERYTHING
    told: Sequence[Movement] | None = None
    clockwork: Clockwork = field(default_factory=Clockwork)

    @cached_property
    def every(self) -> list[Life]:
        """Every ticket of the go-live, whatever is counted."""
        at, known = self.at, self.known
        return [Life(track, number) for track in self.tracks if (number := track.number(at, known))]

    @cached_property
    def lives(self) -> list[Life]:
        return self.every if self.only == EVERYTHING else [life for life in self.every if self.only.holds(life.stand)]

    @cached_property
    def open(self) -> list[Life]:
        return [life for life in self.lives if life.stand.open]

    @cached_property
    def movements(self) -> Sequence[Movement]:
        """In the order of time."""
        if self.told is None:
            return movements_of(self.every, self.only)
        return self.told[: bisect_right(self.told, self.at, key=_when)]

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
        return replace(self, at=at, told=self.movements)


def _when(move: Movement) -> int:
    return move.when


def movements_of(lives: Iterable[Life], only: Only = EVERYTHING) -> list[Movement]:
    return sorted((move for life in lives for move in _moves(life, only)), key=_when)


def _moves(life: Life, only: Only) -> Iterator[Movement]:
    before: str | None = None
    was_open, everything = False, only == EVERYTHING
    for place, stand in zip(range(life.number), life.track.stands, strict=False):
        is_open = stand.state in OPEN_STATES
        now = (stand.severity or UNDECIDED) if is_open and (everything or only.holds(stand)) else None
        if now != before:
            when = life.track.whens[place]
            if before is not None:
                yield Movement(when, "left" if is_open else stand.state, before, life.ticket)
            if now is not None:
                yield Movement(when, _arrival(place, was_open), now, life.ticket)
        before, was_open = now, is_open


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
