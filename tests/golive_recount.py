"""What an auditor with a pencil counts of a go-live: ticket by ticket, line by line, from the ledger's entries alone."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from statistics import fmean, median, quantiles
from typing import Any
from zoneinfo import ZoneInfo

from schemas.entries import Entry
from schemas.figures import Durations
from schemas.golive_figures import Flow, GoLiveFigures, Share
from schemas.golives import GoLive
from tests.clock_recount import audit

OPEN = ("submitted", "triage", "routed", "acknowledged", "waiting")
AFTER = {
    "TicketSubmitted": "submitted", "TicketQueued": "triage", "TicketRouted": "routed", "TicketAcknowledged": "acknowledged",
    "TicketPutOnHold": "waiting", "TicketResumed": "acknowledged", "TicketReturned": "triage", "TicketResolved": "resolved",
    "TicketClosed": "closed", "TicketCancelled": "cancelled", "TicketBacklogged": "backlogged",
}  # fmt: skip
KINDS_IN_TIME = ("met", "late", "late_open", "pending", "due_soon")
Note = dict[str, Any]


def day(number: float) -> timedelta:
    return timedelta(days=number)


def when(entry: Entry) -> datetime:
    return entry.occurred_at if entry.role == "history" else entry.recorded_at


class Pencil:
    """The notes of every ticket of a go-live, as the entries up to `at` tell."""

    def __init__(self, golive: GoLive, entries: Sequence[Entry], at: datetime, later: datetime | None = None) -> None:
        self.golive, self.at = golive, at
        self.zone = ZoneInfo(golive.text.time_zone)
        mine: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.ticket and entry.site == golive.site and entry.recorded_at <= at:
                mine.setdefault(entry.ticket, []).append(entry)
        stories = {ticket: story for ticket, story in mine.items() if self._belongs(story[0], later)}
        self.stories = stories
        self.notes = {ticket: noted(story) for ticket, story in stories.items()}

    def _belongs(self, first: Entry, later: datetime | None) -> bool:
        area, areas = first.data.get("area"), self.golive.text.areas
        return (
            self.golive.text.starts_at <= when(first) and (later is None or when(first) < later) and (not areas or area in (None, *areas))
        )

    def open_at(self, instant: datetime) -> Counter[str]:
        """Before `instant`, by severity."""
        found: Counter[str] = Counter()
        for story in self.stories.values():
            so_far = [entry for entry in story if when(entry) < instant]
            if so_far and (note := noted(so_far))["state"] in OPEN:
                found[note["severity"] or "undecided"] += 1
        return found

    def happenings(self) -> list[tuple[datetime, str, str]]:
        """(when, what, severity): what moves tickets into and out of the open ones."""
        return sorted((each for story in self.stories.values() for each in _happenings(story)), key=lambda each: each[0])

    def local(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()


def _happenings(story: Sequence[Entry]) -> list[tuple[datetime, str, str]]:
    found: list[tuple[datetime, str, str]] = []
    before: Note | None = None
    for number, entry in enumerate(story, start=1):
        after, at = noted(story[:number]), when(entry)
        was, now = before is not None and before["state"] in OPEN, after["state"] in OPEN
        old, new = (before or after)["severity"] or "undecided", after["severity"] or "undecided"
        if before is None:
            found.append((at, "created", new))
        elif now and not was:
            found.append((at, "reopened", new))
        elif was and not now:
            found.append((at, after["state"], old))
        elif was and old != new:
            found += [(at, "left", old), (at, "entered", new)]
        before = after
    return found


def noted(story: Sequence[Entry]) -> Note:
    note: Note = {"state": None, "severity": None, "reopened": 0, "moves": 0, "gxp": "none", "known_error": None, "parent": None}
    for entry in story:
        waits_on = entry.type == "TicketAcknowledged" and note["state"] == "waiting"
        note["state"] = "waiting" if waits_on else AFTER.get(entry.type, note["state"])
        NOTES.get(entry.type, lambda *_: None)(note, entry)
    return note


def _submitted(note: Note, entry: Entry) -> None:
    note |= {"born": when(entry), "occurred": entry.occurred_at, "severity": entry.data.get("reported_severity")}


def _classified(note: Note, entry: Entry) -> None:
    note |= {"decided": True, "kind": entry.data["prediction"].get("kind")}
    errors = entry.data.get("known_errors") or []
    note["known_error"] = errors[0]["known_error"] if errors else note["known_error"]
    if not note.get("graded"):
        note["severity"] = entry.data["severity"]
    if not note.get("said"):
        _flag(note, entry.data["gxp"], when(entry))


def _flag(note: Note, flag: str, at: datetime) -> None:
    note["flagged"] = None if flag == "none" else note.get("flagged") or at
    note["gxp"] = flag


def _reclassified(note: Note, entry: Entry) -> None:
    if "severity" in entry.data:
        note |= {"severity": entry.data["severity"], "graded": True}
    if "gxp" in entry.data:
        _flag(note, entry.data["gxp"], when(entry))
        by_qa = entry.role in ("qa", "qa_reviewer") or (entry.role == "history" and entry.data["gxp"] != "potential")
        note |= {"said": True, "assessed": by_qa}
    note["caused_by"] = entry.data.get("caused_by", note.get("caused_by"))


def _routed(note: Note, entry: Entry) -> None:
    system = entry.data["system"]
    note["moves"] += note.get("system") not in (None, system)
    note |= {"system": system, "first": note.get("first") or system, "owner": None, "due": False}


def _returned(note: Note, entry: Entry) -> None:
    note["moves"] += 1
    note |= {"system": None, "owner": None, "due": False}


def _acknowledged(note: Note, entry: Entry) -> None:
    note.setdefault("acknowledged", when(entry))
    note["owner"] = note.get("owner") or entry.actor


def _resolved(note: Note, entry: Entry) -> None:
    note |= {"resolved": when(entry), "resolver": (entry.actor, entry.role)}
    note["kind"] = "training" if entry.data["cause_class"] == "training" else note.get("kind")


def _reopened(note: Note, entry: Entry) -> None:
    note |= {"resolved": None, "reopened": note["reopened"] + 1, "state": "routed" if note.get("system") else "triage"}


def _worked_around(note: Note, entry: Entry) -> None:
    note.setdefault("around", when(entry))
    note["accepted"] = False


NOTES: dict[str, Callable[[Note, Entry], None]] = {
    "TicketSubmitted": _submitted, "TicketClassified": _classified, "TicketReclassified": _reclassified, "TicketRouted": _routed,
    "TicketReturned": _returned, "TicketAcknowledged": _acknowledged, "TicketResolved": _resolved, "TicketReopened": _reopened,
    "TicketWorkedAround": _worked_around,
    "TicketQueued": lambda note, entry: note.update(queued=True),
    "TicketWorkaroundAccepted": lambda note, entry: note.update(accepted=True),
    "TicketLinked": lambda note, entry: note.update(linked=True),
    "TicketGrouped": lambda note, entry: note.update(parent=entry.data["parent"]),
    "TicketUngrouped": lambda note, entry: note.update(parent=None),
}  # fmt: skip


def check(found: GoLiveFigures, pencil: Pencil) -> None:
    """Every figure against the notes."""
    notes, at = list(pencil.notes.values()), pencil.at
    still = [note for note in notes if note["state"] in OPEN]
    _check_balance(found, pencil)
    assert found.open.total == len(still)
    assert _filled(found.open.by_severity) == Counter(note["severity"] or "undecided" for note in still)
    assert found.open.by_system == Counter(note.get("system") or "undecided" for note in still)
    assert found.open.by_cause == Counter(note.get("caused_by") or "undecided" for note in still)
    assert found.open.unverified == sum(note["state"] == "resolved" for note in notes)
    assert found.open.backlogged == sum(note["state"] == "backlogged" for note in notes)
    for grade, ages in found.open.ages.items():
        mine = [(at - note["born"]).total_seconds() for note in still if (note["severity"] or "undecided") == grade]
        assert (ages.count, ages.oldest) == (len(mine), max(mine, default=None))
        _near(ages.p50, median(mine) if mine else None)
        _near(ages.p90, _p90(mine))
    _check_flows(found, pencil)
    for taken, name in (
        (found.taken.acknowledgement, "acknowledged"),
        (found.taken.workaround, "around"),
        (found.taken.resolution, "resolved"),
    ):
        _check_taken(taken, notes, name)
    _check_in_time(found, pencil)
    _check_handling(found, pencil)
    _check_quality(found, notes, still, at)
    sev1 = [note["occurred"] for note in notes if note["severity"] == "sev1"]
    assert found.last_sev1_at == max(sev1, default=None)
    _near(found.days_since_sev1, max((at - max(sev1)) / day(1), 0) if sev1 else None)


def _check_balance(found: GoLiveFigures, pencil: Pencil) -> None:
    moves = pencil.happenings()
    ends = {row.day: row for row in found.balance}
    for row in found.balance:
        begin = datetime.combine(row.day, datetime.min.time(), pencil.zone)
        end = min(datetime.combine(row.day + day(1), datetime.min.time(), pencil.zone), pencil.at + timedelta(microseconds=1))
        assert row.opening == pencil.open_at(begin)[row.severity]
        assert row.closing == pencil.open_at(end)[row.severity]
        kinds = Counter(kind for instant, kind, severity in moves if begin <= instant < end and severity == row.severity)
        for kind in ("created", "reopened", "entered", "resolved", "cancelled", "backlogged", "left"):
            assert getattr(row, kind) == kinds[kind], (row, kind)
        came, went = row.created + row.reopened + row.entered, row.resolved + row.cancelled + row.backlogged + row.left
        assert row.opening + came == row.closing + went
    assert found.difference == 0
    assert not moves or {pencil.local(instant) for instant, _, _ in moves} <= set(ends)


def _check_flows(found: GoLiveFigures, pencil: Pencil) -> None:
    moves = [(instant, kind) for instant, kind, _ in pencil.happenings()]
    closed = [(when(entry), "closed") for story in pencil.stories.values() for entry in story if entry.type == "TicketClosed"]
    ended = ("resolved", "cancelled", "backlogged")
    told = ((found.flows.arrivals, ("created",)), (found.flows.ended, ended), (found.flows.resolved, ("resolved",)))
    for flow, kinds in (*told, (found.flows.reopened, ("reopened",)), (found.flows.closed, ("closed",))):
        assert flow == _flow([instant for instant, kind in (*moves, *closed) if kind in kinds], pencil.at)
    arrived, gone = found.flows.arrivals.days_7, found.flows.ended.days_7
    _near(found.flows.burn_index, gone / arrived if arrived else None)
    fresh = [note for note in pencil.notes.values() if note["born"] > pencil.at - day(7)]
    assert found.flows.arrivals_by_system_7d == Counter(note.get("system") or "undecided" for note in fresh)


def _flow(instants: Sequence[datetime], at: datetime) -> Flow:
    one, three, seven, both = (sum(at - day(number) < instant <= at for instant in instants) for number in (1, 3, 7, 14))
    return Flow(day=one, days_3=three, days_7=seven, days_7_before=both - seven)


def _check_taken(found: dict[str, Durations], notes: Sequence[Note], name: str) -> None:
    for grade, durations in found.items():
        mine = [note for note in notes if note.get(name) and grade in ("all", note["severity"] or "undecided")]
        seconds = [(note[name] - note["born"]).total_seconds() for note in mine]
        assert durations.count == len(seconds)
        _near(durations.mean, fmean(seconds) if seconds else None)
        _near(durations.median, median(seconds) if seconds else None)
        _near(durations.p90, _p90(seconds))


def _check_in_time(found: GoLiveFigures, pencil: Pencil) -> None:
    declared = Entry.model_construct(
        type="GoLiveDeclared", recorded_at=pencil.golive.declared_at, data=pencil.golive.text.model_dump(mode="json")
    )
    audits = [audit(story, [declared], pencil.at) for story in pencil.stories.values()]
    seen: Counter[tuple[str, str, str]] = Counter()
    for clock, each in ((clock, each) for audited in audits for clock, each in audited.items()):
        grade = each.missed[0] if each.missed else each.severity
        if each.missed:
            seen += Counter({(clock, str(grade), "late"): 1, (clock, str(grade), "late_open"): int(each.running)})
        elif each.target and each.running:
            seen += Counter({(clock, str(grade), "pending"): 1, (clock, str(grade), "due_soon"): int(each.soon)})
        elif each.target and each.stopped:
            seen[clock, str(grade), "met"] += 1
    told = {(each.clock, each.severity, name): getattr(each, name) for each in found.in_time for name in KINDS_IN_TIME}
    assert {key: number for key, number in told.items() if number} == {key: number for key, number in seen.items() if number}


def _check_handling(found: GoLiveFigures, pencil: Pencil) -> None:
    notes, at, told = list(pencil.notes.values()), pencil.at, found.handling
    resolutions = [(story, entry) for story in pencil.stories.values() for entry in story if entry.type == "TicketResolved"]
    late = [(story, entry) for story, entry in resolutions if when(entry) > at - day(14)]
    _is(told.reopened, sum(_comes_back(story, entry) for story, entry in late), len(late))
    done = [note for note in notes if note["state"] in ("resolved", "closed") and note.get("first")]
    _is(told.first_assignment, sum(note["first"] == note.get("system") for note in done), len(done))
    assert told.bounces.total == sum(note["moves"] for note in notes)
    assert told.bounces.tickets == sum(note["moves"] > 0 for note in notes)
    assert told.bounces.twice == sum(note["moves"] > 1 for note in notes)
    solved = [note["resolver"] for note in notes if note.get("resolved") and note["resolved"] > at - day(7)]
    _is(told.own_staff, sum(role != "integrator" for _, role in solved), len(solved))
    fresh = [note for note in notes if note["born"] > at - day(14)]
    _is(told.repeats, sum(bool(note["known_error"] or note["parent"]) for note in fresh), len(fresh))
    _is(told.training, sum(note.get("kind") == "training" for note in fresh), len(fresh))
    for share, begin, end in ((told.undecided, at - day(1), at), (told.undecided_before, at - day(8), at - day(1))):
        mine = [note for note in notes if begin < note["born"] <= end and note.get("decided")]
        _is(share, sum(bool(note.get("queued")) for note in mine), len(mine))


def _comes_back(story: Sequence[Entry], resolved: Entry) -> bool:
    again = [entry for entry in story if entry.type == "TicketReopened" and entry.seq > resolved.seq]
    return bool(again) and when(again[0]) - when(resolved) <= day(14)


def _check_quality(found: GoLiveFigures, notes: Sequence[Note], still: Sequence[Note], at: datetime) -> None:
    around = [note for note in still if note.get("around")]
    assert found.workarounds.in_force == len(around)
    assert found.workarounds.unaccepted == sum(not note["accepted"] for note in around)
    assert found.workarounds.oldest_seconds == max(((at - note["around"]).total_seconds() for note in around), default=None)
    flagged = [note for note in notes if note["gxp"] != "none" and note["state"] != "cancelled"]
    waiting = [note for note in flagged if not note.get("assessed")]
    assert (found.gxp.open, found.gxp.unassessed) == (sum(note["state"] in OPEN for note in flagged), len(waiting))
    for grade, oldest in found.gxp.unassessed_oldest_seconds.items():
        assert oldest == max((at - note["flagged"]).total_seconds() for note in waiting if (note["severity"] or "undecided") == grade)
    assert found.gxp.unlinked == sum(note["gxp"] == "confirmed" and not note.get("linked") for note in flagged)


def _is(found: Share, part: int, whole: int) -> None:
    assert (found.part, found.whole, found.ratio) == (part, whole, part / whole if whole else None)


def _p90(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return quantiles(values, n=10, method="inclusive")[8] if len(values) > 1 else values[0]


def _near(found: float | None, wanted: float | None) -> None:
    assert (found is None) == (wanted is None)
    assert found is None or wanted is None or abs(found - wanted) < 1e-5


def _filled(counts: dict[str, int]) -> dict[str, int]:
    return {key: number for key, number in counts.items() if number}
