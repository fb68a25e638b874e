"""`make simulate-alerts`: what the alerts of the burndown cost and find, measured on simulated sites, into docs/alerts.md.

The series of the sites become blocks of a real Prometheus, which is asked what the shipped expressions say at every half-hour.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tests.replayed_alerts import replayed
from tests.shipped_rules import Holds, Shipped, ShippedRules
from tests.simulated_series import burndown_series, intake_series
from tests.simulated_sites import DAYS, PER_DAY, STEP_S, Site, halved, happened, site, spiked, worse_planned

SEEDS = range(1, 361)
SOME = 120
AT_ONCE = 40
FOUND_WITHIN = 14 * PER_DAY
SCENARIOS: dict[str, Callable[[Site], Site]] = {"healthy": lambda of: of, "spike": spiked, "halved": halved}
AMBER, RED = "HypercareBurndownSlipping", "HypercareBurndownOffPlan"
EITHER = "amber or red"
LIMITS = {"false starts": 0.15, "spike": 1.0, "halved": 3.0}
PAGE = Path("docs/alerts.md")
BEGIN, END = "<!-- simulated: begin -->\n", "<!-- simulated: end -->\n"

GAP, PLAN = "golive:hypercare_golive_plan_gap:max", "golive:hypercare_golive_plan:max"
RISES = "golive:hypercare_golive_arrivals:max3d > golive:hypercare_golive_ended:max3d"
GREW = "golive:hypercare_golive_plan_gap_growth:max3d > 2 * golive:hypercare_golive_gap_chance:sqrt3d"
NAIVE = {
    "open > plan": (f"{GAP} > 0", 0),
    "open > 1.2 × plan": (f"{GAP} > 0.2 * {PLAN}", 0),
    "open > 1.2 × plan for 2 days": (f"{GAP} > 0.2 * {PLAN}", 2 * PER_DAY),
    "… while arrivals > closures": (f"{GAP} > 0.2 * {PLAN} and {RISES}", 2 * PER_DAY),
    "gap grew in 3 days by > 2√(arrivals + closures)": (GREW, 0),
}
INTAKE = {"a silence of 2 hours": ("hypercare_golive_silence_seconds > 7200 and on (golive) hypercare_golive_age_seconds < 1209600", 0)}


Alerts = dict[str, Shipped]


class Fired(NamedTuple):
    """Where an alert fires: (sites, evaluations) each."""

    healthy: Holds
    spike: Holds
    halved: Holds


class Found(NamedTuple):
    """Of the sites where the alert was quiet when it happened: the share found within 14 days, the share that would have fired without
    anything having happened, and the median delay in days, infinite where less than half were found. `on`: the share of all that was
    not quiet.
    """

    share: float
    by_chance: float
    median_days: float
    on: float


def shipped(rules: ShippedRules) -> Alerts:
    return {name: rules.alert(name, STEP_S) for name in (AMBER, RED)}


def of_burndown(rules: ShippedRules) -> Alerts:
    """The alerts of the burndown by name, naive ones for comparison."""
    return {name: Shipped(rules.spelled(expr), wait, 0) for name, (expr, wait) in NAIVE.items()} | shipped(rules)


def of_intake(rules: ShippedRules) -> Alerts:
    naive = {name: Shipped(expr, wait, 0) for name, (expr, wait) in INTAKE.items()}
    return naive | {name: rules.alert(name, STEP_S) for name in ("HypercareSilence", "HypercareRouteShareHigh")}


def measured(sites: list[Site], rules: ShippedRules, alerts: Alerts) -> dict[str, Fired]:
    """Every alert on every site: undisturbed, with a spike, with half the capacity. Amber and red have to be among them."""
    parts = [_replayed(sites[first : first + AT_ONCE], rules, alerts) for first in range(0, len(sites), AT_ONCE)]
    fired = {name: Fired(*(np.concatenate(each) for each in zip(*(part[name] for part in parts), strict=True))) for name in parts[0]}
    both = zip(fired[AMBER], fired[RED], strict=True)
    return fired | {EITHER: Fired(*(amber | red for amber, red in both))}


def _replayed(sites: list[Site], rules: ShippedRules, alerts: Alerts) -> dict[str, Fired]:
    courses = [happened(change(each)) for change in SCENARIOS.values() for each in sites]
    fires = replayed(courses, burndown_series, rules, alerts)
    sys.stderr.write(f"{sites[-1].seed}\n")
    return {name: Fired(*np.split(each, len(SCENARIOS))) for name, each in fires.items()}


def starts(fires: Holds) -> npt.NDArray[np.bool_]:
    """Where it fires and did not half an hour before."""
    return fires & ~np.pad(fires, ((0, 0), (1, 0)))[:, :-1]


def false_starts(fires: Holds) -> float:
    """Starts per site and week."""
    return float(starts(fires).sum() / fires.size * 7 * PER_DAY)


def found(fired: Fired, sites: list[Site], scenario: str) -> Found:
    delays, chances = [], []
    fires: Holds = getattr(fired, scenario)
    for row, each in enumerate(sites):
        begin = int(each.disturbed * PER_DAY)
        if not fires[row, begin - 1]:
            after = np.flatnonzero(fires[row, begin : begin + FOUND_WITHIN])
            delays.append((begin + after[0] + 1) / PER_DAY - each.disturbed if after.size else np.inf)
            chances.append(fired.healthy[row, begin : begin + FOUND_WITHIN].any())
    return Found(float(np.isfinite(delays).mean()), float(np.mean(chances)), float(np.median(delays)), 1 - len(delays) / len(sites))


def passes(fired: dict[str, Fired], sites: list[Site]) -> dict[str, tuple[float, float]]:
    """What was measured, and its limit: false starts of amber and of red together, and the median delays of the first of them."""
    both = false_starts(fired[AMBER].healthy) + false_starts(fired[RED].healthy)
    delays = {name: found(fired[EITHER], sites, name).median_days for name in ("spike", "halved")}
    return {name: (value, LIMITS[name]) for name, value in ({"false starts": both} | delays).items()}


def page(sites: list[Site], fired: dict[str, Fired], worse: dict[str, Fired], intake: dict[str, Holds]) -> str:
    """The two tables as they stand in docs/alerts.md."""
    some = len(worse[EITHER].healthy)
    lines = [
        f"{len(sites)} sites (seeds {sites[0].seed} to {sites[-1].seed}), {DAYS} days each, undisturbed and disturbed; "
        f"{some} of them once more, with a plan\nthat is twice as wrong.\n",
        "| rule | false starts a week | firing in health | spike found (median delay) | capacity halved found (median delay) |",
        "|---|---|---|---|---|",
        *(_row(name, each, sites) for name, each in fired.items()),
        *(_row(f"{name}, a worse plan", each, sites[:some]) for name, each in worse.items()),
        f"\n| rule, {some} undisturbed sites | false starts a week in the two weeks after the go-live | in all weeks |",
        "|---|---|---|",
        *(f"| {name} | {false_starts(each[:, : 14 * PER_DAY]):.2f} | {false_starts(each):.2f} |" for name, each in intake.items()),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, fired: Fired, sites: list[Site]) -> str:
    cells = []
    for scenario in ("spike", "halved"):
        of = found(fired, sites, scenario)
        delay = f"{of.median_days:.1f} d" if np.isfinite(of.median_days) else "–"
        cells.append(f"{of.share:.0%} ({delay}); {of.by_chance:.0%} by chance, {of.on:.0%} on before")
    return f"| {name} | {false_starts(fired.healthy):.3f} | {fired.healthy.mean():.1%} | {cells[0]} | {cells[1]} |"


def main() -> int:
    rules, sites = ShippedRules(), [site(seed) for seed in SEEDS]
    fired = measured(sites, rules, of_burndown(rules))
    worse = measured([worse_planned(each) for each in sites[:SOME]], rules, shipped(rules))
    intake = replayed([happened(each) for each in sites[:SOME]], intake_series, rules, of_intake(rules))
    text, results = page(sites, fired, worse, intake), passes(fired, sites)
    sys.stdout.write(text + "".join(f"{name}: {value:.3f}, limit {limit}\n" for name, (value, limit) in results.items()))
    head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(head + BEGIN + text + END + rest.partition(END)[2], "utf-8")
    return int(any(value > limit for value, limit in results.values()))


if __name__ == "__main__":
    sys.exit(main())
