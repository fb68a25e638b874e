"""The steps of climbing tickets as rows: what an entry begins, stops or resumes, and what is done when a step is due."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import func, select

from schemas import events as e
from schemas.entries import Attribution, Entry
from schemas.events import NotificationRequested
from schemas.tables import ENTRIES, STEPS
from schemas.tickets import Ticket
from services.dispatcher.climb import AT_WORK, CLIMBS, MOST_BOUNCES, OWNER, QA, Climb, Due, climb_of, first, following, resumed, step_of
from services.dispatcher.requests import delivery_id
from services.faults import reach
from services.ledger import Draft, Row
from services.lifecycle import HISTORY, QA_ROLES
from services.oncall.roll import Roll
from services.tickets import SERVICE, find, fold, record

ACTOR = "service:dispatcher"
BEGINS = (e.TicketRouted, e.TicketQueued, e.TicketReturned, e.TicketReopened, e.TicketUngrouped, e.TicketReclassified)
ENGAGES = (e.TicketAcknowledged, e.TicketAssigned, e.TicketPutOnHold, e.TicketResumed, e.TicketWorkedAround)
"""What an engineer records who works on a ticket: each renews an acknowledgement that would expire."""
ENDS = (e.TicketResolved, e.TicketClosed, e.TicketCancelled, e.TicketBacklogged, e.TicketGrouped)
FOLLOWED = tuple(cls.__name__ for cls in (*BEGINS, *ENGAGES, *ENDS, e.TicketCommented))
_BEGINS, _ENGAGES = ({cls.__name__ for cls in kinds} for kinds in (BEGINS, ENGAGES))


@dataclass(frozen=True)
class Steps:
    """In one transaction: every change is written with what it asks for, or not at all."""

    draft: Draft
    roll: Roll
    fault: str | None = None

    def follow(self, entry: Entry) -> None:
        """What an entry of the ledger means for the climb of its ticket. Of the past nobody is told."""
        if entry.role == HISTORY or entry.ticket is None:
            return
        ticket = find(self.draft, entry.ticket)
        if entry.type in _BEGINS:
            self._begin(entry, ticket)
        elif entry.type in _ENGAGES or (entry.type == "TicketCommented" and (entry.role in QA_ROLES or entry.actor == ticket.assignee)):
            self._engage(entry, ticket)
        elif entry.type != "TicketCommented":
            self._stop(ticket.id)

    def take(self, row: Row) -> None:
        """Tell whom the step leads to at this instant, and note what follows. Where nobody is there the next step is due now."""
        ticket = find(self.draft, row["ticket"])
        climb = self._climb(ticket)
        step = step_of(climb, row["step"]) if climb and self._holds(row, ticket, climb) else None
        if climb is None or step is None:
            return self._settle(row, "stopped")
        targets = {target for each in self.roll.told(step, climb.place, self.draft.now) for target in each.targets(step.urgency)}
        by = Attribution(ACTOR, SERVICE, cause=row["cause"])
        for channel, address in sorted(targets):
            self._request(ticket, delivery_id(row["id"], channel, address), (channel, address, step.urgency), by)
        self._settle(row, "done" if targets else "skipped")
        reach("escalation-mid-step", self.fault)
        if after := following(climb.rungs, _due(row), self.draft.now, empty=not targets):
            self._put(row["cause"], ticket, climb, after)

    def _begin(self, entry: Entry, ticket: Ticket) -> None:
        stopped = self._stop(ticket.id)
        climb = self._climb(ticket)
        if climb is None:
            return
        before = self._before(entry) if entry.type == "TicketReclassified" else None
        for beside in self._beside(entry, ticket, climb, before):
            self._put(entry.id, ticket, climb, Due(0, beside, entry.recorded_at, entry.recorded_at))
        if before is None or _is_graver(ticket, before):
            self._put(entry.id, ticket, climb, first(climb.rungs, entry.recorded_at))
        elif stopped:
            step = min(stopped.step, len(climb.rungs.steps) - 1)
            self._put(entry.id, ticket, climb, stopped._replace(step=step))

    def _beside(self, entry: Entry, ticket: Ticket, climb: Climb, before: Ticket | None) -> Iterator[int]:
        """Steps beside the ladder: QA where a GxP impact is possible and was not before; the lead where nobody keeps the ticket."""
        if climb.ladder.qa_parallel and ticket.gxp != "none" and (before is None or before.gxp == "none"):
            yield QA
        if entry.type == "TicketReturned" and self._bounces(ticket.id) >= MOST_BOUNCES:
            yield OWNER

    def _before(self, entry: Entry) -> Ticket | None:
        earlier = select(ENTRIES).where(ENTRIES.c.ticket == entry.ticket, ENTRIES.c.seq < entry.seq).order_by(ENTRIES.c.seq)
        return fold(Entry.model_construct(**row) for row in self.draft.connection.execute(earlier).mappings())

    def _bounces(self, ticket: str) -> int:
        given_back = select(func.count()).select_from(ENTRIES).where(ENTRIES.c.ticket == ticket, ENTRIES.c.type == "TicketReturned")
        return int(self.draft.connection.execute(given_back).scalar_one())

    def _engage(self, entry: Entry, ticket: Ticket) -> None:
        """An acknowledgement by a person stops the climb, until it expires. Where two roles must, both have to."""
        climb = self._climb(ticket)
        if entry.role == SERVICE or climb is None or ticket.state not in AT_WORK:
            return
        if climb.rungs.two_roles and not self._both_engaged(ticket, entry):
            return
        stopped = self._stop(ticket.id) or self._last(ticket.id)
        if climb.rungs.expires and stopped:
            self._put(entry.id, ticket, climb, resumed(climb.rungs, stopped, entry.recorded_at, climb.rungs.expires))

    def _both_engaged(self, ticket: Ticket, entry: Entry) -> bool:
        """Since the climb began somebody of QA and somebody else recorded that they are at work."""
        since = max((row["begun_at"] for row in self._rows(ticket.id)), default=entry.recorded_at)
        said = select(ENTRIES.c.role).where(
            ENTRIES.c.ticket == ticket.id,
            ENTRIES.c.type.in_([*_ENGAGES, "TicketCommented"]),
            ENTRIES.c.role.not_in((SERVICE, HISTORY)),
            ENTRIES.c.recorded_at >= min(since, ticket.routed_at or since),
            ENTRIES.c.seq <= entry.seq,
        )
        roles = {role in QA_ROLES for role in self.draft.connection.execute(said).scalars()}
        return roles == {True, False}

    def _stop(self, ticket: str) -> Due | None:
        """Where the climb stood; what is told beside the steps stays to be told."""
        pending = [row for row in self._rows(ticket) if row["state"] == "pending" and row["step"] >= 0]
        for row in pending:
            self._settle(row, "stopped")
        return _due(pending[-1]) if pending else None

    def _last(self, ticket: str) -> Due | None:
        taken = [row for row in self._rows(ticket) if row["step"] >= 0]
        return _due(taken[-1]) if taken else None

    def _climb(self, ticket: Ticket) -> Climb | None:
        return climb_of(self.roll.teams, ticket, find(self.draft, ticket.parent) if ticket.parent else None)

    def _holds(self, row: Row, ticket: Ticket, climb: Climb) -> bool:
        """A ticket whose severity is another one by now goes on by its rungs."""
        return ticket.state in (*CLIMBS, *AT_WORK) and row["team"] == climb.place.team

    def _rows(self, ticket: str) -> Iterator[Row]:
        """Of one ticket as this transaction sees them, by the time at which they are due."""
        kept = select(STEPS.c.id).where(STEPS.c.ticket == ticket)
        names = [
            *self.draft.connection.execute(kept).scalars(),
            *(row["id"] for row in self.draft.staged(STEPS) if row["ticket"] == ticket),
        ]
        rows = [row for name in dict.fromkeys(names) if (row := self.draft.get(STEPS, name))]
        return iter(sorted(rows, key=lambda row: (row["due_at"], row["cycle"], row["step"])))

    def _put(self, cause: str, ticket: Ticket, climb: Climb, due: Due) -> None:
        """A step that was there before stays as it is: asked for again, nothing happens twice."""
        identity = str(uuid5(NAMESPACE_URL, f"hypercare:step:{ticket.id}:{cause}:{due.cycle}:{due.step}"))
        if self.draft.get(STEPS, identity) is None:
            where = {"id": identity, "ticket": ticket.id, "cause": cause, "team": climb.place.team, "severity": climb.severity}
            self.draft.put(STEPS, where | due._asdict() | {"state": "pending", "settled_at": None})

    def _settle(self, row: Row, state: str) -> None:
        self.draft.put(STEPS, row | {"state": state, "settled_at": self.draft.now})

    def _request(self, ticket: Ticket, delivery: str, target: tuple[str, str, str], by: Attribution) -> None:
        fields = dict(zip(("channel", "address", "urgency"), target, strict=True))
        record(self.draft, ticket.id, NotificationRequested.model_validate({"delivery": delivery} | fields), by)


def _due(row: Row) -> Due:
    return Due(row["cycle"], row["step"], row["begun_at"], row["due_at"])


def _is_graver(ticket: Ticket, before: Ticket) -> bool:
    return ticket.severity is not None and (before.severity is None or ticket.severity < before.severity)
