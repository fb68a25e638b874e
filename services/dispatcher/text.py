"""What a person reads who was woken by it: what stopped, where, how grave and why, what the machine thinks, what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.entries import Entry
from schemas.tickets import Ticket
from services.blind import shown
from services.dispatcher.budget import PERSONAL
from services.dispatcher.bundles import Bundled
from services.dispatcher.channels import About, Message
from services.dispatcher.leases import Candidate, Lease
from services.groups import may_be_sev1
from services.links import Deed, Links, Recipient
from services.tickets import SERVICE

UNDECIDED = "undecided"
TRIAGE = "triage"
MOST_WORDS = 6
LONGEST_BODY = 1_000
LONGEST_WORKAROUND = 300
LONGEST_BRIEF_PART = 40
HEADLINES = {
    "TicketRouted": "Routed to {team}",
    "TicketQueued": "Waits in triage: decide where it goes",
    "TicketReturned": "Given back, waits in triage: decide where it goes",
    "TicketReopened": "Reopened",
    "TicketReclassified": "Raised",
    "TicketUngrouped": "Stands for itself again",
    "ClockWarned": "{share:.0%} of the time for its {clock} is used up, due {due_at}",
    "ClockBreached": "Late: its {clock} was due {due_at}",
    "TicketAcknowledged": "Acknowledged, and not resolved in time",
    **dict.fromkeys(
        ("TicketAssigned", "TicketPutOnHold", "TicketResumed", "TicketWorkedAround", "TicketCommented"), "In work, and not resolved in time"
    ),
}


def compose(leased: Lease, places: Links) -> Message:
    """The ticket as it stands when the message goes out: sent again, it keeps its delivery id and tells what is true by then."""
    if leased.ticket is None:
        return _notice(leased.of)
    ticket, cause = shown(leased.ticket), leased.of.cause
    links = _links(leased, leased.ticket, places)
    return Message(
        delivery_id=leased.of.id,
        title=_title(ticket, len(leased.bundle)),
        text="\n".join((*_bundle(leased, places), *_lines(ticket, leased.of, links, leased.zone))),
        about=About(
            ticket=ticket.id,
            severity=ticket.severity or UNDECIDED,
            system=ticket.system or _decision(ticket).get("system", UNDECIDED),
            team=ticket.team or TRIAGE,
        ),
        data=_data(ticket, cause, links) | {"urgency": leased.row["urgency"], "children": leased.of.children} | _along(leased),
        brief=_brief(ticket, links, len(leased.bundle)),
    )


def _notice(of: Candidate) -> Message:
    """About no ticket: word for word what the ledger has, of which nobody asks what became of it since."""
    told = of.cause.data
    data = {name: value for name, value in told.items() if name not in ("title", "text")}
    return Message(of.id, told["title"], told["text"], data={"event": of.cause.type, "site": of.cause.site} | data, brief=told["title"])


def _title(ticket: Ticket, more: int = 0) -> str:
    """`[SEV1] HC-12 Cork Line 3: ...`; `[SEV3, SEV1?]` where the model would not exclude a Sev1; `[SEV2] +7 HC-12 ...` with
    seven others.
    """
    doubt = ", SEV1?" if may_be_sev1(ticket) and ticket.severity != "sev1" else ""
    place = _joined(" ", ticket.site, ticket.area)
    return f"[{(ticket.severity or UNDECIDED).upper()}{doubt}] {_more(more)}{ticket.id} {place}: {_flat(ticket.title)}"


def _more(number: int) -> str:
    return f"+{number} " if number else ""


def _bundle(leased: Lease, places: Links) -> Iterator[str]:
    """The others that this message tells, before the ticket that it is about."""
    if leased.bundle:
        yield f"{len(leased.bundle)} more that waited for you, so that you are not woken for each:"
        yield from (f"- {_title(shown(each.ticket))}: {_answer(leased, each, places)}" for each in leased.bundle)
        yield ""


def _answer(leased: Lease, each: Bundled, places: Links) -> str:
    """Where to acknowledge a ticket of the bundle, under its own delivery, or where to see it."""
    told = Recipient(*leased.of.target, each.ticket.id)
    link = places.deed("acknowledge", each.delivery, each.ticket, told, leased.row["requested_at"])
    return link or places.ticket(each.ticket.id)


def _along(leased: Lease) -> dict[str, object]:
    return {"bundle": [{"delivery": each.delivery, "ticket": each.ticket.id} for each in leased.bundle]}


def _brief(ticket: Ticket, links: Mapping[str, str], more: int) -> str:
    """For a phone, on the first line: how grave, what stands still, where, what runs out. On the second: where to answer."""
    grave = f"{(ticket.severity or UNDECIDED).upper()} {_more(more)}{ticket.id}"
    place = ticket.site if ticket.area == ticket.stopped else _joined(" ", ticket.site, ticket.area)
    parts = (_flat(ticket.stopped or ticket.title), place, _told("batch ", ticket.batch), _flat(ticket.clock))
    words = _joined(" · ", grave, *(_cut(part, LONGEST_BRIEF_PART) for part in parts))
    return f"{words}\n{links.get('acknowledge_page', links['ticket'])}"


def _lines(ticket: Ticket, of: Candidate, links: Mapping[str, str], zone: ZoneInfo | None) -> Iterator[str]:
    yield _headline(ticket, of.cause, zone)
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
    yield f"Workaround: {_workaround(ticket)}"
    yield f"Happened: {_when(ticket.occurred_at, zone)}"
    yield f"Reported: {_when(ticket.submitted_at, zone)} by {_flat(ticket.reporter)} ({ticket.reporter_role})"
    yield f"Ticket: {links['ticket']}"
    yield f"Acknowledge: {links.get('acknowledge_page') or 'POST ' + links['acknowledge']}"
    if "resolve_page" in links:
        yield f"Resolve: {links['resolve_page']}"
        yield "These two links are yours, for a day: who follows them acts in your name."
    yield from _quoted(ticket)


def _headline(ticket: Ticket, cause: Entry, zone: ZoneInfo | None) -> str:
    """Who did it and why, where it was a person."""
    told: dict[str, Any] = {**cause.data, "team": ticket.team}
    if "due_at" in told:
        told["due_at"] = _when(datetime.fromisoformat(told["due_at"]), zone)
    done = HEADLINES.get(cause.type, cause.type).format(**told)
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
        yield f"Known error, approved: {name}: {_cut(_flat(known['workaround']), LONGEST_WORKAROUND)}"


def _workaround(ticket: Ticket) -> str:
    if not ticket.workaround:
        return "none known"
    accepted = f"accepted by {_flat(ticket.workaround_accepted_by)}" if ticket.workaround_accepted_by else "not accepted by QA"
    return f"{_flat(ticket.workaround)} ({accepted})"


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
    context = (*where, "stopped", "clock", "people_affected", "workaround", "workaround_accepted_by", "gxp", "state", "version", "parent")
    when = {"occurred_at": ticket.occurred_at.isoformat(), "submitted_at": ticket.submitted_at.isoformat()}
    because = {"id": cause.id, "type": cause.type, "actor": cause.actor, "role": cause.role, "reason": cause.reason}
    because["at"] = cause.recorded_at.isoformat()
    thought = {name: _decision(ticket).get(name) for name in ("system", "confidence", "words", "reasons", "decided_by", "sev1_risk")}
    place = {name: getattr(ticket, name) for name in context}
    known = {"known_errors": list(_decision(ticket).get("known_errors", ()))}
    return place | when | known | {"cause": because, "suggestion": thought, "links": dict(links), "may_be_sev1": may_be_sev1(ticket)}


def _links(leased: Lease, ticket: Ticket, places: Links) -> dict[str, str]:
    """`..._page`: links by which the recipient acts, for people only: what is sent to a tool or a room would act in nobody's name."""
    here, (channel, address) = places.ticket(ticket.id), leased.of.target
    links = {"ticket": here, "acknowledge": f"{here}/acknowledge"}
    if channel not in PERSONAL:
        return links
    told, since = Recipient(channel, address, ticket.id), leased.row["requested_at"]
    deeds: tuple[Deed, ...] = ("acknowledge", "resolve")
    made = {f"{deed}_page": places.deed(deed, leased.of.id, ticket, told, since) for deed in deeds}
    return links | {name: link for name, link in made.items() if link}


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


def _when(instant: datetime, zone: ZoneInfo | None) -> str:
    """`2026-03-29 03:10 CEST (01:10 UTC)`; the day is told twice where it differs."""
    utc = instant.astimezone(UTC)
    local = utc.astimezone(zone) if zone else utc
    if local.tzname() == "UTC":
        return f"{utc:%Y-%m-%d %H:%M} UTC"
    return f"{local:%Y-%m-%d %H:%M %Z} ({utc:{'%H:%M' if utc.date() == local.date() else '%Y-%m-%d %H:%M'}} UTC)"
