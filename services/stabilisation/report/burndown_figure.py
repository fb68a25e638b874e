"""Open tickets by severity, one on top of the other, against the plan that holds and the first one."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from schemas.figures import UNDECIDED
from schemas.golive_figures import Mark, PlannedDay
from schemas.golives import PlanVersion
from schemas.words import SEVERITIES
from services.stabilisation.markup import Markup, joined
from services.stabilisation.plan import planned_open
from services.stabilisation.report.document import Figure
from services.stabilisation.report.drawing import WIDTH, Plot, Spot, area, grid, legend, line, round_top, svg, text, upright
from services.stabilisation.report.kept import SEVERITY, Kept, number

HEIGHT = 210
GRADES = (*SEVERITIES, UNDECIDED)
DAY = timedelta(days=1)
MOST_MARKS = 9


def burndown_figure(kept: Kept) -> Figure | None:
    """None before the go-live."""
    days, marks = kept.status.burndown.days, kept.status.burndown.marks
    if not days:
        return None
    begin = days[0].at
    end = max([kept.at, *(mark.at for mark in marks if mark.kind == "planned_end")])
    plans = _plans(kept, _days(end, begin))
    plot = Plot(0, _days(end, begin), round_top(max(_highest(days), *(level for _, level in _levels(plans)), 1)), HEIGHT)
    said = _said(kept, days)
    shapes = (
        grid(plot, _dates(kept, begin, end)),
        *_layers(kept, plot, days),
        *(line(kind, [(plot.x(at), plot.y(level)) for at, level in spots]) for kind, spots in plans),
        *_marked(kept, plot, begin),
        legend(_names(kept, days, [kind for kind, _ in plans])),
    )
    return Figure("Open tickets by severity against the plan", said, svg(said, HEIGHT, shapes))


def _days(instant: datetime, begin: datetime) -> float:
    return (instant - begin) / DAY


def _highest(days: Iterable[PlannedDay]) -> int:
    return max(sum(each.open.values()) for each in days)


def _levels(plans: Iterable[tuple[str, Sequence[Spot]]]) -> Iterator[Spot]:
    return (spot for _, spots in plans for spot in spots)


def _plans(kept: Kept, days: float) -> list[tuple[str, list[Spot]]]:
    """What was planned for all severities together, day by day to the end."""
    golive = kept.golive
    if golive is None:
        return []
    first = golive.first_plan if golive.first_plan != golive.plan else None
    return [(kind, _course(plan, days)) for kind, plan in (("first", first), ("plan", golive.plan)) if plan]


def _course(plan: PlanVersion, days: float) -> list[Spot]:
    places = [*range(int(days) + 1), days]
    return [(at, sum(planned_open(plan.plan, at).values())) for at in places]


def stack(kept: Kept) -> list[str]:
    """From the bottom up: planned severities first, so that their sum is what the plan is held against."""
    plan = kept.golive.plan if kept.golive else None
    planned: Iterable[str] = plan.plan.by_severity if plan else ()
    return [*(each for each in GRADES if each in planned), *(each for each in GRADES if each not in planned)]


def _layers(kept: Kept, plot: Plot, days: Sequence[PlannedDay]) -> Iterator[Markup]:
    across = [plot.x(_days(each.at, days[0].at)) for each in days]
    below = [0] * len(days)
    for grade in stack(kept):
        above = [base + each.open.get(grade, 0) for base, each in zip(below, days, strict=True)]
        if above != below:
            upper, lower = ([(x, plot.y(level)) for x, level in zip(across, levels, strict=True)] for levels in (above, below))
            yield area(grade, upper, lower)
        below = above


def _names(kept: Kept, days: Sequence[PlannedDay], plans: Sequence[str]) -> list[tuple[str, str]]:
    there = [grade for grade in stack(kept) if any(each.open.get(grade) for each in days)]
    words = {"plan": "plan", "first": "first plan"}
    named = [(grade, f"{SEVERITY.get(grade, grade)} {days[-1].open.get(grade, 0)}") for grade in there]
    return [*named, *((kind, words[kind]) for kind in reversed(plans))]


def _marked(kept: Kept, plot: Plot, begin: datetime) -> Iterator[Markup]:
    """Scope events by number, the planned end and the instant of the snapshot by name."""
    for place, mark in enumerate(scope_marks(kept), start=1):
        yield upright(plot, _days(mark.at, begin), f"{place}", place % 3)
    for mark in kept.status.burndown.marks:
        if mark.kind == "planned_end":
            yield upright(plot, _days(mark.at, begin), "planned end")
    at = _days(kept.at, begin)
    level = sum(kept.status.burndown.days[-1].open.values())
    right = plot.x(at) > WIDTH - 70
    label = text(plot.x(at) + (-5 if right else 5), plot.y(level) - 6, f"{level} open", anchor="end" if right else "start")
    yield joined(line("trace", [(plot.x(at), plot.y(0)), (plot.x(at), plot.y(level))]), label)


def scope_marks(kept: Kept) -> list[Mark]:
    return [mark for mark in kept.status.burndown.marks if mark.kind not in ("golive", "planned_end")][:MOST_MARKS]


def _dates(kept: Kept, begin: datetime, end: datetime) -> list[tuple[float, str]]:
    whole = _days(end, begin)
    step = max(round(whole / 6), 1)
    return [(day, f"{kept.local(begin + day * DAY):%d %b}") for day in range(0, int(whole) + 1, step)]


def _said(kept: Kept, days: Sequence[PlannedDay]) -> str:
    burndown = kept.status.burndown
    total, top = sum(days[-1].open.values()), _highest(days)
    marks = "".join(f" {place}: {mark.title}, {kept.date(mark.at)}." for place, mark in enumerate(scope_marks(kept), start=1))
    gap = f" Of the planned severities {against_plan(burndown.gap)}." if burndown.gap is not None else " No plan is approved."
    return f"{total} open at {kept.moment(kept.at)}, at most {top} since the go-live.{gap}{marks}"


def against_plan(gap: float) -> str:
    told = round(gap, 1)
    return f"{number(abs(told))} {'more' if told > 0 else 'fewer'} than planned" if told else "as many as planned"
