"""The simulation of the burndown's alerts says what Prometheus would, finds what it should, and a rule that is noise breaks its limit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.observing import needs, ran
from tests.replayed_alerts import replayed
from tests.shipped_rules import FOLDER, Holds, Shipped, ShippedRules
from tests.simulate_alerts import AMBER, EITHER, GAP, LIMITS, RED, found, measured, passes, shipped, starts
from tests.simulated_series import Told, burndown_series
from tests.simulated_sites import DAYS, PER_DAY, STEP_S, STEPS, Course, halved, happened, site, spiked

FEW = [site(seed) for seed in range(1, 13)]
SLIPPING = "golive:hypercare_golive_slipping:bool"


@needs("prometheus")
def test_few_sites_have_few_false_starts_and_what_happens_is_found() -> None:
    rules = ShippedRules()
    fired = measured(FEW, rules, shipped(rules))
    (cost, limit), *_ = passes(fired, FEW).values()
    assert cost <= limit
    for scenario in ("spike", "halved"):
        of = found(fired[EITHER], FEW, scenario)
        assert of.share >= 0.75 > of.by_chance
        assert of.median_days < 2 * LIMITS[scenario]


@needs("prometheus")
def test_a_rule_that_is_noise_breaks_the_limit_of_false_starts() -> None:
    rules = ShippedRules({SLIPPING: f"{GAP} > bool 0"})
    fires = replayed([happened(each) for each in FEW], burndown_series, rules, shipped(rules))
    assert sum(starts(fires[name]).sum() for name in (AMBER, RED)) / len(FEW) / DAYS * 7 > 2 * LIMITS["false starts"]


def _promtool(folder: Path, rules: Path, series: list[tuple[str, Any]], expected: dict[str, Holds]) -> tuple[bool, str]:
    """Whether promtool counts as many firing half-hours of each go-live as expected."""
    checks = [
        {
            "expr": f'sum by (golive) (count_over_time(ALERTS{{alertname="{name}", alertstate="firing"}}[{DAYS + 1}d]))',
            "eval_time": f"{STEPS * STEP_S}s",
            "exp_samples": [{"labels": f'{{golive="{row}"}}', "value": int(each.sum())} for row, each in enumerate(fires) if each.any()],
        }
        for name, fires in expected.items()
    ]
    inputs = [{"series": name, "values": "_ " + " ".join(map(str, values.tolist()))} for name, values in series]
    case = {"interval": f"{STEP_S}s", "input_series": inputs, "promql_expr_test": checks}
    file = folder / "simulated.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": f"{STEP_S}s", "tests": [case]}))
    return ran("promtool", "test", "rules", file)


@needs("promtool")
@pytest.mark.parametrize(("wait", "keep"), [(0, 0), (1, 0), (0, 3), (1, 4)])
def test_for_and_keep_firing_for_are_applied_as_prometheus_does(tmp_path: Path, wait: int, keep: int) -> None:
    holds = np.random.default_rng(wait + keep).random((20, STEPS)) < np.linspace(0.05, 0.95, 20)[:, None]
    rule = {"alert": "Drawn", "expr": "drawn > 0", "for": f"{wait * STEP_S}s", "keep_firing_for": f"{keep * STEP_S}s"}
    (tmp_path / "drawn.rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "drawn", "rules": [rule]}]}))
    series = [(f'drawn{{golive="{row}"}}', each.astype(int)) for row, each in enumerate(holds)]
    good, said = _promtool(tmp_path, tmp_path / "drawn.rules.yml", series, {"Drawn": Shipped("", wait, keep).firing(holds)})
    assert good, said
    assert not _promtool(tmp_path, tmp_path / "drawn.rules.yml", series, {"Drawn": Shipped("", wait + 1, keep).firing(holds)})[0]


@needs("prometheus")
def test_asked_of_the_past_a_rule_says_what_it_said_then(tmp_path: Path) -> None:
    """Recording rules, `for` and all, through promtool; expressions without recorded names through query_range."""
    courses = [happened(spiked(site(3))), happened(halved(site(4)))]
    rules = ShippedRules()
    fires = replayed(courses, burndown_series, rules, shipped(rules))
    assert all(each.any() for each in fires[AMBER])
    series: list[Told] = [told for golive, course in enumerate(courses) for told in burndown_series(golive, course)]
    good, said = _promtool(tmp_path, FOLDER / "burndown.rules.yml", series, fires)
    assert good, said


def test_a_disturbance_changes_nothing_before_it() -> None:
    for seed in range(1, 6):
        usual = happened(site(seed))
        before = int(usual.site.disturbed * PER_DAY)
        for other in (happened(spiked(usual.site)), happened(halved(usual.site))):
            assert _open(usual)[:before] == _open(other)[:before]
            assert _open(usual)[before:] != _open(other)[before:]


def test_what_came_and_was_not_ended_is_open() -> None:
    for seed in range(1, 6):
        course = happened(spiked(site(seed)))
        reopened = course.open[-1] - (course.arrivals.sum() - course.ended.sum())
        assert 0 <= reopened < 0.1 * course.ended.sum()


def _open(course: Course) -> list[int]:
    return [int(level) for level in course.open]
