"""A ticket's life as one table: in which states an event may happen, where it leads, and what it changes. No reads, no writes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import events as e
from schemas.entries import Entry
from schemas.events import Event
from schemas.tickets import Ticket
from schemas.words import State

Changes = dict[str, Any]

AT_WORK: frozenset[State] = frozenset({"routed", "acknowledged", "waiting"})
AS_ITS_PARENT = "as HC-"
"""How the reason begins where a ticket follows its parent: one decision about one incident, not a second one."""
QA_ROLES = ("qa", "qa_reviewer")
HISTORY = "history"
"""The role of what was moved over from an earlier tool; its actors are `history:` and the name of whoever did it there."""
UNKNOWN = "unknown"
SHOWN = ("decision", "confidence", "threshold", "systems", "sev1_risk", "sev1_candidate", "kind", "words", "similar")
"""What of a prediction stays with the ticket; the whole of it stands in the ledger."""
OPEN: frozenset[State] = AT_WORK | {"submitted", "triage"}
DONE: frozenset[State] = frozenset({"resolved", "closed"})


def happened_at(entry: Entry) -> datetime:
    """The one rule for time: what was moved over from an earlier tool counts when it happened there, all else when it was recorded."""
    return entry.occurred_at if entry.role == HISTORY else entry.recorded_at


def doer(entry: Entry) -> str | None:
    """Who did it, by the name that people know them by; None where an earlier tool does not say."""
    name = entry.actor.removeprefix(f"{HISTORY}:") if entry.role == HISTORY else entry.actor
    return None if entry.role == HISTORY and name == UNKNOWN else name


def _classified(ticket: Ticket, event: e.TicketClassified, entry: Entry) -> Changes:
    shown = {key: event.prediction[key] for key in SHOWN if key in event.prediction}
    decision = event.model_dump(mode="json", exclude={"prediction", "floors", "shadow"}) | shown
    severity = {} if ticket.severity_confirmed else {"severity": event.severity}
    return {"decision": decision} | severity | ({} if ticket.gxp_confirmed else {"gxp": event.gxp})


def _routed(ticket: Ticket, event: e.TicketRouted, entry: Entry) -> Changes:
    moved = {*ticket.moved_from, ticket.system} if ticket.system and ticket.state in AT_WORK else set(ticket.moved_from)
    place: Changes = {"system": event.system, "team": event.team, "routed_at": happened_at(entry)}
    return place | {"assignee": None, "due_at": None, "waiting_for": None, "moved_from": sorted(moved - {event.system})}


def _returned(ticket: Ticket, event: e.TicketReturned, entry: Entry) -> Changes:
    moved = sorted({*ticket.moved_from, *([ticket.system] if ticket.system else [])})
    return {"moved_from": moved, "system": None, "team": None, "assignee": None, "due_at": None, "waiting_for": None}


def _reclassified(ticket: Ticket, event: e.TicketReclassified, entry: Entry) -> Changes:
    severity = {"severity": event.severity, "severity_confirmed": True} if event.severity else {}
    cause: Changes = {"caused_by": event.caused_by} if event.caused_by else {}
    return severity | cause | ({"gxp": event.gxp, "gxp_confirmed": True} if event.gxp else {})


def _acknowledged(ticket: Ticket, event: e.TicketAcknowledged, entry: Entry) -> Changes:
    """Again, it only tells that somebody is still at it: the first one counts, whoever has the ticket keeps it, and what waits waits."""
    first: Changes = {"acknowledged_at": ticket.acknowledged_at or happened_at(entry), "assignee": ticket.assignee or doer(entry)}
    return first | {"state": after_acknowledgement(ticket.state)}


def after_acknowledgement(state: str) -> State:
    return "waiting" if state == "waiting" else "acknowledged"


def _assigned(ticket: Ticket, event: e.TicketAssigned, entry: Entry) -> Changes:
    return {"assignee": event.assignee, "due_at": event.due_at}


def _put_on_hold(ticket: Ticket, event: e.TicketPutOnHold, entry: Entry) -> Changes:
    return {"waiting_for": event.waiting_for}


def _resumed(ticket: Ticket, event: e.TicketResumed, entry: Entry) -> Changes:
    return {"waiting_for": None}


def _resolved(ticket: Ticket, event: e.TicketResolved, entry: Entry) -> Changes:
    return event.model_dump() | {"resolved_at": happened_at(entry), "waiting_for": None}


def _reopened(ticket: Ticket, event: e.TicketReopened, entry: Entry) -> Changes:
    cleared: Changes = {"resolved_at": None, "closed_at": None, "assignee": None, "due_at": None}
    return cleared | {"reopened": ticket.reopened + 1, "state": "routed" if ticket.team else "triage"}


def _closed(ticket: Ticket, event: e.TicketClosed, entry: Entry) -> Changes:
    return {"closed_at": happened_at(entry)}


def _cancelled(ticket: Ticket, event: e.TicketCancelled, entry: Entry) -> Changes:
    return {"duplicate_of": event.duplicate_of}


def _grouped(ticket: Ticket, event: e.TicketGrouped, entry: Entry) -> Changes:
    return {"parent": event.parent}


def _ungrouped(ticket: Ticket, event: e.TicketUngrouped, entry: Entry) -> Changes:
    return {"parent": None, "kept_apart": True}


def _backlogged(ticket: Ticket, event: e.TicketBacklogged, entry: Entry) -> Changes:
    return {"waiting_for": None}


def _worked_around(ticket: Ticket, event: e.TicketWorkedAround, entry: Entry) -> Changes:
    """Another wording is to be accepted again; the first one says since when people can go on."""
    since = ticket.worked_around_at or happened_at(entry)
    return {"workaround": event.workaround, "worked_around_at": since, "workaround_accepted_by": None}


def _workaround_accepted(ticket: Ticket, event: e.TicketWorkaroundAccepted, entry: Entry) -> Changes:
    return {"workaround_accepted_by": entry.actor}


def _linked(ticket: Ticket, event: e.TicketLinked, entry: Entry) -> Changes:
    return {"quality_record": event.quality_record}


def _nothing(ticket: Ticket, event: Event, entry: Entry) -> Changes:
    return {}


@dataclass(frozen=True, slots=True)
class Rule:
    """`to` None: the state stays, or `change` decides it. `counts` False: the event leaves the ticket, and so its version, as it was."""

    after: frozenset[State]
    to: State | None
    change: Callable[[Ticket, Any, Entry], Changes]
    reason: bool = False
    counts: bool = True


LIFECYCLE: dict[type[Event], Rule] = {
    e.TicketClassified: Rule(OPEN, None, _classified),
    e.TicketQueued: Rule(frozenset({"submitted"}), "triage", _nothing),
    e.TicketRouted: Rule(OPEN, "routed", _routed),
    e.TicketReclassified: Rule(OPEN | DONE, None, _reclassified, reason=True),
    e.TicketAcknowledged: Rule(AT_WORK, None, _acknowledged),
    e.TicketAssigned: Rule(AT_WORK, None, _assigned),
    e.TicketPutOnHold: Rule(frozenset({"acknowledged"}), "waiting", _put_on_hold, reason=True),
    e.TicketResumed: Rule(frozenset({"waiting"}), "acknowledged", _resumed),
    e.TicketResolved: Rule(AT_WORK | {"triage"}, "resolved", _resolved),
    e.TicketReturned: Rule(AT_WORK, "triage", _returned, reason=True),
    e.TicketReopened: Rule(DONE | {"backlogged"}, None, _reopened, reason=True),
    e.TicketClosed: Rule(frozenset({"resolved"}), "closed", _closed),
    e.TicketCancelled: Rule(OPEN, "cancelled", _cancelled, reason=True),
    e.TicketGrouped: Rule(OPEN, None, _grouped),
    e.TicketUngrouped: Rule(OPEN | DONE, None, _ungrouped, reason=True),
    e.TicketBacklogged: Rule(OPEN, "backlogged", _backlogged, reason=True),
    e.TicketWorkedAround: Rule(OPEN, None, _worked_around),
    e.TicketWorkaroundAccepted: Rule(OPEN, None, _workaround_accepted, reason=True),
    e.TicketLinked: Rule(OPEN | DONE | {"backlogged"}, None, _linked),
    e.TicketCommented: Rule(OPEN | DONE | {"cancelled", "backlogged"}, None, _nothing, counts=False),
    e.ClockWarned: Rule(OPEN, None, _nothing, counts=False),
    e.ClockBreached: Rule(OPEN, None, _nothing, counts=False),
}

IN_HISTORY: dict[type[Event], frozenset[State]] = {
    e.TicketAcknowledged: frozenset({"submitted", "triage", "routed"}),
    e.TicketResolved: OPEN,
    e.TicketReopened: DONE,
}
"""An earlier tool may know less of a ticket: whose it was before somebody took it, or that anybody did before it was resolved."""


def possible_after(event: type[Event], role: str) -> frozenset[State]:
    """The states in which the event may happen."""
    rule = LIFECYCLE[event].after
    return IN_HISTORY.get(event, rule) if role == HISTORY else rule


def born(event: e.TicketSubmitted, entry: Entry) -> Ticket:
    told = event.model_dump(exclude={"occurred_at"})
    times: Changes = {"occurred_at": entry.occurred_at, "submitted_at": happened_at(entry), "changed_at": happened_at(entry)}
    begun: Changes = {"id": entry.ticket, "version": 1, "state": "submitted", "severity": event.reported_severity}
    return Ticket(**begun, **told, **times)


def changed(ticket: Ticket, event: Event, entry: Entry) -> Ticket:
    """The ticket after the event. Whether the event was allowed is not asked here: what stands in the ledger has happened."""
    rule = LIFECYCLE[type(event)]
    if not rule.counts:
        return ticket
    state = {"state": rule.to or ticket.state}
    stamp = {"version": entry.ticket_version, "changed_at": happened_at(entry)}
    return ticket.model_copy(update=state | rule.change(ticket, event, entry) | stamp)
