"""The traffic light: red, amber and green by each of its rules, at its threshold."""

from typing import Any

import pytest

from services.ledger import Ledger
from services.stabilisation.light import Seen, light_of
from tests.small_golives import BEGIN, Stage


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    stage = Stage(ledger)
    stage.declare(time_zone="UTC")
    stage.day(0, hours=1)
    return stage


LIGHTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({}, "green", "nothing speaks against it"),
    "relapse": ({"relapse": "a Sev1 occurred"}, "red", "a Sev1 occurred"),
    "grown for two days": ({"growing": (True, True, True)}, "red", "beyond chance for two days"),
    "grown today": ({"growing": (True, False, True)}, "amber", "grew by 7 tickets"),
    "grown before": ({"growing": (False, True, True)}, "green", "nothing"),
    "well above the plan": ({"relative": 0.21, "arrived": 5, "ended": 4}, "red", "9 more open tickets than planned"),
    "above by chance": ({"relative": 0.21, "noise": 9.0, "arrived": 5, "ended": 4}, "green", "nothing"),
    "a fifth above": ({"relative": 0.2, "arrived": 5, "ended": 4}, "green", "nothing"),
    "above, and falling": ({"relative": 0.5, "arrived": 4, "ended": 4}, "green", "nothing"),
    "sev1": ({"sev1": 2}, "red", "2 Sev1 open"),
    "old sev2": ({"sev2": 3 * 86_400 + 1}, "amber", "a Sev2 is open for more than 3 days"),
    "young sev2": ({"sev2": 3 * 86_400}, "green", "nothing"),
    "old flag": ({"gxp": {"sev3": 86_401.0}}, "amber", "a GxP flag is not assessed"),
    "young flag": ({"gxp": {"sev3": 86_400.0}}, "green", "nothing"),
    "never": ({"exit": {"state": "never", "reason": "more comes than goes"}}, "amber", "forecast: more comes than goes"),
    "late": ({"exit": {"state": "date", "p85": BEGIN.date(), "late_days": 3}}, "amber", "02 Mar at 85 %, 3 days after"),
    "in time": ({"exit": {"state": "date", "p85": BEGIN.date(), "late_days": 0}}, "green", "nothing"),
    "overdue": ({"phase": "overdue"}, "amber", "the planned end has passed"),
}


@pytest.mark.parametrize(("changes", "light", "reason"), LIGHTS.values(), ids=LIGHTS)
def test_the_light_has_its_colour_by_rule_and_says_which(stage: Stage, changes: dict[str, Any], light: str, reason: str) -> None:
    found, reasons = light_of(_seen(stage, changes))
    assert (found, reason in reasons[0]) == (light, True), reasons


def test_red_comes_before_amber_and_both_are_said(stage: Stage) -> None:
    found, reasons = light_of(_seen(stage, {"phase": "overdue", "sev1": 1, "sev2": 1e6}))
    assert (found, reasons) == ("red", ("1 Sev1 open", "a Sev2 is open for more than 3 days", "the planned end has passed"))


def _seen(stage: Stage, changes: dict[str, Any]) -> Seen:
    """A calm go-live but for what a test says."""
    figures, burndown, forecast = stage.seen(lambda sight: (sight.figures, sight.burndown, sight.forecast))
    flows = figures.flows
    opened = figures.open.model_copy(update={
        "by_severity": figures.open.by_severity | {"sev1": changes.get("sev1", 0)},
        "ages": figures.open.ages | {"sev2": figures.open.ages["sev2"].model_copy(update={"oldest": changes.get("sev2")})},
    })  # fmt: skip
    counts = {
        "arrivals": flows.arrivals.model_copy(update={"days_3": changes.get("arrived", 0)}),
        "ended": flows.ended.model_copy(update={"days_3": changes.get("ended", 0)}),
    }
    figures = figures.model_copy(update={
        "open": opened, "flows": flows.model_copy(update=counts), "phase": changes.get("phase", "hypercare"),
        "gxp": figures.gxp.model_copy(update={"unassessed_oldest_seconds": changes.get("gxp", {})}),
    })  # fmt: skip
    exit_target = forecast.targets[0].model_copy(update=changes.get("exit", {}))
    return Seen(
        figures,
        burndown.model_copy(
            update={"relative_gap": changes.get("relative"), "gap": 9.0, "growth_3d": 7.0, "noise_3d": changes.get("noise", 6.0)}
        ),
        forecast.model_copy(update={"targets": (exit_target, *forecast.targets[1:])}),
        changes.get("relapse"),
        changes.get("growing", (False, False, False)),
    )
