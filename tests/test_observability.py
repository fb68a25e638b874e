"""Alerts fire, keep quiet and recover as they should."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.boards import generate
from services.ledger import Ledger
from services.stabilisation.metrics import METRICS
from services.stabilisation.watching import REFERENCE, WINDOW, Watch
from tests.observing import needs, ran
from tests.scrapes import scraped
from tests.streams import DOUBTFUL, OTHER_WEEK, Answer, calm, decided, stream

ROOT = Path(__file__).resolve().parent.parent
PROMETHEUS, ALERTMANAGER = (ROOT / "deploy" / name for name in ("prometheus", "alertmanager"))
RULES = PROMETHEUS / "hypercare.rules.yml"
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALERTS: list[dict[str, Any]] = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
BOARDS: list[dict[str, Any]] = [json.loads(content) for content in generate().values()]
LIMITS = [
    ("> 300", ">= 300"), ("> 900", "> 960"), ("> 60\n        for: 1m", "> 60"), ("max by (site)", "max by (site, instance)"),
    ("psi) > 0.25", "psi) >= 0.25"), ("for: 10m", "for: 9m"), ("> 0.3 and", ">= 0.3 and"), (">= 20", ">= 19"),
    (" or max(hypercare_model_score_psi) > 0.25", ""), ("max(hypercare_model_class_psi) > 0.25 or ", ""),
]  # fmt: skip


@needs("promtool")
def test_the_configuration_and_the_rules_are_valid() -> None:
    for good, said in (
        ran("promtool", "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"),
        ran("promtool", "check", "rules", RULES),
    ):
        assert good, said


@needs("promtool")
def test_every_alert_fires_keeps_quiet_and_recovers() -> None:
    good, said = ran("promtool", "test", "rules", *RULE_TESTS)
    assert good, said


@needs("promtool")
@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
@pytest.mark.parametrize("fault", ["vector(0) > 1", "vector(1) > 0"])
def test_an_alert_that_never_or_always_fires_is_found(tmp_path: Path, alert: str, fault: str) -> None:
    if (alert, fault) == ("Watchdog", "vector(1) > 0"):
        return
    broken = yaml.safe_load(RULES.read_text())
    for group in broken["groups"]:
        for rule in group["rules"]:
            rule["expr"] = fault if rule["alert"] == alert else rule["expr"]
    assert not _tested(tmp_path, yaml.safe_dump(broken))


@needs("promtool")
@pytest.mark.parametrize(("limit", "other"), LIMITS)
def test_a_threshold_that_moved_is_found(tmp_path: Path, limit: str, other: str) -> None:
    assert limit in RULES.read_text()
    assert not _tested(tmp_path, RULES.read_text().replace(limit, other))
    assert _tested(tmp_path, RULES.read_text())


def told_by_minute(ledger: Ledger, answers: list[Answer], per_minute: int) -> list[dict[str, Any]]:
    """The stability indices as Prometheus would see them while these answers are given."""
    watch = Watch()
    decided(ledger, calm(1, WINDOW + REFERENCE))
    seen: dict[str, list[float]] = {"hypercare_model_class_psi": [], "hypercare_model_score_psi": []}
    for first in range(0, len(answers), per_minute):
        decided(ledger, answers[first : first + per_minute])
        series = scraped(ledger, watch)
        for name, values in seen.items():
            values.append(series[name, frozenset()])
    return [{"series": name, "values": " ".join(map(str, values))} for name, values in seen.items()]


@needs("promtool")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shifts", [False, True])
def test_the_drift_alert_fires_on_a_shift_and_not_on_a_calm_stream(ledger: Ledger, tmp_path: Path, seed: int, shifts: bool) -> None:
    """What the service tells of simulated streams of 25 minutes, through the committed rule."""
    answers = calm(10 + seed, 100) + (stream(20 + seed, 400, OTHER_WEEK, DOUBTFUL) if shifts else calm(30 + seed, 400))
    drift = '{alertname="HypercareModelDrift", alertstate="firing", urgency="notify"}'
    fired = {"expr": f"max_over_time(ALERTS{drift}[1h])", "eval_time": "25m", "exp_samples": [{"labels": drift, "value": 1}] * shifts}
    case = {"interval": "1m", "input_series": told_by_minute(ledger, answers, 20), "promql_expr_test": [fired]}
    file = tmp_path / "streams.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [case]}))
    good, said = ran("promtool", "test", "rules", file)
    assert good, said


def _tested(folder: Path, rules: str) -> bool:
    (folder / RULES.name).write_text(rules)
    for file in RULE_TESTS:
        (folder / file.name).write_text(file.read_text().replace("../", ""))
    return ran("promtool", "test", "rules", *(folder / file.name for file in RULE_TESTS))[0]


def test_every_alert_is_tested_before_while_and_after_it_fires() -> None:
    checks: dict[str, list[bool]] = {}
    for file in RULE_TESTS:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for check in case["alert_rule_test"]:
                checks.setdefault(check["alertname"], []).append(bool(check["exp_alerts"]))
    assert set(checks) == {rule["alert"] for rule in ALERTS}
    for alert, fires in checks.items():
        assert alert == "Watchdog" or (not fires[0] and any(fires) and not fires[-1]), alert


def test_every_alert_says_what_it_is_what_to_do_and_where_to_look() -> None:
    anchors = {
        f"#{heading.lower()}" for heading in re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text("utf-8"), re.MULTILINE)
    }
    uids = {board["uid"] for board in BOARDS}
    for rule in ALERTS:
        told = rule["annotations"]
        assert re.fullmatch(r"([A-Z][a-z]+\d?)+", rule["alert"])
        assert rule["labels"]["urgency"] in ("page", "notify", "none")
        assert set(told) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert told["runbook_url"] == "{{ $externalLabels.docs_url }}/runbook.md#" + rule["alert"].lower()
        assert "#" + rule["alert"].lower() in anchors
        assert re.search(r"/d/([a-z-]+)", told["dashboard_url"])[1] in uids  # type: ignore[index]


def test_rules_ask_only_for_series_that_there_are() -> None:
    known = {metric.name for metric in METRICS}
    for rule in ALERTS:
        for name in re.findall(r"hypercare_[a-z0-9_]+", rule["expr"]):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in known, name


@needs("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=HypercareSev1Unacknowledged urgency=page site=Cork", "page"),
        ("alertname=HypercareTriageQueueOld urgency=notify site=Cork", "notify"),
        ("alertname=SomethingElse", "notify"),
        ("alertname=Watchdog urgency=none", "watchdog"),
    ],
)
def test_an_alert_goes_to_its_receiver(labels: str, receiver: str) -> None:
    file = ALERTMANAGER / "alertmanager.yml"
    assert ran("amtool", "check-config", file)[0]
    good, said = ran("amtool", "config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receiver}", *labels.split())
    assert good, said
