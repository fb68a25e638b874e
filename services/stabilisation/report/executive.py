"""The executive status, one page: is it stable, when will it be, what is in the way, and what is asked of the reader."""

from schemas.figures import GRADES
from services.stabilisation.report.burndown_figure import burndown_figure
from services.stabilisation.report.document import Bullets, Document, Fact, Facts, Figure, Part, Row, Section, Sentence, Table
from services.stabilisation.report.fan_figure import exit_target
from services.stabilisation.report.heading import identity, place, plan_fact
from services.stabilisation.report.kept import NOTHING, SEVERITY, Kept, number, percent, signed
from services.stabilisation.report.outlook_text import moved, target_said
from services.stabilisation.report.questions import QA, STEERING, questions, risks
from services.stabilisation.report.strip_figure import strip_figure

MOST_ASKS = 5


def executive(kept: Kept) -> Document:
    readiness = kept.status.readiness
    sections = (_facts, _course, _readiness, _plant, _risks, _asks)
    return Document(
        kind="executive",
        title=f"Status: {kept.name}",
        subtitle=place(kept),
        light=readiness.light,
        reasons=readiness.reasons,
        sections=tuple(section(kept) for section in sections),
        identity=identity(kept),
        at=kept.at,
    )


def _facts(kept: Kept) -> Section:
    figures, readiness = kept.status.figures, kept.status.readiness
    free, still = figures.days_since_sev1, figures.open.by_severity["sev1"]
    facts = (
        Fact("Days since a Sev1", str(int(free)) if free is not None else "none yet", f"{still} open", alarm=still > 0),
        plan_fact(kept),
        Fact("Exit criteria", f"{readiness.passed} of {readiness.of}", "hold"),
        _end(kept),
    )
    return Section("At a glance", (Facts(facts),))


def _end(kept: Kept) -> Fact:
    target = exit_target(kept)
    if target.p50 is None:
        return Fact(
            "Over with 50 %",
            NOTHING,
            {"too_early": "too early to say", "never": "not in sight", "holds": "holds now"}.get(target.state, ""),
        )
    far = f"85 %: {target.p85:%d %b}" if target.p85 else "85 %: too far away"
    return Fact("Over with 50 %", f"{target.p50:%d %b}", far + moved(target), alarm=bool(target.late_days and target.late_days > 0))


def _course(kept: Kept) -> Section:
    figure = burndown_figure(kept)
    drawn: tuple[Part, ...] = (figure,) if figure else ()
    return Section("Open tickets", (*drawn, _by_severity(kept)))


def _by_severity(kept: Kept) -> Table:
    counts, days = kept.status.figures.open.by_severity, kept.status.burndown.days
    planned = (days[-1].planned or {}) if days else {}
    shown = [grade for grade in GRADES if counts[grade] or grade in planned or grade != GRADES[-1]]
    rows: tuple[Row, ...] = (
        ("open", *(str(counts[grade]) for grade in shown)),
        ("planned", *(number(round(planned[grade], 1)) if grade in planned else NOTHING for grade in shown)),
        ("gap", *(signed(counts[grade] - planned[grade]) if grade in planned else NOTHING for grade in shown)),
    )
    columns = ("", *(SEVERITY.get(grade, grade) for grade in shown))
    return Table("Open by severity against the plan", columns, rows, 0, tuple(range(1, len(columns))))


def _readiness(kept: Kept) -> Section:
    readiness = kept.status.readiness
    weak = tuple((each.title, each.value, each.threshold, kept.short_date(each.since)) for each in readiness.weakest)
    figure: Figure | None = strip_figure(kept)
    drawn: tuple[Part, ...] = (figure,) if figure else ()
    table = (Table("The three weakest criteria", ("Criterion", "is", "wanted", "since"), weak, 0),) if weak else ()
    return Section(f"Exit criteria: {readiness.passed} of {readiness.of} hold", (Sentence(target_said(exit_target(kept))), *drawn, *table))


def _plant(kept: Kept) -> Section:
    return Section("Production, quality, adoption", (Bullets((_production(kept), _quality(kept), _adoption(kept))),))


def _production(kept: Kept) -> str:
    done = kept.status.figures.exposure
    if done is None:
        return "Production: the site has not reported it in the last 7 days."
    right = percent(done.batches_right_first_time, done.batches_completed)
    rate = f"; {number(done.arrivals_per_100_steps)} tickets per 100 executed steps" if done.arrivals_per_100_steps is not None else ""
    batches = f"{number(done.batches_completed)} batches completed of {number(done.batches_started)} started"
    return f"Production, {done.days} days reported: {batches}, {right} right first time{rate}."


def _quality(kept: Kept) -> str:
    told = kept.attention.quality
    linked = f"{told.confirmed} confirmed, {told.linked} of these linked to a record"
    return f"Quality: {told.flagged} GxP-flagged, {told.assessed} assessed, {linked}."


def _adoption(kept: Kept) -> str:
    done = kept.status.figures.exposure
    if done is None or done.active_users is None:
        return "Adoption: the site has not reported its users."
    rostered = (
        f" of {number(done.rostered_users)} rostered ({percent(done.active_users, done.rostered_users)})" if done.rostered_users else ""
    )
    return f"Adoption: {number(done.active_users)} active users a day{rostered}."


def _risks(kept: Kept) -> Section:
    told = tuple(risks(kept))
    return Section("Top risks", (Bullets(told),) if told else (Sentence("The snapshot shows none."),))


def _asks(kept: Kept) -> Section:
    asked = tuple(f"{each.who}: {each.text}" for each in questions(kept) if each.who in (STEERING, QA))[:MOST_ASKS]
    return Section("Asked of you", (Bullets(asked),) if asked else (Sentence("Nothing."),))
