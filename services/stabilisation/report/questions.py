"""What somebody has to decide: the open questions that rules raise from a snapshot, each with who is to answer it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from schemas.attention import Listed, TicketNote
from services.stabilisation.light import WELL_ABOVE
from services.stabilisation.report.fan_figure import exit_target
from services.stabilisation.report.kept import SEVERITY, Kept, day, several

LEAD, QA, STEERING = "hypercare lead", "QA", "steering committee"
SOON = timedelta(days=3)
MOST_NAMED = 8
HOLDING = ("pass", "waived")


class Question(NamedTuple):
    who: str
    text: str


Rule = Callable[[Kept], Iterator[Question]]


def questions(kept: Kept) -> list[Question]:
    return [question for rule in RULES for question in rule(kept)]


def _relapse(kept: Kept) -> Iterator[Question]:
    readiness = kept.status.readiness
    if readiness.relapse:
        yield Question(STEERING, f"Is the hypercare to be gone back into? {readiness.relapse}.")


def _exit(kept: Kept) -> Iterator[Question]:
    readiness = kept.status.readiness
    if readiness.all_hold and kept.status.figures.phase in ("hypercare", "overdue"):
        yield Question(STEERING, f"Does the hypercare end? All {readiness.of} criteria hold since {kept.date(readiness.since)}.")


def _planned_end(kept: Kept) -> Iterator[Question]:
    target, planned = exit_target(kept), day(kept.local(kept.status.forecast.planned_end).date())
    if kept.status.figures.phase == "overdue" and not kept.status.readiness.all_hold:
        yield Question(STEERING, f"Until when does the hypercare go on? Its planned end {planned} has passed.")
    elif target.state == "never":
        yield Question(STEERING, f"What is to change? {target.reason}")
    elif target.late_days and target.late_days > 0:
        late = several(round(target.late_days), "day")
        yield Question(
            STEERING, f"Does the planned end {planned} stay? The 85 % date {day(target.p85)} is {late} later: more people, or a later end."
        )


def _plan(kept: Kept) -> Iterator[Question]:
    golive = kept.golive
    if golive and golive.plans and not golive.plans[-1].approved_at:
        proposed = golive.plans[-1]
        yield Question(
            STEERING, f"Is plan {proposed.version} of {proposed.author} approved? It waits since {kept.date(proposed.proposed_at)}."
        )
    elif kept.status.burndown.plan_version is None:
        yield Question(LEAD, "What is planned? Without an approved plan nobody can say whether the open tickets are too many.")


def _gap(kept: Kept) -> Iterator[Question]:
    grown, noise = kept.status.burndown.growth_3d, kept.status.burndown.noise_3d
    if grown is not None and grown > noise > 0:
        yield Question(LEAD, f"Why does the gap to the plan grow? It grew by {grown:.0f} in three days, chance explains {noise:.0f}.")


def _owners(kept: Kept) -> Iterator[Question]:
    grave = kept.notes(kept.attention.grave)
    if bare := [note for note in grave if not note.owner]:
        yield Question(LEAD, f"Who owns {_named(bare)}?")
    if undated := [note for note in grave if note.owner and not note.due_at]:
        yield Question(LEAD, f"Until when are {_named(undated)} mended? They have no date.")
    if broken := [note for note in grave if "promise" in note.late]:
        yield Question(LEAD, f"What is the new date of {_named(broken)}? The promised one has passed.")


def _gxp(kept: Kept) -> Iterator[Question]:
    flagged = kept.notes(kept.attention.gxp)
    if waiting := [note for note in flagged if not note.gxp_assessed]:
        yield Question(QA, f"Is product or record affected by {_named(waiting)}? Nobody has assessed the GxP flag.")
    if unlinked := [note for note in flagged if note.gxp == "confirmed" and not note.quality_record]:
        yield Question(QA, f"Which quality record belongs to {_named(unlinked)}?")


def _workarounds(kept: Kept) -> Iterator[Question]:
    if bare := [note for note in kept.notes(kept.attention.workarounds) if not note.workaround_accepted]:
        yield Question(QA, f"Is the workaround of {_named(bare)} acceptable?")


def _waivers(kept: Kept) -> Iterator[Question]:
    waived = {each.id for each in kept.status.readiness.criteria if each.verdict == "waived"}
    last = {each.criterion: each for each in (kept.golive.waivers if kept.golive else ()) if each.criterion in waived}
    for waiver in last.values():
        if waiver.until <= kept.at + SOON:
            yield Question(STEERING, f"Does the waiver of {waiver.criterion} end on {kept.date(waiver.until)}? {waiver.by} granted it.")


def _words(kept: Kept) -> Iterator[Question]:
    for each in kept.status.readiness.criteria:
        if each.measure == "attested" and each.verdict == "unknown":
            yield Question(LEAD, f"Who attests {each.id}? {each.title}.")


def _named(notes: list[TicketNote]) -> str:
    told = ", ".join(note.id for note in notes[:MOST_NAMED])
    return f"{told} and {len(notes) - MOST_NAMED} more" if len(notes) > MOST_NAMED else told


def more(listed: Listed, shown: int) -> str:
    """What a list leaves out."""
    return f"{listed.total - shown} more are not shown." if listed.total > shown else ""


def risks(kept: Kept) -> list[str]:
    """What may keep the hypercare from ending in time, gravest first, each with its owner."""
    grave = [_risk(kept, note) for note in kept.notes(kept.attention.grave)[:3]]
    late = exit_target(kept).late_days
    end = [f"The end: with 85 % it is {several(round(late), 'day')} late. Owner: {LEAD}"] if late and late > 0 else []
    gap = kept.status.burndown.relative_gap
    plan = [f"Open tickets are {gap:.0%} above the plan. Owner: {LEAD}"] if gap and gap > WELL_ABOVE else []
    return grave + end + plan


def _risk(kept: Kept, note: TicketNote) -> str:
    due = f", promised for {kept.moment(note.due_at)}" if note.due_at else ", no date"
    grade, owner = SEVERITY.get(note.severity or "", ""), note.owner or "nobody"
    return f"{grade} {note.id}, {note.title}: open for {kept.age(note.since)}{due}. Owner: {owner}"


RULES: tuple[Rule, ...] = (_relapse, _exit, _planned_end, _plan, _gap, _owners, _gxp, _workarounds, _waivers, _words)
