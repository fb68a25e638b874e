"""The one door to a ticket: `record` checks the lifecycle, applies the change and appends the event, in the transaction of its draft."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from schemas.entries import Attribution, Entry
from schemas.events import (
    EVENTS,
    Event,
    TicketAcknowledged,
    TicketBacklogged,
    TicketCancelled,
    TicketClassified,
    TicketGrouped,
    TicketQueued,
    TicketReclassified,
    TicketResolved,
    TicketRouted,
    TicketSubmitted,
    TicketUngrouped,
    TicketWorkaroundAccepted,
)
from schemas.tables import KEYS, ORIGINS, TICKETS
from schemas.tickets import Submission, Ticket
from schemas.words import NOT_RECORDED, OPEN_STATES, State
from services.deliveries import DELIVERY_CHANGES, note
from services.errors import Forbidden, HypercareError, Invalid, KeyReused, NotFound, Refused, Stale
from services.groups import stands_for_itself
from services.knownerrors import count_hits
from services.ledger import Draft, Slot, Subject
from services.lifecycle import AT_WORK, HISTORY, LIFECYCLE, QA_ROLES, born, changed, possible_after

SERVICE = "service"
FOLLOWS: dict[type[Event], frozenset[State]] = {
    TicketRouted: frozenset({"submitted", "triage"}),
    TicketAcknowledged: frozenset({"routed"}),
    TicketResolved: AT_WORK | {"triage"},
}
"""What a person does with a parent holds for its children in these states: it is decided once. Each is closed by itself."""
RELEASES = (TicketReclassified, TicketResolved, TicketCancelled, TicketBacklogged)
"""After these a parent may no longer stand for a child that it stood for until then, and for which nobody was woken."""


def submit(draft: Draft, submission: Submission, by: Attribution, key: str | None = None) -> tuple[Ticket, bool]:
    """A new ticket, or the one that this key or this source record already made. The flag says whether it is new."""
    digest = sha256(submission.model_dump_json(exclude_none=True).encode()).hexdigest()
    known = _ticket_of_key(draft, by.actor, key, digest) or _ticket_of_origin(draft, submission)
    ticket = find(draft, known) if known else _create(draft, submission, by)
    if key and not draft.get(KEYS, by.actor, key):
        draft.put(KEYS, {"caller": by.actor, "key": key, "body_digest": digest, "ticket": ticket.id, "used_at": draft.now})
    return ticket, known is None


def reads_of(submission: Submission, caller: str, key: str | None) -> list[Slot]:
    """The rows that `submit` will look at, for the ledger to read ahead."""
    origin = (submission.source_system, submission.source_id)
    return ([(KEYS, (caller, key))] if key else []) + ([(ORIGINS, origin)] if all(origin) else [])


def _ticket_of_key(draft: Draft, caller: str, key: str | None, digest: str) -> str | None:
    used = draft.get(KEYS, caller, key) if key else None
    if used and used["body_digest"] != digest:
        raise KeyReused(f"The key made ticket {used['ticket']}. Send the same body again, or use a new key for a new ticket")
    return str(used["ticket"]) if used else None


def _ticket_of_origin(draft: Draft, submission: Submission) -> str | None:
    if not (submission.source_system and submission.source_id):
        return None
    origin = draft.get(ORIGINS, submission.source_system, submission.source_id)
    return str(origin["ticket"]) if origin else None


def _create(draft: Draft, submission: Submission, by: Attribution) -> Ticket:
    draft.tickets += 1
    event = TicketSubmitted.model_construct(**dict(submission))
    by = Attribution(by.actor, by.role, by.reason, submission.occurred_at or by.occurred_at, by.cause, by.traceparent)
    ticket = born(event, draft.append(event, by, Subject(f"HC-{draft.tickets}", 1, submission.site)))
    draft.put(TICKETS, ticket.model_dump())
    if submission.source_system and submission.source_id:
        draft.put(ORIGINS, {"source_system": submission.source_system, "source_id": submission.source_id, "ticket": ticket.id})
    return ticket


def find(draft: Draft, ticket: str) -> Ticket:
    row = draft.get(TICKETS, ticket)
    if row is None:
        raise NotFound(f"There is no ticket {ticket}; look it up with GET /v1/tickets")
    return Ticket.model_construct(**row)


def record(draft: Draft, ticket_id: str, event: Event, by: Attribution, version: int | None = None) -> Ticket:
    """Apply an event to a ticket, or raise `Refused`, `Stale` (another version than the caller saw), `Invalid` (no reason), `Forbidden`."""
    ticket = find(draft, ticket_id)
    if version is not None and version != ticket.version:
        raise Stale(f"You saw version {version} of {ticket.id}; it is at {ticket.version} now. Read it again, then repeat the change")
    if type(event) in DELIVERY_CHANGES:
        note(draft, event, by, Subject(ticket.id, ticket.version, ticket.site))
        return ticket
    _check(ticket, event, by)
    if isinstance(event, TicketGrouped):
        _check_group(draft, ticket, event, by)
    if isinstance(event, TicketClassified):
        count_hits(draft, _offered(event.known_errors) - _offered((ticket.decision or {}).get("known_errors", ())))
    version = ticket.version + LIFECYCLE[type(event)].counts
    after = changed(ticket, event, draft.append(event, by, Subject(ticket.id, version, ticket.site)))
    draft.put(TICKETS, after.model_dump())
    return _to_its_parent(draft, after, by) if isinstance(event, (TicketGrouped, TicketQueued)) and after.parent else after


def _to_its_parent(draft: Draft, child: Ticket, by: Attribution) -> Ticket:
    """A child that waits in triage goes where its parent went, unless it was given back there, or is to be seen for itself."""
    parent = find(draft, str(child.parent))
    waits = child.state == "triage" and not stands_for_itself(child, parent)
    if not waits or not (parent.system and parent.team) or parent.system in child.moved_from:
        return child
    event = TicketRouted(system=parent.system, team=parent.team)
    led = replace(by, reason=f"as {parent.id}")
    after = changed(child, event, draft.append(event, led, Subject(child.id, child.version + 1, child.site)))
    draft.put(TICKETS, after.model_dump())
    return after


def _check(ticket: Ticket, event: Event, by: Attribution) -> None:
    rule = LIFECYCLE[type(event)]
    possible = possible_after(type(event), by.role)
    if ticket.state not in possible:
        raise Refused(f"{ticket.id} is {ticket.state}; this is possible only while it is {', '.join(sorted(possible))}")
    moving = isinstance(event, TicketRouted) and ticket.state in AT_WORK
    if (rule.reason or moving) and not (by.reason and by.reason.strip()):
        raise Invalid(f"Say why: this change of {ticket.id} needs a reason that an auditor will understand")
    if type(event) in CHECKS:
        CHECKS[type(event)](ticket, event, by)


def _check_route(ticket: Ticket, event: TicketRouted, by: Attribution) -> None:
    if by.role == SERVICE:
        _check_unattended_route(ticket, event)


def _check_resolution(ticket: Ticket, event: TicketResolved, by: Attribution) -> None:
    if event.cause_class == NOT_RECORDED and by.role != HISTORY:
        raise Invalid(f"Say what the cause was: {NOT_RECORDED} is for resolutions that were moved over from an earlier tool")


def _check_ungrouping(ticket: Ticket, event: TicketUngrouped, by: Attribution) -> None:
    if not ticket.parent:
        raise Refused(f"{ticket.id} stands for itself already; there is no group to take it out of")


def _check_acceptance(ticket: Ticket, event: TicketWorkaroundAccepted, by: Attribution) -> None:
    if not ticket.worked_around_at:
        raise Refused(f"{ticket.id} has no workaround yet; tell one with POST /v1/tickets/{ticket.id}/workaround")
    if by.role not in QA_ROLES:
        raise Forbidden(f"Only QA (role qa or qa_reviewer) accepts the workaround of {ticket.id}")


def _offered(known_errors: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(each["known_error"]) for each in known_errors}


def _check_group(draft: Draft, ticket: Ticket, event: TicketGrouped, by: Attribution) -> None:
    """A group is a parent and its children, no deeper; and it never hides one that must be seen for itself."""
    parent = find(draft, event.parent)
    if why := _too_deep(ticket, parent, _children(draft, ticket.id)):
        raise Refused(why)
    if ticket.parent == parent.id:
        raise Refused(f"{ticket.id} stands under {parent.id} already")
    if by.role == SERVICE and (ticket.kept_apart or ticket.parent):
        raise Refused(f"{ticket.id} was grouped or taken out of its group before; a service does not override that")
    if why := stands_for_itself(ticket, parent):
        raise Refused(f"{ticket.id} stays by itself: {why}")


def _too_deep(ticket: Ticket, parent: Ticket, children: Sequence[Ticket]) -> str | None:
    if parent.id == ticket.id:
        return f"{ticket.id} cannot stand under itself; name the ticket that stands for the incident"
    if parent.parent:
        return f"{parent.id} stands under {parent.parent}: put {ticket.id} under {parent.parent} too"
    if children:
        return f"{ticket.id} stands for {', '.join(each.id for each in children)}: put those under {parent.id} first"
    return None


def _children(draft: Draft, parent: str) -> list[Ticket]:
    """As this transaction sees them, the oldest first: those that it has grouped itself are not in the table yet."""
    kept = draft.connection.execute(select(TICKETS.c.id).where(TICKETS.c.parent == parent)).scalars()
    fresh = (row["id"] for row in draft.staged(TICKETS) if row["parent"] == parent)
    names = sorted({*kept, *fresh}, key=lambda name: int(name[3:]))
    draft.prefetch(TICKETS, [(name,) for name in names])
    return [child for child in (find(draft, name) for name in names) if child.parent == parent]


def record_for_group(draft: Draft, ticket_id: str, event: Event, by: Attribution, version: int | None = None) -> Ticket:
    """`record`, and what it means for the tickets that this one stood for until now. Those that stand for themselves stay as they are."""
    before, place = find(draft, ticket_id), len(draft.entries)
    ticket = record(draft, ticket_id, event, by, version)
    if type(event) in FOLLOWS or type(event) in RELEASES:
        led = replace(_leader(by), cause=str(draft.entries[place]["id"]))
        for child in _children(draft, ticket_id):
            if child.state in OPEN_STATES and not stands_for_itself(child, before):
                _lead(draft, child, (before, ticket), event, led)
    return ticket


def _leader(by: Attribution) -> Attribution:
    """What happened to a parent in an earlier tool was not decided for its children here: they do not follow, but must be seen again."""
    return Attribution(f"{SERVICE}:{HISTORY}", SERVICE, by.reason) if by.role == HISTORY else by


def _lead(draft: Draft, child: Ticket, parent: tuple[Ticket, Ticket], event: Event, by: Attribution) -> None:
    """The child follows where it can. Where its parent (as it was, as it is) ceases to stand for it, it stands for itself again."""
    before, after = parent
    following = replace(by, reason=f"as {after.id}" + (f": {by.reason}" if by.reason else ""))
    if by.role != SERVICE and _follows(child, before, event) and _recorded(draft, child, event, following):
        return
    if why := stands_for_itself(child, after):
        record(draft, child.id, TicketUngrouped(), replace(by, reason=f"{after.id} no longer stands for it: {why}"))


def _follows(child: Ticket, parent: Ticket, event: Event) -> bool:
    """Not where another team has it, and not to a team that gave it back."""
    given_back = isinstance(event, TicketRouted) and event.system in child.moved_from
    return child.state in FOLLOWS.get(type(event), ()) and child.team in (None, parent.team) and not given_back


def _recorded(draft: Draft, ticket: Ticket, event: Event, by: Attribution) -> bool:
    mark = draft.mark()
    try:
        record(draft, ticket.id, event, by)
    except HypercareError:
        draft.undo(mark)
        return False
    return True


def _check_unattended_route(ticket: Ticket, event: TicketRouted) -> None:
    if ticket.state != "submitted":
        raise Refused(f"{ticket.id} is already in a person's hands ({ticket.state}); a service does not override people")
    if event.system in ticket.moved_from:
        raise Refused(f"{ticket.id} was moved away from {event.system}; only a person may send it there again")


def _check_reclassification(ticket: Ticket, event: TicketReclassified, by: Attribution) -> None:
    if event.severity is None and event.gxp is None and event.caused_by is None:
        raise Invalid("Give a severity, a gxp flag, or what it was caused_by")
    if lowers_what_qa_guards(ticket, event) and by.role not in (*QA_ROLES, HISTORY):
        raise Forbidden(f"{ticket.id} has a GxP flag: only QA (role qa or qa_reviewer) may lower the flag or the severity")


CHECKS: dict[type[Event], Callable[[Ticket, Any, Attribution], None]] = {
    TicketRouted: _check_route,
    TicketReclassified: _check_reclassification,
    TicketWorkaroundAccepted: _check_acceptance,
    TicketResolved: _check_resolution,
    TicketUngrouped: _check_ungrouping,
}
"""What is asked of an event beside its state and its reason."""


def lowers_what_qa_guards(ticket: Ticket, event: TicketReclassified) -> bool:
    """The GxP flag, or the severity of a ticket that has one. What was moved over was decided before: there it is asked who moves it."""
    lowers_gxp = (event.gxp == "none" and ticket.gxp != "none") or (event.gxp == "potential" and ticket.gxp == "confirmed")
    lowers_severity = bool(event.severity and ticket.severity and event.severity > ticket.severity)
    return lowers_gxp or (lowers_severity and ticket.gxp != "none")


def fold(entries: Iterable[Entry]) -> Ticket | None:
    """The ticket that these entries (its own, in order) make; None where there is no submission among them."""
    ticket: Ticket | None = None
    for entry in entries:
        event = EVENTS[entry.type].model_validate(entry.data)
        if isinstance(event, TicketSubmitted):
            ticket = born(event, entry)
        elif ticket is not None and type(event) in LIFECYCLE:
            ticket = changed(ticket, event, entry)
    return ticket
