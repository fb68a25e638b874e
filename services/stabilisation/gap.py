"""The burndown against the plan: how far apart they are, whether the gap grows, and what it would take to close it."""

from math import sqrt

from schemas.golive_figures import Mark, PlannedBurndown, PlannedDay
from schemas.golives import GoLive, Plan, Rates
from services.stabilisation.chronicle import micros
from services.stabilisation.days import days_until, instant_of
from services.stabilisation.plan import planned_arrivals, planned_open
from services.stabilisation.view import DAY, ENDED, View

RECENT = 3
WEEK = 7


def planned_burndown(view: View) -> PlannedBurndown:
    golive, text = view.golive, view.golive.text
    midnights = [instant for instant in (instant_of(text, day) for day in days_until(text, view.instant)) if instant > text.starts_at]
    instants = [micros(instant) for instant in (text.starts_at, *midnights)] + [view.at + 1]
    days = [_day(view, at) for at in instants] if view.at >= instants[0] else []
    gap = gap_at(view, view.at)
    planned = total_planned(golive.plan.plan, _age(golive, view.at)) if golive.plan else None
    return PlannedBurndown(
        golive=golive.id,
        as_of=view.instant,
        days=tuple(days),
        marks=tuple(_marks(golive)),
        plan_version=golive.plan.version if golive.plan else None,
        gap=gap,
        relative_gap=gap / planned if gap is not None and planned else None,
        growth_3d=growth(view, view.at),
        noise_3d=noise(view, view.at),
        required_per_day=_required(view),
        closures_per_day=view.count(ENDED, view.at - WEEK * DAY, view.at) / WEEK,
    )


def gap_at(view: View, at: int) -> float | None:
    """Open minus planned tickets at an instant that is not after the view's, over the planned severities; None without an approved plan."""
    plan = view.golive.plan
    if plan is None:
        return None
    return _counted(view, at) - total_planned(plan.plan, _age(view.golive, at))


def _counted(view: View, at: int) -> int:
    """Open tickets of the planned severities, with what happens at the instant itself."""
    plan, level = view.golive.plan, view.open_before(at + 1)
    return sum(level.get(severity, 0) for severity in plan.plan.by_severity) if plan else 0


def growth(view: View, at: int) -> float | None:
    """How much the gap grew in the three days before; before the go-live there is none."""
    now, before = gap_at(view, at), gap_at(view, at - RECENT * DAY)
    return now - before if now is not None and before is not None else None


def noise(view: View, at: int) -> float:
    """What chance alone may do to the gap in three days: two standard deviations of the difference of two Poisson counts."""
    return 2 * sqrt(view.count(("created", *ENDED), at - RECENT * DAY, at))


def grows(view: View, at: int) -> bool:
    """By more than chance may do, and because more arrives than ends."""
    grown, begin = growth(view, at), at - RECENT * DAY
    rising = view.count(("created",), begin, at) > view.count(ENDED, begin, at)
    return rising and grown is not None and grown > noise(view, at)


def total_planned(plan: Plan, day: float) -> float:
    return sum(planned_open(plan, day).values())


def _age(golive: GoLive, at: int) -> float:
    """Days of 24 hours since the go-live."""
    return (at - micros(golive.text.starts_at)) / DAY


def _day(view: View, before: int) -> PlannedDay:
    golive, at = view.golive, min(before, view.at)
    plan, first = golive.plan, golive.first_plan
    return PlannedDay(
        at=view.earlier(at).instant,
        open=view.open_before(before),
        planned=_rounded(plan.plan, _age(golive, at)) if plan else None,
        first_planned=_rounded(first.plan, _age(golive, at)) if first and first != plan else None,
    )


def _rounded(plan: Plan, day: float) -> dict[str, float]:
    return {severity: round(level, 2) for severity, level in planned_open(plan, day).items()}


def _marks(golive: GoLive) -> list[Mark]:
    text = golive.text
    ends = [Mark(at=text.starts_at, kind="golive", title=text.name), Mark(at=text.planned_end, kind="planned_end", title="planned end")]
    told = [Mark(at=each.at, kind=each.kind, title=each.title) for each in golive.scope_events]
    return sorted([*ends, *told], key=lambda mark: mark.at)


def _required(view: View) -> float | None:
    """Tickets that must end a day to be where the plan ends: None without a plan, or after the planned end."""
    golive, plan = view.golive, view.golive.plan
    left = (micros(golive.text.planned_end) - view.at) / DAY
    if plan is None or left <= 0:
        return None
    now, end = _age(golive, view.at), _age(golive, micros(golive.text.planned_end))
    target = total_planned(plan.plan, end)
    return max(0.0, _counted(view, view.at) - target + _still_planned(plan.plan, now, end)) / left


def _still_planned(plan: Plan, now: float, end: float) -> float:
    courses = [course for course in plan.by_severity.values() if isinstance(course, Rates)]
    return sum(planned_arrivals(course, day) for course in courses for day in range(int(max(now, 0)), int(end)))
