"""Tickets of an earlier tool move in: what it tells of one becomes events of ours, at the times when it happened there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import select

from schemas.entries import Attribution, Entry
from schemas.events import (
    Event,
    TicketAcknowledged,
    TicketCancelled,
    TicketClosed,
    TicketReclassified,
    TicketReopened,
    TicketResolved,
    TicketRouted,
)
from schemas.figures import UNDECIDED
from schemas.history import PastEvent
from schemas.tables import ENTRIES, KEYS, ORIGINS
from schemas.tickets import Ticket
from schemas.words import NOT_RECORDED
from services.errors import Conflict, Forbidden, HypercareError, Invalid, NotFound, Refused
from services.ledger import Draft, Slot
from services.lifecycle import HISTORY, QA_ROLES, UNKNOWN, happened_at, possible_after
from services.teams import Teams
from services.tickets import SERVICE, find, lowers_what_qa_guards, record, record_for_group, submit

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before it no tool of today was at work: such a year was written with two digits, or is a placeholder."""
PLAIN: dict[str, Event] = {
    "acknowledged": TicketAcknowledged(),
    "reopened": TicketReopened(),
    "closed": TicketClosed(),
    "cancelled": TicketCancelled(),
}


class Taken(NamedTuple):
    """What became of one event: its ticket here, and whether it is new."""

    ticket: str
    new: bool


Outcome = Taken | HypercareError


@dataclass(frozen=True, slots=True)
class Move:
    """Who moves tickets over, from which source, to which teams."""

    source: str
    caller: Attribution
    teams: Teams

    @property
    def keeper(self) -> str:
        """Under this caller the keys of a source's events are kept."""
        return f"{HISTORY}:{self.source}"

    def by(self, event: PastEvent) -> Attribution:
        reason = f"moved over by {self.caller.actor} from {self.source}"
        actor = f"{HISTORY}:{event.actor or UNKNOWN}"
        return Attribution(actor, HISTORY, reason, event.occurred_at, traceparent=self.caller.traceparent)


def reads_of(move: Move, ticket: str) -> list[Slot]:
    """The row that `move_over` looks at first, for the ledger to read ahead."""
    return [(ORIGINS, (move.source, ticket))]


def in_order(event: PastEvent) -> tuple[datetime, bool]:
    """How events of a ticket are sorted; where times are equal, the report comes first and else the order of the file holds."""
    return event.occurred_at, event.type != "submitted"


def move_over(draft: Draft, events: Sequence[PastEvent], move: Move) -> list[Outcome]:
    """Events of one ticket, sorted by `in_order`: all of them are recorded or, where one is refused, none.

    One that was moved over before is known, whatever else its row says by now. An outcome per event, in the same order.
    """
    mark, story = draft.mark(), _Story(draft, events, move)
    before, outcomes = dict(story.known), list[Outcome]()
    for event in events:
        try:
            outcomes.append(story.take(event))
        except HypercareError as refused:
            draft.undo(mark)
            return [refused if each is event else _left(each, before) for each in events]
    return outcomes


def held_back() -> Conflict:
    """A ticket that is told by half would be taken for open, and people would be called."""
    return Conflict("Waits: another event of this ticket is refused. Mend that one and move them over together")


def _left(event: PastEvent, known: Mapping[str, str]) -> Outcome:
    return Taken(known[event.key], False) if event.key in known else held_back()


class _Story:
    """One ticket while its events are taken in. `known`: by the key of each event that is here, the ticket's name."""

    def __init__(self, draft: Draft, events: Sequence[PastEvent], move: Move) -> None:
        self.draft = draft
        self.move = move
        origin = draft.get(ORIGINS, move.source, events[0].ticket)
        self.ticket = find(draft, origin["ticket"]) if origin else None
        self.known = dict(_known(draft, events, move)) if origin else {}
        self._record = record_for_group if origin else record
        self._since = _people_since(draft, self.ticket.id) if self.ticket and len(self.known) < len(events) else None

    def take(self, event: PastEvent) -> Taken:
        """Raises where it cannot have happened so."""
        if event.key in self.known:
            return Taken(self.known[event.key], False)
        if event.type == "submitted" and self.ticket:
            return Taken(self.ticket.id, False)
        self._check_time(event)
        ticket = self._report(event) if event.type == "submitted" else self._go_on(event)
        self._since, self.known[event.key] = event.occurred_at, ticket.id
        kept = {"caller": self.move.keeper, "key": event.key, "ticket": ticket.id, "used_at": self.draft.now}
        self.draft.put(KEYS, kept | {"body_digest": sha256(event.model_dump_json().encode()).hexdigest()})
        return Taken(ticket.id, True)

    def _check_time(self, event: PastEvent) -> None:
        if event.occurred_at > self.draft.now:
            raise Invalid(f"{event.occurred_at} lies in the future: look at the time's UTC offset")
        if event.occurred_at < EARLIEST:
            raise Invalid(f"{event.occurred_at} lies before 2000: look at the year")
        if self._since and event.occurred_at < self._since:
            raise Invalid(f"{event.occurred_at} lies before the last thing that people did with {event.ticket}, at {self._since}")

    def _report(self, event: PastEvent) -> Ticket:
        ticket, _ = submit(self.draft, event.submission(self.move.source), self.move.by(event))
        return self._tell(event, ticket, _changes(event, ticket, self.move.teams))

    def _go_on(self, event: PastEvent) -> Ticket:
        """Team and severity are told before what happened then, but where only the event opens the ticket for them."""
        if self.ticket is None:
            raise NotFound(f"{self.move.source} has told of no {event.ticket} yet: move its submitted event over first, or with this one")
        changes, happened = _changes(event, self.ticket, self.move.teams), _event(event, self.ticket)
        return self._tell(event, self.ticket, [happened, *changes] if event.type == "reopened" else [*changes, happened])

    def _tell(self, event: PastEvent, ticket: Ticket, happened: Sequence[Event]) -> Ticket:
        for each in happened:
            _check(event, ticket, each, self.move.caller.role)
            ticket = self._record(self.draft, ticket.id, each, self.move.by(event))
        self.ticket = ticket
        return ticket


def _known(draft: Draft, events: Sequence[PastEvent], move: Move) -> Iterator[tuple[str, str]]:
    draft.prefetch(KEYS, [(move.keeper, event.key) for event in events])
    for event in events:
        if kept := draft.get(KEYS, move.keeper, event.key):
            yield event.key, kept["ticket"]


def _people_since(draft: Draft, ticket: str) -> datetime | None:
    """When people did the last thing with a ticket, there or here. What services decide meanwhile does not bar what people did before."""
    kept = draft.connection.execute(select(ENTRIES).where(ENTRIES.c.ticket == ticket, ENTRIES.c.role != SERVICE)).mappings()
    fresh = (row for row in draft.entries if row["ticket"] == ticket and row["role"] != SERVICE)
    return max((happened_at(Entry.model_construct(**row)) for row in (*kept, *fresh)), default=None)


def _event(event: PastEvent, ticket: Ticket) -> Event:
    if event.type != "resolved":
        return PLAIN[event.type]
    system, cause = event.system or ticket.system or UNDECIDED, event.cause_class or NOT_RECORDED
    return TicketResolved(cause_system=system, cause_class=cause, resolution=event.resolution)


def _changes(event: PastEvent, ticket: Ticket, teams: Teams) -> list[Event]:
    """What the earlier tool holds the ticket for, as far as it is another thing than people held it for until then."""
    severity = ticket.severity if ticket.severity_confirmed else ticket.reported_severity
    gxp = ticket.gxp if ticket.gxp_confirmed else "none"
    told = {"severity": event.severity if event.severity != severity else None, "gxp": event.gxp if event.gxp != gxp else None}
    graded = [TicketReclassified.model_validate(told)] if any(told.values()) else []
    if event.system is None or event.system == ticket.system:
        return list(graded)
    return [TicketRouted(system=event.system, team=teams.team_for(ticket.site, event.system)), *graded]


def _check(told: PastEvent, ticket: Ticket, event: Event, role: str) -> None:
    """As `record` does, in the words of whoever knows only the earlier tool; and nobody lowers by an import what they may not lower."""
    possible = possible_after(type(event), HISTORY)
    if ticket.state not in possible:
        what = f"to say that it belongs to {told.system}" if isinstance(event, TicketRouted) else f"for it to be {told.type}"
        raise Refused(f"{told.ticket} is {ticket.state} then: {what} it has to be {' or '.join(sorted(possible))}")
    if isinstance(event, TicketReclassified) and lowers_what_qa_guards(ticket, event) and role not in QA_ROLES:
        raise Forbidden(f"{told.ticket} had a GxP flag when that or its severity was lowered: only QA (role qa, qa_reviewer) moves it over")
