"""The daily stand-up, 15 minutes: quality first, then the grave tickets one by one, the numbers, and what is to be decided."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from schemas.attention import Listed, TicketNote, Told
from schemas.figures import GRADES, UNDECIDED
from schemas.golive_figures import DayBalance, InTime
from services.stabilisation.report.burndown_figure import burndown_figure
from services.stabilisation.report.document import Bullets, Document, Fact, Facts, Figure, Part, Row, Section, Sentence, Table
from services.stabilisation.report.fan_figure import fan_figure
from services.stabilisation.report.heading import identity, place, plan_fact
from services.stabilisation.report.kept import NOTHING, SEVERITY, Kept, number, percent, several, together
from services.stabilisation.report.outlook_text import forecast_said
from services.stabilisation.report.questions import more, questions
from services.times import lasting

MOST_ROWS = 15
LAST, NEXT = timedelta(days=3), timedelta(days=7)
WEEK = 7
STEPS = {
    "submitted": "is to be classified",
    "triage": "waits in the triage queue",
    "routed": "waits for {team} to acknowledge it",
    "acknowledged": "in work",
    "waiting": "waits for {waiting_for}",
    "resolved": "waits for confirmation",
}


class Listing(NamedTuple):
    """How a list of tickets is told: the columns begin with the ticket and what it is about."""

    caption: str
    columns: Row
    row: Callable[[Kept, TicketNote], Row]
    most: int = MOST_ROWS


def standup(kept: Kept) -> Document:
    readiness = kept.status.readiness
    sections = (_facts, _quality, _grave, _new, _repeated, _ageing, _changes, _workarounds, _balance, _forecast, _decisions)
    return Document(
        kind="standup",
        title=f"Stand-up: {kept.name}",
        subtitle=place(kept),
        light=readiness.light,
        reasons=readiness.reasons,
        sections=tuple(section(kept) for section in sections),
        identity=identity(kept),
        at=kept.at,
    )


def _facts(kept: Kept) -> Section:
    figures, readiness = kept.status.figures, kept.status.readiness
    grades, flows = figures.open.by_severity, figures.flows
    facts = (
        Fact("Sev1 open", str(grades["sev1"]), alarm=grades["sev1"] > 0),
        Fact("Sev2 open", str(grades["sev2"])),
        plan_fact(kept),
        Fact("Last 24 h", f"+{flows.arrivals.day} / -{flows.ended.day}", "arrived / ended"),
        Fact("GxP not assessed", str(figures.gxp.unassessed), alarm=figures.gxp.unassessed > 0),
        Fact("Criteria", f"{readiness.passed} of {readiness.of}", "hold"),
    )
    return Section("At a glance", (Facts(facts),))


def _quality(kept: Kept) -> Section:
    quality, gxp = kept.attention.quality, kept.status.figures.gxp
    if not quality.flagged:
        return Section("1. Quality first", (Sentence("No ticket has a GxP flag."),))
    oldest = max(gxp.unassessed_oldest_seconds.values(), default=None)
    said = (
        f"{several(quality.flagged, 'ticket')} with a GxP flag: {quality.assessed} assessed, {quality.confirmed} confirmed, "
        f"{quality.linked} of these linked to a quality record. Oldest not assessed: {lasting(oldest)}."
    )
    columns = ("Ticket", "What", "Severity", "Flag", "Assessed", "Record", "Owner", "Open since")
    listing = Listing("Tickets with a GxP flag", columns, _flagged)
    return Section("1. Quality first", (Sentence(said), *_listed(kept, kept.attention.gxp, listing)))


def _flagged(kept: Kept, note: TicketNote) -> Row:
    assessed = "yes" if note.gxp_assessed else "no"
    return (*_head(note), _grade(note), note.gxp, assessed, note.quality_record or NOTHING, note.owner or "nobody", kept.moment(note.since))


def _grave(kept: Kept) -> Section:
    columns = ("Ticket", "What", "Severity", "Next step", "Owner", "Promised", "Open for", "Batch, what runs out")
    listed = kept.attention.grave
    if not listed.total:
        return Section("2. Sev1 and Sev2, one by one", (Sentence("None is open."),))
    return Section("2. Sev1 and Sev2, one by one", _listed(kept, listed, Listing("Open Sev1 and Sev2", columns, _urgent, 30)))


def _urgent(kept: Kept, note: TicketNote) -> Row:
    promised = kept.moment(note.due_at) + (" (passed)" if "promise" in note.late else "")
    runs = together((note.batch, note.clock))
    return (*_head(note), _grade(note), next_step(note), note.owner or "nobody", promised, kept.age(note.since), runs)


def next_step(note: TicketNote) -> str:
    step = STEPS.get(note.state, note.state).format(team=_word(note.team or "the team"), waiting_for=_word(note.waiting_for or ""))
    workaround = "workaround in force" if note.worked_around_at else None
    again = f"reopened {several(note.reopened, 'time')}" if note.reopened else None
    return together((step, workaround, again), "; ")


def _new(kept: Kept) -> Section:
    new = kept.attention.new
    rows = [
        (_word(system), *(_count(counts.get(grade, 0)) for grade in GRADES), str(sum(counts.values()))) for system, counts in new.items()
    ]
    columns = ("System", *(SEVERITY.get(grade, grade) for grade in GRADES), "all")
    said = Sentence(f"{several(kept.status.figures.flows.arrivals.day, 'ticket')} arrived in 24 hours.")
    return Section("3. New since yesterday", (said, *_table("New tickets by system", columns, rows, numbers=range(1, len(columns)))))


def _repeated(kept: Kept) -> Section:
    attention = kept.attention
    told = [_repeat("known error", each) for each in attention.known_errors] + [_repeat("incident", each) for each in attention.groups]
    columns = ("What", "", "Last 24 h", "Open", "All", "Way round it")
    table = _table("Known errors and grouped tickets", columns, told, 1, (2, 3, 4))
    return Section("4. Storms and known errors", table or (Sentence("No known error and no group has open or new tickets."),))


def _repeat(kind: str, told: Told) -> Row:
    return (f"{told.id}, {kind}", told.title, str(told.day), str(told.open), str(told.tickets), told.workaround or NOTHING)


def _ageing(kept: Kept) -> Section:
    listing = Listing("Open and late, gravest first", ("Ticket", "What", "Severity", "Late", "Owner", "Open for"), _late)
    parts = (*_ages(kept), *_in_time(kept), *_listed(kept, kept.attention.late, listing))
    return Section("5. Ageing and breaches", parts or (Sentence("Nothing is open, and nothing was late."),))


def _ages(kept: Kept) -> tuple[Table, ...]:
    told = {grade: ages for grade, ages in kept.status.figures.open.ages.items() if ages.count}
    rows = [
        (SEVERITY.get(grade, grade), str(ages.count), lasting(ages.p50), lasting(ages.p90), lasting(ages.oldest))
        for grade, ages in told.items()
    ]
    return _table("Age of the open tickets", ("Severity", "open", "median", "p90", "oldest"), rows, numbers=range(1, 5))


def _in_time(kept: Kept) -> tuple[Table, ...]:
    told = [each for each in kept.status.figures.in_time if each.met or each.late or each.pending]
    columns = ("Severity", "until", "target", "in time", "late", "of these open", "due soon", "share")
    return _table("In time since the go-live", columns, [_clock(each) for each in told], 1, range(2, 8))


def _clock(told: InTime) -> Row:
    counts = (str(told.met), str(told.late), str(told.late_open), str(told.due_soon))
    return (SEVERITY[told.severity], told.clock, lasting(told.target, days=False), *counts, percent(told.met, told.met + told.late))


def _late(kept: Kept, note: TicketNote) -> Row:
    return (*_head(note), _grade(note), ", ".join(note.late), note.owner or "nobody", kept.age(note.since))


def _changes(kept: Kept) -> Section:
    """Scope events of the last three and the next seven days."""
    marks = [mark for mark in kept.status.burndown.marks if kept.at - LAST <= mark.at <= kept.at + NEXT]
    told = tuple(f"{kept.moment(mark.at)}: {mark.title} ({mark.kind.replace('_', ' ')})" for mark in marks)
    return Section(
        "6. Changes", (Bullets(told),) if told else (Sentence("Nothing changed in three days, and nothing is planned for seven."),)
    )


def _workarounds(kept: Kept) -> Section:
    told = kept.status.figures.workarounds
    said = f"{told.in_force} in force, {told.unaccepted} not accepted by QA, the oldest for {lasting(told.oldest_seconds)}."
    columns = ("Ticket", "What", "Workaround", "Accepted", "In force for")
    listed = kept.attention.workarounds
    if not told.in_force:
        return Section("7. Workarounds in force", (Sentence("None."),))
    return Section("7. Workarounds in force", (Sentence(said), *_listed(kept, listed, Listing("Workarounds", columns, _workaround))))


def _workaround(kept: Kept, note: TicketNote) -> Row:
    return (*_head(note), note.workaround or NOTHING, "yes" if note.workaround_accepted else "no", kept.age(note.worked_around_at))


def _balance(kept: Kept) -> Section:
    burndown, figures = kept.status.burndown, kept.status.figures
    days = sorted({row.day for row in figures.balance})[-WEEK:]
    rows = [_day_row(kept, [row for row in figures.balance if row.day == day]) for day in days]
    columns = ("Day", "open at first", "arrived", "came back", "ended", "open at last")
    required = f" To be where the plan ends, {number(burndown.required_per_day)} must end a day." if burndown.required_per_day else ""
    said = f"{number(burndown.closures_per_day)} tickets ended a day in the last week.{required}"
    table = _table("The last seven days", columns, rows, numbers=range(1, 6))
    return Section("8. Arrived, ended, open against the plan", (Sentence(said), *_drawn(burndown_figure(kept)), *table))


def _day_row(kept: Kept, rows: Sequence[DayBalance]) -> Row:
    """All severities together: what only went from one to another is neither here nor there."""
    total = {
        name: sum(getattr(row, name) for row in rows)
        for name in ("opening", "created", "reopened", "resolved", "cancelled", "backlogged", "closing")
    }
    ended = total["resolved"] + total["cancelled"] + total["backlogged"]
    counts = (total["opening"], total["created"], total["reopened"], ended, total["closing"])
    return (f"{rows[0].day:%a %d %b}", *map(str, counts))


def _forecast(kept: Kept) -> Section:
    return Section("9. When it will be over", (*(Sentence(said) for said in forecast_said(kept)), *_drawn(fan_figure(kept))))


def _decisions(kept: Kept) -> Section:
    asked = [(question.who, question.text) for question in questions(kept)]
    said = Sentence("The rules raise no question.")
    return Section("10. To be decided", _table("Open questions", ("Who", "Question"), asked, 1) or (said,))


def _drawn(figure: Figure | None) -> tuple[Figure, ...]:
    return (figure,) if figure else ()


def _table(caption: str, columns: Row, rows: Sequence[Row], wide: int = 0, numbers: Iterable[int] = ()) -> tuple[Table, ...]:
    return (Table(caption, columns, tuple(rows), wide, tuple(numbers)),) if rows else ()


def _listed(kept: Kept, listed: Listed, listing: Listing) -> tuple[Part, ...]:
    notes = kept.notes(listed)[: listing.most]
    left_out = more(listed, len(notes))
    table = _table(listing.caption, listing.columns, [listing.row(kept, note) for note in notes], 1)
    return (*table, Sentence(left_out)) if left_out else table


def _head(note: TicketNote) -> Row:
    return note.id, note.title


def _grade(note: TicketNote) -> str:
    return SEVERITY.get(note.severity or UNDECIDED, UNDECIDED)


def _word(slug: str) -> str:
    return slug.replace("_", " ")


def _count(count: int) -> str:
    return str(count) if count else ""
