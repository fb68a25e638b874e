"""What an entry of the ledger means for the climb of its ticket: it begins, stops or resumes it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from schemas import events as e
from schemas.entries import Entry
from schemas.tables import DELIVERIES, ENTRIES
from schemas.tickets import Ticket
from services.deliveries import delivery_id
from services.dispatcher.climb import AT_WORK, MOST_BOUNCES, OWNER, QA, Climb, Due, first, resumed
from services.dispatcher.rows import StepRows, climb_in, due_of, read_ahead
from services.ledger import Draft, Row
from services.lifecycle import HISTORY, QA_ROLES
from services.oncall.roll import Roll
from services.tickets import SERVICE, find, fold

BEGINS = (e.TicketRouted, e.TicketQueued, e.TicketReturned, e.TicketReopened, e.TicketUngrouped, e.TicketReclassified)
ENGAGES = (e.TicketAcknowledged, e.TicketAssigned, e.TicketPutOnHold, e.TicketResumed, e.TicketWorkedAround)
"""What an engineer records who works on a ticket: each renews an acknowledgement that would expire."""
GIVEN_UP = e.NotificationFailed.__name__
ENDS = (e.TicketResolved, e.TicketClosed, e.TicketCancelled, e.TicketBacklogged, e.TicketGrouped)
FOLLOWED = tuple(cls.__name__ for cls in (*BEGINS, *ENGAGES, *ENDS, e.TicketCommented, e.NotificationFailed))
_BEGINS, _ENGAGES, _ENDS = ({cls.__name__ for cls in kinds} for kinds in (BEGINS, ENGAGES, ENDS))


@dataclass(frozen=True)
class Steps:
    """In one transaction."""

    draft: Draft
    roll: Roll
    rows: StepRows

    def follow(self, entries: Iterable[Entry]) -> None:
        """What entries of the ledger mean for the climbs of their tickets. Of the past nobody is told."""
        told = [(entry, entry.ticket) for entry in entries if entry.role != HISTORY and entry.ticket]
        read_ahead(self.draft, [ticket for _, ticket in told])
        self.rows.read([ticket for _, ticket in told])
        for entry, ticket in told:
            self._follow(entry, find(self.draft, ticket))

    def _follow(self, entry: Entry, ticket: Ticket) -> None:
        if entry.type in _BEGINS:
            self._begin(entry, ticket)
        if entry.type in _ENGAGES or (entry.type == "TicketCommented" and (entry.role in QA_ROLES or entry.actor == ticket.assignee)):
            self._engage(entry, ticket)
        if entry.type in _ENDS:
            self._stop(ticket.id)
        if entry.type == GIVEN_UP:
            self._hasten(ticket.id)

    def _begin(self, entry: Entry, ticket: Ticket) -> None:
        stopped = self._stop(ticket.id)
        climb = climb_in(self.draft, self.roll, ticket)
        if climb is None:
            return
        before = self._before(entry) if entry.type == "TicketReclassified" else None
        for beside in self._beside(entry, ticket, climb, before):
            self.rows.begin(entry.id, ticket.id, climb, Due(0, beside, entry.recorded_at, entry.recorded_at))
        if before is None or _is_graver(ticket, before):
            self.rows.begin(entry.id, ticket.id, climb, first(climb.rungs, entry.recorded_at))
        elif stopped:
            step = min(stopped.step, len(climb.rungs.steps) - 1)
            self.rows.begin(entry.id, ticket.id, climb, stopped._replace(step=step))

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
        climb = climb_in(self.draft, self.roll, ticket)
        if entry.role == SERVICE or climb is None or ticket.state not in AT_WORK:
            return
        if climb.rungs.two_roles and not self._both_engaged(ticket, entry):
            return
        stopped = self._stop(ticket.id) or self._last(ticket.id)
        if climb.rungs.expires and stopped:
            self.rows.begin(entry.id, ticket.id, climb, resumed(climb.rungs, stopped, entry.recorded_at, climb.rungs.expires))

    def _both_engaged(self, ticket: Ticket, entry: Entry) -> bool:
        """Since the climb began somebody of QA and somebody else recorded that they are at work."""
        since = max((row["begun_at"] for row in self.rows.of(ticket.id)), default=entry.recorded_at)
        said = select(ENTRIES.c.role).where(
            ENTRIES.c.ticket == ticket.id,
            ENTRIES.c.type.in_([*_ENGAGES, "TicketCommented"]),
            ENTRIES.c.role.not_in((SERVICE, HISTORY)),
            ENTRIES.c.recorded_at >= min(since, ticket.routed_at or since),
            ENTRIES.c.seq <= entry.seq,
        )
        roles = {role in QA_ROLES for role in self.draft.connection.execute(said).scalars()}
        return roles == {True, False}

    def _hasten(self, ticket: str) -> None:
        """Where every message of the last step was given up nobody was told by it: the next is due now, as after a step without anybody."""
        rows = [row for row in self.rows.of(ticket) if row["step"] >= 0]
        done, pending = ([row for row in rows if row["state"] == state] for state in ("done", "pending"))
        if done and pending and done[-1]["cause"] == pending[-1]["cause"] and self._told_nobody(done[-1]):
            self.rows.put(pending[-1] | {"due_at": min(pending[-1]["due_at"], self.draft.now)})

    def _told_nobody(self, row: Row) -> bool:
        asked = select(DELIVERIES.c.id, DELIVERIES.c.channel, DELIVERIES.c.address, DELIVERIES.c.state)
        found = self.draft.connection.execute(asked.where(DELIVERIES.c.ticket == row["ticket"], DELIVERIES.c.cause == row["cause"]))
        return {each.state for each in found if each.id == delivery_id(row["id"], each.channel, each.address)} == {"dead"}

    def _stop(self, ticket: str) -> Due | None:
        """Where the climb stood; what is told beside the steps stays to be told."""
        pending = [row for row in self.rows.of(ticket) if row["state"] == "pending" and row["step"] >= 0]
        for row in pending:
            self.rows.settle(row, "stopped")
        return due_of(pending[-1]) if pending else None

    def _last(self, ticket: str) -> Due | None:
        taken = [row for row in self.rows.of(ticket) if row["step"] >= 0]
        return due_of(taken[-1]) if taken else None


def _is_graver(ticket: Ticket, before: Ticket) -> bool:
    return ticket.severity is not None and (before.severity is None or ticket.severity < before.severity)
