"""The traffic light of a go-live: by rule, with its reasons. The alerts of the burndown want more, because they are asked all the time."""

from collections.abc import Callable
from typing import NamedTuple

from schemas.golive_figures import GoLiveFigures, GoLiveForecast, Light, PlannedBurndown

DAY = 86_400.0
SEV2_OLD = 3 * DAY
GXP_OLD = DAY
WELL_ABOVE = 0.2


class Seen(NamedTuple):
    """What the rules look at. `growing`: the gap to the plan grew by more than chance may do, now, and a day and two days ago."""

    figures: GoLiveFigures
    burndown: PlannedBurndown
    forecast: GoLiveForecast
    relapse: str | None
    growing: tuple[bool, bool, bool]


Rule = Callable[[Seen], str | None]


def _sev1_open(seen: Seen) -> str | None:
    number = seen.figures.open.by_severity["sev1"]
    return f"{number} Sev1 open" if number else None


def _relapsed(seen: Seen) -> str | None:
    return seen.relapse


def _above_plan(seen: Seen) -> str | None:
    """By a fifth, by more than chance may do, and not because something ends that had to wait."""
    plan, arrivals, ended = seen.burndown, seen.figures.flows.arrivals.days_3, seen.figures.flows.ended.days_3
    if plan.gap is None or plan.relative_gap is None or arrivals <= ended:
        return None
    if plan.relative_gap <= WELL_ABOVE or plan.gap <= plan.noise_3d:
        return None
    return f"{plan.gap:.0f} more open tickets than planned, and in three days {arrivals} arrived and {ended} ended"


def _gap_keeps_growing(seen: Seen) -> str | None:
    return "the gap to the plan has grown beyond chance for two days" if all(seen.growing) else None


def _gap_grew(seen: Seen) -> str | None:
    return f"the gap to the plan grew by {seen.burndown.growth_3d:.0f} tickets in three days" if seen.growing[0] else None


def _sev2_old(seen: Seen) -> str | None:
    oldest = seen.figures.open.ages["sev2"].oldest
    return "a Sev2 is open for more than 3 days" if oldest is not None and oldest > SEV2_OLD else None


def _gxp_waits(seen: Seen) -> str | None:
    oldest = max(seen.figures.gxp.unassessed_oldest_seconds.values(), default=0.0)
    return "a GxP flag is not assessed for more than a day" if oldest > GXP_OLD else None


def _late(seen: Seen) -> str | None:
    found = next(each for each in seen.forecast.targets if each.target == "exit")
    if found.state == "never":
        return f"forecast: {found.reason}"
    if found.state != "date" or found.p85 is None or not found.late_days or found.late_days <= 0:
        return None
    return f"the exit is forecast for {found.p85:%d %b} at 85 %, {found.late_days:.0f} days after the planned end"


def _overdue(seen: Seen) -> str | None:
    return "the planned end has passed" if seen.figures.phase == "overdue" else None


RED: tuple[Rule, ...] = (_relapsed, _sev1_open, _above_plan, _gap_keeps_growing)
AMBER: tuple[Rule, ...] = (_gap_grew, _sev2_old, _gxp_waits, _late, _overdue)


def light_of(seen: Seen) -> tuple[Light, tuple[str, ...]]:
    red, amber = (tuple(said for rule in rules if (said := rule(seen))) for rules in (RED, AMBER))
    if red:
        return "red", red + amber
    return ("amber", amber) if amber else ("green", ("nothing speaks against it",))
