"""What a person reads who was woken by it: what stopped, where, how grave and why, what the machine thinks, what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.entries import Entry
from schemas.tickets import Ticket
from services.blind import shown
from services.dispatcher.channels import Message
from services.dispatcher.leases import Candidate, Lease
from services.groups import may_be_sev1
from services.tickets import SERVICE

UNDECIDED = "undecided"
TRIAGE = "triage"
MOST_WORDS = 6
LONGEST_BODY = 1_000
LONGEST_WORKAROUND = 300
HEADLINES = {
    "TicketRouted": "Routed to {team}",
    "TicketQueued": "Waits in triage: decide where it goes",
    "TicketReturned": "Given back, waits in triage: decide where it goes",
    "TicketReopened": "Reopened",
    "TicketReclassified": "Raised",
    "TicketUngrouped": "Stands for itself again",
    "TicketAcknowledged": "Acknowledged, and not resolved in time",
}


def compose(leased: Lease, public_url: str) -> Message:
    """The ticket as it stands when the message goes out: sent again, it keeps its delivery id and tells what is true by then."""
    ticket, cause = shown(leased.ticket), leased.of.cause
    links = _links(ticket, public_url)
    return Message(
        delivery_id=leased.of.id,
        ticket_id=ticket.id,
        title=_title(ticket),
        text="\n".join(_lines(ticket, leased.of, links)),
        severity=ticket.severity or UNDECIDED,
        system=ticket.system or _decision(ticket).get("system", UNDECIDED),
        team=ticket.team or TRIAGE,
        data=_data(ticket, cause, links) | {"urgency": leased.row["urgency"], "children": leased.of.children},
    )


def _title(ticket: Ticket) -> str:
    """`[SEV1] HC-12 Cork Line 3: ...`; `[SEV3, SEV1?]` where the model would not exclude a Sev1."""
    doubt = ", SEV1?" if may_be_sev1(ticket) and ticket.severity != "sev1" else ""
    place = _joined(" ", ticket.site, ticket.area)
    return f"[{(ticket.severity or UNDECIDED).upper()}{doubt}] {ticket.id} {place}: {_flat(ticket.title)}"


def _lines(ticket: Ticket, of: Candidate, links: Mapping[str, str]) -> Iterator[str]:
    yield _headline(ticket, of.cause)
    yield f"Stopped: {_flat(ticket.stopped) or 'not told'}"
    if ticket.clock:
        yield f"Runs out: {_flat(ticket.clock)}"
    if ticket.people_affected is not None:
        yield f"People who cannot work: {ticket.people_affected}"
    yield f"Where: {_joined(' · ', ticket.site, ticket.area, ticket.equipment)}"
    if ticket.batch or ticket.process_order:
        yield _joined(" · ", _told("Batch: ", ticket.batch), _told("Order: ", ticket.process_order))
    yield f"Severity: {_severity(ticket, of.graded)}"
    if ticket.gxp != "none":
        yield f"GxP impact: {ticket.gxp}; QA decides about it"
    yield from _group(ticket, of.children)
    if "system" in _decision(ticket):
        yield f"Suggestion: {_suggestion(_decision(ticket))}"
    yield from _known_errors(_decision(ticket))
    yield f"Workaround: {_flat(ticket.workaround) or 'none known'}"
    yield f"Happened: {_utc(ticket.occurred_at)}"
    yield f"Reported: {_utc(ticket.submitted_at)} by {_flat(ticket.reporter)} ({ticket.reporter_role})"
    yield f"Ticket: {links['ticket']}"
    yield f"Acknowledge: POST {links['acknowledge']}"
    yield from _quoted(ticket)


def _headline(ticket: Ticket, cause: Entry) -> str:
    """Who did it and why, where it was a person."""
    done = HEADLINES.get(cause.type, cause.type).format(team=ticket.team)
    by = "" if cause.role == SERVICE else f", by {_flat(cause.actor)}" + _told(": ", cause.reason)
    return f"{done}{by}"


def _severity(ticket: Ticket, graded: Entry | None) -> str:
    said = ticket.severity or UNDECIDED
    if graded and graded.data["severity"] == ticket.severity:
        return f"{said}, set by {_flat(graded.actor)}" + _told(": ", graded.reason)
    reasons = _joined("; ", *_decision(ticket).get("reasons", ()))
    risk = _percent(_decision(ticket).get("sev1_risk", 0.0))
    doubt = f"; Sev1 is not excluded ({risk})" if may_be_sev1(ticket) and said != "sev1" else ""
    return f"{said}{_told(', because ', reasons)}{doubt}"


def _group(ticket: Ticket, children: int) -> Iterator[str]:
    if ticket.parent:
        yield f"Group: stands under {ticket.parent}"
    if children:
        yield f"Group: stands for {children} more open {'ticket' if children == 1 else 'tickets'}"


def _known_errors(decision: Mapping[str, Any]) -> Iterator[str]:
    for known in decision.get("known_errors", ()):
        name = f"{known['known_error']} ({_percent(known['score'])}), {_flat(known['title'])}"
        yield f"Known error: {name}: {_cut(_flat(known['workaround']), LONGEST_WORKAROUND)}"


def _suggestion(decision: Mapping[str, Any]) -> str:
    sure = f" ({_percent(decision['confidence'])} sure)" if "confidence" in decision else ""
    words = _joined(", ", *_words(decision))
    return f"{decision['system']}{sure}{_told(', because of: ', words)}{_runner_up(decision)}"


def _words(decision: Mapping[str, Any]) -> list[str]:
    return [word["term"] for word in decision.get("words", ()) if word["weight"] > 0][:MOST_WORDS]


def _runner_up(decision: Mapping[str, Any]) -> str:
    second: Sequence[Mapping[str, Any]] = decision.get("systems", ())[1:2]
    return "".join(f"; else {ranked['system']} ({_percent(ranked['probability'])})" for ranked in second)


def _quoted(ticket: Ticket) -> Iterator[str]:
    """The reporter's own words, marked on every line, so that they cannot pass for ours."""
    if ticket.body.strip():
        yield ""
        yield from (f"> {line}" for line in _cut(ticket.body.strip(), LONGEST_BODY).splitlines())


def _data(ticket: Ticket, cause: Entry, links: Mapping[str, str]) -> dict[str, object]:
    """The same for machines: JSON values only."""
    where = ("site", "area", "equipment", "process_order", "batch")
    context = (*where, "stopped", "clock", "people_affected", "workaround", "gxp", "state", "version", "parent")
    when = {"occurred_at": ticket.occurred_at.isoformat(), "submitted_at": ticket.submitted_at.isoformat()}
    because = {"id": cause.id, "type": cause.type, "actor": cause.actor, "role": cause.role, "reason": cause.reason}
    thought = {name: _decision(ticket).get(name) for name in ("system", "confidence", "words", "reasons", "decided_by", "sev1_risk")}
    place = {name: getattr(ticket, name) for name in context}
    known = {"known_errors": list(_decision(ticket).get("known_errors", ()))}
    return place | when | known | {"cause": because, "suggestion": thought, "links": dict(links), "may_be_sev1": may_be_sev1(ticket)}


def _links(ticket: Ticket, public_url: str) -> dict[str, str]:
    here = f"{public_url.rstrip('/')}/v1/tickets/{ticket.id}"
    return {"ticket": here, "acknowledge": f"{here}/acknowledge"}


def _decision(ticket: Ticket) -> Mapping[str, Any]:
    return ticket.decision or {}


def _flat(text: str | None) -> str:
    """On one line."""
    return " ".join((text or "").split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _told(label: str, text: str | None) -> str:
    return f"{label}{_flat(text)}" if text else ""


def _joined(between: str, *parts: str | None) -> str:
    return between.join(_flat(part) for part in parts if part)


def _percent(probability: float) -> str:
    return f"{probability:.0%}"


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
