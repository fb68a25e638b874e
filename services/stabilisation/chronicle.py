"""What became of every ticket, step by step, kept in memory and brought up to date from the ledger: one pass, entry by entry.

A step is known from `known` on and counts from `when` on, both in whole microseconds since 1970, so that thresholds are met or missed
exactly. What a ticket was at any instant, as known at any later one, is its last step before both.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from threading import RLock
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Row, select

from schemas.entries import Entry
from schemas.tables import ENTRIES
from schemas.words import OPEN_STATES
from services.calendars import EPOCH as EPOCH
from services.calendars import MICROSECOND
from services.db import Database
from services.heap import uncollected
from services.ledger import within_reach
from services.lifecycle import HISTORY, LIFECYCLE, QA_ROLES, after_acknowledgement, doer, happened_at
from services.stabilisation.census import Census
from services.tickets import SERVICE

PAGE = 5_000
COMMENT = "TicketCommented"
HOLD = "TicketPutOnHold"
ANSWERS = ("TicketAcknowledged", COMMENT, "TicketWorkedAround")
ASKING_ROLES = ("operator", "support_desk")
"""Their comments carry questions and answers, they are not the team's."""
Told = dict[str, Any]
Flagger = Literal["people", "qa"]
READ = [ENTRIES.c[name] for name in ("seq", "type", "ticket", "site", "actor", "role", "occurred_at", "recorded_at", "data")]


def micros(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND


def instant(microseconds: int) -> datetime:
    return EPOCH + microseconds * MICROSECOND


class Stand(NamedTuple):
    """A ticket between two steps. Instants in microseconds since 1970; `resolver` is (actor, role) of the last resolution.

    `flagged_at`: since when it has a GxP flag, `flagged_by`: whether QA, which alone assesses it, or somebody else spoke of it last.
    `first_system` is where it was routed first, `moves` how often it went on from a team. `queued`: a person had to route it. `again`:
    told before, as a known error or another's child. `engaged_at`: since when a person has it in work, `answered_at`: since when somebody
    of the team's side has answered.
    """

    state: str = "submitted"
    severity: str | None = None
    system: str | None = None
    acknowledged_at: int | None = None
    worked_around_at: int | None = None
    accepted: bool = False
    resolved_at: int | None = None
    resolver: tuple[str, str] | None = None
    gxp: str = "none"
    flagged_at: int | None = None
    flagged_by: Flagger | None = None
    linked: bool = False
    owner: str | None = None
    due_at: bool = False
    caused_by: str | None = None
    kind: str | None = None
    known_error: str | None = None
    parent: str | None = None
    graded: bool = False
    reopened: int = 0
    first_system: str | None = None
    moves: int = 0
    queued: bool = False
    decided: bool = False
    engaged_at: int | None = None
    answered_at: int | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def assessed(self) -> bool:
        return self.flagged_by == "qa"

    @property
    def again(self) -> bool:
        return self.known_error is not None or self.parent is not None


class Step(NamedTuple):
    when: int
    stand: Stand


class Track:
    """The steps of one ticket, in the order of the ledger; no step counts before the one ahead of it.

    `knowns` is there only where a step was known later than it happened. `asking`: who reported it, and who told it for them.
    `waits`: whom it waited for after a step.
    """

    __slots__ = ("area", "asking", "born", "knowns", "occurred", "stands", "ticket", "waits", "whens")

    def __init__(self, ticket: str, area: str | None, born: int, occurred: int, asking: tuple[str | None, ...] = ()) -> None:
        self.ticket = ticket
        self.area = area
        self.born = born
        self.occurred = occurred
        self.asking = asking
        self.whens = array("q")
        self.knowns: array[int] | None = None
        self.waits: dict[int, str] | None = None
        self.stands: list[Stand] = []

    def append(self, when: int, known: int, stand: Stand) -> None:
        if known != when and self.knowns is None:
            self.knowns = array("q", self.whens)
        self.whens.append(when)
        self.stands.append(stand)
        if self.knowns is not None:
            self.knowns.append(known)

    def waits_for(self, place: int) -> str | None:
        """Since it was put on hold last: being graded or assigned meanwhile does not end that. None where it does not wait."""
        while self.waits and place >= 0 and self.stands[place].state == "waiting":
            if place in self.waits:
                return self.waits[place]
            place -= 1
        return None

    def number(self, at: int, known: int) -> int:
        """How many steps count at `at`, as known at `known`."""
        counted = len(self.whens) if self.whens[-1] <= at else bisect_right(self.whens, at)
        return counted if self.knowns is None else min(counted, bisect_right(self.knowns, known))


class Chronicle:
    """The tracks of every site, in the order of the tickets. `rewritten` counts what arrived for the past: history that was moved over."""

    def __init__(self) -> None:
        self.position = 0
        self.rewritten = 0
        self.census = Census()
        self.steps = 0
        self.sites: dict[str, dict[str, Track]] = {}
        self._busy = RLock()

    @contextmanager
    def up_to_date(self, database: Database) -> Iterator[Connection]:
        """With everything that was recorded until now, and the transaction that read it; one reader at a time."""
        with self._busy, database.read() as connection:
            self.catch_up(connection)
            yield connection

    def catch_up(self, connection: Connection) -> None:
        with uncollected():
            while rows := connection.execute(NEXT, {"after": self.position}).all():
                for row in rows:
                    self.take(row)

    def take(self, row: "Row[Any] | Entry") -> None:
        """An entry of the ledger, or the columns of one."""
        self.position = row.seq
        told = _TOLD.get(row.type)
        if told is None or row.ticket is None:
            return
        when, known = micros(happened_at(row)), micros(row.recorded_at)  # type: ignore[arg-type]
        tracks = self.sites.setdefault(str(row.site), {})
        if row.type == "TicketSubmitted":
            track = tracks[row.ticket] = _born(row, when)
            before, after = None, Stand(severity=row.data.get("reported_severity"))
        else:
            track = tracks[row.ticket]
            when, before = max(when, track.whens[-1]), track.stands[-1]
            after = _answered(track, row, when, told(before, row, when))
        if after is not before:
            if row.type == HOLD:
                track.waits = {**(track.waits or {}), len(track.stands): row.data["waiting_for"]}
            track.append(when, known, after)
            self.census.move(str(row.site), track.born, before, after)
            self.rewritten += when < known
            self.steps += 1


def _born(row: Any, when: int) -> Track:
    asking = _asking(row.data.get("reporter"), doer(row))
    return Track(row.ticket, row.data.get("area"), when, micros(row.occurred_at), asking)


@lru_cache(10_000)
def _asking(*names: str | None) -> tuple[str | None, ...]:
    """The same few people report most tickets: each pair is kept once."""
    return names


def _answered(track: Track, row: Any, when: int, stand: Stand) -> Stand:
    """A comment is a step only where it is the first answer."""
    first = stand.answered_at is None and row.type in ANSWERS and answers(row, track.asking)
    return stand._replace(answered_at=when) if first else stand


def by_a_person(row: Any) -> bool:
    """Not by a service, and not by somebody whom an earlier tool does not name."""
    return row.role != SERVICE and doer(row) is not None


def answers(row: Any, asking: tuple[str | None, ...]) -> bool:
    """By a person who neither reported the problem nor told it, and does not speak for those who do."""
    return by_a_person(row) and doer(row) not in asking and row.role not in ASKING_ROLES


def _kept(stand: Stand, row: Any, when: int) -> Stand:
    return stand


def _moved(stand: Stand, row: Any, when: int) -> Stand:
    """The state that the lifecycle leads to, and nothing else."""
    return stand._replace(state=TO[row.type] or stand.state)


def _classified(stand: Stand, row: Any, when: int) -> Stand:
    data: Told = row.data
    errors = data.get("known_errors") or ()
    first = str(errors[0]["known_error"]) if errors else stand.known_error
    graded = stand if stand.graded else stand._replace(severity=data["severity"])
    decided = graded._replace(decided=True, kind=data["prediction"].get("kind"), known_error=first)
    return decided if stand.flagged_by else _flagged(decided, data["gxp"], when)


def _flagger(role: str, gxp: str) -> Flagger:
    """A person who raises a flag asks QA to look. An earlier tool's word is QA's where it says more than that somebody should."""
    return "qa" if role in QA_ROLES or (role == HISTORY and gxp != "potential") else "people"


def _flagged(stand: Stand, gxp: str, when: int) -> Stand:
    return stand._replace(gxp=gxp, flagged_at=None if gxp == "none" else stand.flagged_at or when)


def _reclassified(stand: Stand, row: Any, when: int) -> Stand:
    data: Told = row.data
    severity, gxp = data.get("severity"), data.get("gxp")
    graded = stand._replace(severity=severity, graded=True) if severity else stand
    caused = graded._replace(caused_by=data.get("caused_by") or stand.caused_by)
    return _flagged(caused, gxp, when)._replace(flagged_by=_flagger(row.role, gxp)) if gxp else caused


def _routed(stand: Stand, row: Any, when: int) -> Stand:
    system = row.data["system"]
    moved = stand.system is not None and stand.system != system
    return stand._replace(
        state="routed", system=system, first_system=stand.first_system or system, moves=stand.moves + moved, owner=None, due_at=False
    )


def _queued(stand: Stand, row: Any, when: int) -> Stand:
    return stand._replace(state="triage", queued=True)


def _returned(stand: Stand, row: Any, when: int) -> Stand:
    return stand._replace(state="triage", system=None, moves=stand.moves + 1, owner=None, due_at=False)


def _acknowledged(stand: Stand, row: Any, when: int) -> Stand:
    first = when if stand.acknowledged_at is None else stand.acknowledged_at
    engaged = when if stand.engaged_at is None and by_a_person(row) else stand.engaged_at
    state = after_acknowledgement(stand.state)
    return stand._replace(state=state, acknowledged_at=first, engaged_at=engaged, owner=stand.owner or doer(row))


def _assigned(stand: Stand, row: Any, when: int) -> Stand:
    return stand._replace(owner=row.data["assignee"], due_at="due_at" in row.data)


def _resolved(stand: Stand, row: Any, when: int) -> Stand:
    kind = "training" if row.data.get("cause_class") == "training" else stand.kind
    return stand._replace(state="resolved", resolved_at=when, resolver=(doer(row) or "", row.role), kind=kind)


def _reopened(stand: Stand, row: Any, when: int) -> Stand:
    state = "routed" if stand.system else "triage"
    return stand._replace(state=state, resolved_at=None, owner=None, due_at=False, reopened=stand.reopened + 1)


def _worked_around(stand: Stand, row: Any, when: int) -> Stand:
    first = when if stand.worked_around_at is None else stand.worked_around_at
    return stand._replace(worked_around_at=first, accepted=False)


def _accepted(stand: Stand, row: Any, when: int) -> Stand:
    return stand._replace(accepted=True)


def _linked(stand: Stand, row: Any, when: int) -> Stand:
    return stand._replace(linked=True)


def _grouped(stand: Stand, row: Any, when: int) -> Stand:
    return stand._replace(parent=row.data["parent"])


def _ungrouped(stand: Stand, row: Any, when: int) -> Stand:
    return stand._replace(parent=None)


TO = {event.__name__: rule.to for event, rule in LIFECYCLE.items()}
_TOLD: dict[str, Callable[[Stand, Any, int], Stand]] = {
    "TicketSubmitted": _kept,
    **{event.__name__: _moved for event, rule in LIFECYCLE.items() if rule.counts},
    "TicketClassified": _classified,
    "TicketReclassified": _reclassified,
    "TicketRouted": _routed,
    "TicketQueued": _queued,
    "TicketReturned": _returned,
    "TicketAcknowledged": _acknowledged,
    "TicketAssigned": _assigned,
    "TicketCommented": _kept,
    "TicketResolved": _resolved,
    "TicketReopened": _reopened,
    "TicketWorkedAround": _worked_around,
    "TicketWorkaroundAccepted": _accepted,
    "TicketLinked": _linked,
    "TicketGrouped": _grouped,
    "TicketUngrouped": _ungrouped,
}
NEXT = select(*READ).where(within_reach(list(_TOLD), PAGE)).order_by(ENTRIES.c.seq).limit(PAGE)
"""Its parts, made anew for every page, would be garbage that only the collector finds, which rests meanwhile."""
