"""The handover of a shift as a document: the grave tickets one by one, what falls due, what waits, and everything else once."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.handover import NOBODY, Change, Falling, Handover, HandoverItem, Place
from schemas.words import Severity
from services.stabilisation.report.document import Document, Fact, Facts, Part, Row, Section, Sentence, Table
from services.stabilisation.report.kept import SEVERITY, several, together

TITLES: dict[Place, str] = {
    "grave": "1. Sev1 and Sev2",
    "due": "2. Late, or due before the next shift ends",
    "waiting": "3. Waiting for the reporter or for a retest",
    "workarounds": "4. Workarounds in force",
    "changed": "5. Changed in this shift",
    "others": "6. Everything else that is open",
}
COLUMNS = ("Ticket", "What", "Severity", "Owner", "Next step", "Due", "In this shift")


def handover_document(told: Handover) -> Document:
    zone = ZoneInfo(told.time_zone)
    moment = f"{_at(told.begin, zone)} to {_at(told.end, zone)} ({told.time_zone})"
    return Document(
        kind="handover",
        title=f"Handover: {told.name}",
        subtitle=f"{told.golive}, {told.site}. Shift {moment}. As of {_at(told.as_of, zone)}.",
        light=told.light,
        reasons=told.reasons,
        sections=(_facts(told), *(_section(place, told.items[place], zone) for place in TITLES), _ended(told)),
        identity=(
            f"{told.golive}, shift from {told.begin:%Y-%m-%d %H:%M} UTC, as known at {told.as_of:%Y-%m-%d %H:%M:%S} UTC.",
            f"Ledger entry {told.ledger_seq}",
        ),
        at=told.as_of,
    )


def handover_line(told: Handover) -> str:
    """What is most of it, on one line."""
    zone = ZoneInfo(told.time_zone)
    shift = f"{told.begin.astimezone(zone):%a %d %b %H:%M}-{told.end.astimezone(zone):%H:%M}"
    sev1, sev2 = (_of_grade(told, grade) for grade in ("sev1", "sev2"))
    return f"Handover {told.site}, {shift}: {sev1} Sev1, {sev2} Sev2, {_late(told)} late, {len(_every(told))} open"


def _every(told: Handover) -> list[HandoverItem]:
    return [item for items in told.items.values() for item in items]


def _of_grade(told: Handover, grade: Severity) -> int:
    return sum(item.note.severity == grade for item in told.items["grave"])


def _late(told: Handover) -> int:
    return sum(any(each.late for each in item.falling) for item in _every(told))


def _facts(told: Handover) -> Section:
    unowned = [item for item in _every(told) if item.owner == NOBODY]
    sev1, late = _of_grade(told, "sev1"), _late(told)
    facts = (
        Fact("Sev1 open", str(sev1), alarm=sev1 > 0),
        Fact("Sev2 open", str(_of_grade(told, "sev2"))),
        Fact("Open", str(len(_every(told))), f"{told.arrived} arrived, {len(told.ended)} ended"),
        Fact("Late", str(late), alarm=late > 0),
        Fact("Owned by nobody", str(len(unowned)), alarm=any(item in told.items["grave"] for item in unowned)),
    )
    return Section("At a glance", (Facts(facts),))


def _section(place: Place, items: Sequence[HandoverItem], zone: ZoneInfo) -> Section:
    """All of them: what is left out of a handover is forgotten."""
    parts: tuple[Part, ...] = (Sentence("None."),)
    if items:
        parts = (Table(several(len(items), "ticket"), COLUMNS, tuple(_row(item, zone) for item in items), wide=1),)
    return Section(TITLES[place], parts)


def _row(item: HandoverItem, zone: ZoneInfo) -> Row:
    note = item.note
    workaround = f"workaround: {note.workaround}" if note.worked_around_at and note.workaround else None
    runs = together((f"batch {note.batch}" if note.batch else None, note.clock)) if note.batch or note.clock else None
    return (
        note.id,
        together((note.title, note.area, runs)),
        SEVERITY.get(str(note.severity), "undecided"),
        item.owner,
        together((item.next_step, workaround), "; "),
        together((_falling(each, zone) for each in item.falling), "; "),
        together((_change(each, zone) for each in item.changes[-3:]), "; "),
    )


def _falling(told: Falling, zone: ZoneInfo) -> str:
    return f"{told.clock} {'LATE since' if told.late else 'due'} {_at(told.due_at, zone)}"


def _change(told: Change, zone: ZoneInfo) -> str:
    return f"{told.at.astimezone(zone):%H:%M} {told.what}, {told.by}"


def _ended(told: Handover) -> Section:
    rows = tuple((each.ticket, each.title, each.state, each.by) for each in told.ended)
    if not rows:
        return Section("7. Ended in this shift", (Sentence("None."),))
    return Section("7. Ended in this shift", (Table(several(len(rows), "ticket"), ("Ticket", "What", "State", "By"), rows, wide=1),))


def _at(told: datetime, zone: ZoneInfo) -> str:
    return f"{told.astimezone(zone):%a %d %b %H:%M}"
