"""What an auditor finds who walks through a ticket's time from edge to edge: no tables, no formulas, an addition per piece of time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import holidays

from schemas.clocks import PolicyText
from schemas.entries import Entry
from services.policies import shipped_policy

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ENDS = {"TicketResolved", "TicketClosed", "TicketCancelled", "TicketBacklogged"}
AWAKE = {"TicketRouted", "TicketReturned", "TicketReopened", "TicketResumed", "TicketQueued"}
ANSWERS = {"TicketAcknowledged", "TicketCommented", "TicketWorkedAround"}
STOPS = {"acknowledgement": "engaged", "response": "answered", "workaround": "around", "resolution": ""}
ONE = timedelta(days=1)
Span = tuple[datetime, datetime]
Share = tuple[float, datetime | None]


class Found(NamedTuple):
    """Of one clock: `missed` is the gravest severity whose target was missed, and when that was due."""

    severity: str | None
    target: float | None
    missed: tuple[str, datetime] | None
    stopped: datetime | None
    running: bool
    due: datetime | None
    soon: bool


class Fact(NamedTuple):
    at: datetime
    entry: Entry


def audit(story: Sequence[Entry], site: Sequence[Entry], at: datetime, ahead: timedelta = timedelta(0)) -> dict[str, Found]:
    """The clocks of a ticket from its own entries and those about its site; `ahead`: how far to look for when something falls due."""
    facts = list(_facts(story, at))
    born = facts[0].at
    start = max(min(facts[0].entry.occurred_at, born), born - timedelta(days=30))
    policy, zone, shifts = _in_force(site, start)
    known = [entry for entry in site if entry.recorded_at <= at]
    rests = list(_rests(known))
    grades = _grades(facts, start)
    offs = _offs([fact for fact in facts if fact.entry.type != "TicketCommented"], policy)
    used: dict[tuple[str, str], datetime] = {}
    soon: set[tuple[str, str]] = set()
    for severity in {grade for _, grade in grades}:
        targets = policy.severities.get(severity)  # type: ignore[call-overload]
        if targets:
            works = _works(policy.calendars[targets.calendar], (zone, shifts, rests), start, at + ahead)
            _walk(severity, targets, (works, offs), (start, at, at + ahead), (used, soon, policy.warnings[-1]))
    return {clock: _found(clock, facts, grades, (at, used, soon, policy)) for clock in STOPS}


def _facts(story: Sequence[Entry], at: datetime) -> Iterator[Fact]:
    """Nothing happens before what stands ahead of it in the ledger, but for comments: of these only the first answer moves anything."""
    last: datetime | None = None
    answered = False
    for entry in story:
        happened = entry.occurred_at if entry.role == "history" else entry.recorded_at
        happened = max(happened, last) if last else happened
        first = not answered and entry.type in ANSWERS and _answers(entry, story[0])
        answered = answered or first
        if entry.type != "TicketCommented" or first:
            last = happened
        if entry.recorded_at <= at and happened <= at:
            yield Fact(happened, entry)


def _answers(entry: Entry, submitted: Entry) -> bool:
    theirs = _name(entry) in (submitted.data.get("reporter"), _name(submitted)) or entry.role in ("operator", "support_desk")
    return _is_person(entry) and not theirs


def _is_person(entry: Entry) -> bool:
    return entry.role != "service" and _name(entry) is not None


def _in_force(site: Sequence[Entry], start: datetime) -> tuple[PolicyText, ZoneInfo, Any]:
    policy = shipped_policy().text
    places = [entry for entry in site if entry.type == "GoLiveDeclared"]
    told = [entry for entry in places if entry.recorded_at <= start]
    place = told[-1] if told else None
    for entry in site:
        if entry.type == "PolicyAdopted" and entry.recorded_at <= start:
            policy = PolicyText.model_validate({key: value for key, value in entry.data.items() if key != "site"})
    zone = ZoneInfo(place.data["time_zone"] if place else "UTC")
    return policy, zone, place.data.get("shifts", ()) if place else ()


def _instant(told: str | datetime) -> datetime:
    return told if isinstance(told, datetime) else datetime.fromisoformat(told)


def _rests(site: Sequence[Entry]) -> Iterator[Span]:
    dropped = {entry.data["scope_event"]: entry.recorded_at for entry in site if entry.type == "ScopeEventDropped"}
    for entry in site:
        if entry.type == "ScopeEventPlanned" and entry.data["kind"] in ("holiday", "shutdown"):
            begin, until = _instant(entry.data["at"]), entry.data.get("until")
            end = _instant(until) if until else begin + ONE
            yield max(begin, entry.recorded_at), min(end, dropped.get(entry.data["scope_event"], end))


def _grades(facts: Sequence[Fact], start: datetime) -> list[tuple[datetime, str]]:
    """Every severity and since when; the first one since the start."""
    found: list[tuple[datetime, str]] = []
    by_hand = False
    for at, entry in facts:
        told = {"TicketSubmitted": "reported_severity", "TicketClassified": "severity", "TicketReclassified": "severity"}.get(entry.type)
        if told and entry.data.get(told) and not (by_hand and entry.type == "TicketClassified"):
            by_hand = by_hand or entry.type == "TicketReclassified"
            if not found or found[-1][1] != entry.data[told]:
                found.append((at if found else start, entry.data[told]))
    return found


def _severity_at(facts: Sequence[Fact], number: int) -> str | None:
    grades = _grades(facts[: number + 1], facts[0].at)
    return grades[-1][1] if grades else None


def _offs(facts: Sequence[Fact], policy: PolicyText) -> list[Span]:
    """Waiting pauses for as long as it may, by the severity of the moment; what is ended rests."""
    never = datetime.max.replace(tzinfo=UTC)
    found: list[Span] = []
    mode, paused = "on", timedelta(0)
    for number, (at, entry) in enumerate(facts):
        if entry.type == "TicketPutOnHold":
            mode = "waits" if entry.data["waiting_for"] in ("reporter", "window") else "on"
        elif entry.type in ENDS:
            mode = "ended"
        elif entry.type in AWAKE:
            mode = "on"
        end = facts[number + 1].at if number + 1 < len(facts) else never
        severity = _severity_at(facts, number) if mode == "waits" else None
        targets = policy.severities.get(severity)  # type: ignore[call-overload]
        left = timedelta(seconds=targets.pause) - paused if targets else timedelta(0)
        if mode == "ended":
            found.append((at, end))
        elif mode == "waits" and left > timedelta(0) and at < end:
            paused += min(end - at, left)
            found.append((at, min(end, at + left)))
    return found


def _works(calendar: Any, place: tuple[ZoneInfo, Any, list[Span]], begin: datetime, end: datetime) -> list[Span]:
    """The working spans between two instants, day by day; overlapping shifts are told twice and counted once."""
    zone, shifts, rests = place
    zone = ZoneInfo(calendar.time_zone) if calendar.time_zone else zone
    country, _, part = (calendar.holidays or "").partition("-")
    free = holidays.country_holidays(country, subdiv=part or None) if country else ()
    hours = [(each["days"], *(time.fromisoformat(str(each[name])) for name in ("begin", "end"))) for each in _plain(calendar, shifts)]
    away = [(each.begin, each.end) for each in calendar.shutdowns] + (rests if calendar.rests else [])
    first, last = begin.astimezone(zone).date() - ONE, end.astimezone(zone).date()
    days = [first + number * ONE for number in range((last - first).days + 1)]
    spans = (
        [(begin, end)] if not (hours or country or away) else [span for day in days if day not in free for span in _day(day, hours, zone)]
    )
    return [piece for span in spans for piece in _less(span, away)]


def _plain(calendar: Any, shifts: Any) -> list[Any]:
    if calendar.shifts:
        return [{"days": each.get("days", DAYS), **each} for each in shifts]
    return [each.model_dump() for each in calendar.hours]


def _day(day: date, hours: Sequence[Any], zone: ZoneInfo) -> Iterator[Span]:
    midnight = time(0)
    for days, begin, end in hours or [(DAYS, midnight, midnight)]:
        if DAYS[day.weekday()] in days:
            ends = day if begin < end else day + ONE
            yield datetime.combine(day, begin, zone).astimezone(UTC), datetime.combine(ends, end, zone).astimezone(UTC)


def _less(span: Span, away: Sequence[Span]) -> list[Span]:
    pieces = [span]
    for begin, end in away:
        if begin < end:
            cut = [((low, min(high, begin)), (max(low, end), high)) for low, high in pieces]
            pieces = [piece for two in cut for piece in two if piece[0] < piece[1]]
    return [piece for piece in pieces if piece[0] < piece[1]]


def _walk(severity: str, targets: Any, spans: Any, times: Any, notes: Any) -> None:
    """From edge to edge: is it counted? Then so much more is used up, and what is used up first falls due."""
    (works, offs), (start, at, end), (used, soon, share) = spans, times, notes
    edges = {edge for span in (*works, *offs) for edge in span if start < edge < end}
    spent = timedelta(0)
    for low, high in pairwise(sorted({start, at, end, *edges})):
        if not any(begin <= low < until for begin, until in works) or any(begin <= low < until for begin, until in offs):
            continue
        for clock in STOPS:
            target = getattr(targets, clock)
            for part in (1.0, share) if target else ():
                wanted = timedelta(microseconds=round(part * round(target * 1e6)))
                if spent < wanted <= spent + high - low:
                    _note(part, (severity, clock), low + wanted - spent, (at, used, soon))
        spent += high - low


def _note(part: float, which: tuple[str, str], reached: datetime, notes: Any) -> None:
    at, used, soon = notes
    if part == 1.0:
        used[which] = reached
    elif reached < at:
        soon.add(which)


def _found(clock: str, facts: Sequence[Fact], grades: Sequence[tuple[datetime, str]], notes: Any) -> Found:
    at, used, soon, policy = notes
    stopped, ended = _ends(clock, facts)
    if not grades:
        return Found(None, None, None, None, False, None, False)
    end = stopped or ended
    mine = [grade for grade in grades if end is None or grade[0] <= end] or [grades[0]]
    missed = []
    for number, (_, severity) in enumerate(mine):
        until = mine[number + 1][0] if number + 1 < len(mine) else (end or at)
        if (severity, clock) in used and used[severity, clock] < until:
            missed.append((severity, used[severity, clock]))
    severity = mine[-1][1]
    targets = policy.severities.get(severity)
    due = used.get((severity, clock)) if end is None else None
    running = end is None
    late = running and due is not None and due < at
    return Found(
        severity=severity,
        target=getattr(targets, clock) if targets else None,
        missed=min(missed, default=None),
        stopped=stopped,
        running=running,
        due=due,
        soon=running and not late and (severity, clock) in soon,
    )


def _ends(clock: str, facts: Sequence[Fact]) -> tuple[datetime | None, datetime | None]:
    """When the clock stopped, and since when the ticket is ended."""
    marks: dict[str, datetime] = {}
    ended: datetime | None = None
    resolved = False
    for at, entry in facts:
        if entry.type == "TicketAcknowledged" and _is_person(entry):
            marks.setdefault("engaged", at)
        if entry.type in ANSWERS and _answers(entry, facts[0].entry):
            marks.setdefault("answered", at)
        if entry.type == "TicketWorkedAround":
            marks.setdefault("around", at)
        if entry.type in ENDS:
            ended, resolved = ended or at, resolved or entry.type == "TicketResolved"
        elif entry.type in AWAKE:
            ended, resolved = None, False
    mark = marks.get(STOPS[clock])
    if mark and (ended is None or mark <= ended):
        return mark, ended
    return (ended if resolved else None), ended


def _name(entry: Entry) -> str | None:
    name = entry.actor.removeprefix("history:") if entry.role == "history" else entry.actor
    return None if entry.role == "history" and name == "unknown" else name
