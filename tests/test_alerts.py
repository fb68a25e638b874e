"""Alerts fire, keep quiet and recover as they should, a rule that is off is found, and each alert says what to do."""

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
from tests.rule_faults import FAULTS, Fault
from tests.scrapes import scraped
from tests.shipped_rules import FILES, FOLDER, RECORDED
from tests.streams import DOUBTFUL, OTHER_WEEK, Answer, calm, decided, stream

ROOT = FOLDER.parent.parent
RULE_TESTS = sorted((FOLDER / "tests").glob("*.yml"))
RULES: list[dict[str, Any]] = [rule for file in FILES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
BOARDS = {json.loads(content)["uid"] for content in generate().values()}


@needs("promtool")
def test_the_configuration_and_the_rules_are_valid() -> None:
    for good, said in (
        ran("promtool", "check", "config", "--syntax-only", FOLDER / "prometheus.yml"),
        ran("promtool", "check", "rules", *FILES),
    ):
        assert good, said
    assert yaml.safe_load((FOLDER / "prometheus.yml").read_text())["rule_files"] == [file.name for file in FILES]


@needs("promtool")
def test_every_alert_fires_keeps_quiet_and_recovers(tmp_path: Path) -> None:
    assert _failing(tmp_path, {file.name: file.read_text() for file in FILES}) == set()


@needs("promtool")
@pytest.mark.parametrize("fault", ["vector(0) > 1", "vector(1) > 0"])
def test_an_alert_that_never_or_always_fires_is_found(tmp_path: Path, fault: str) -> None:
    broken = {file.name: yaml.safe_load(file.read_text()) for file in FILES}
    for rules in broken.values():
        for group in rules["groups"]:
            group["rules"] = [rule | {"expr": fault} for rule in group["rules"] if "alert" in rule]
    missed = ALERTS.keys() - {alert for alert, _ in _failing(tmp_path, {name: yaml.safe_dump(rules) for name, rules in broken.items()})}
    assert missed == ({"Watchdog"} if fault == "vector(1) > 0" else set())


@needs("promtool")
@pytest.mark.parametrize("faults", FAULTS, ids=["first", "second", "third", "fourth"])
def test_a_limit_that_moved_is_found(tmp_path: Path, faults: list[Fault]) -> None:
    rules = {file.name: file.read_text() for file in FILES}
    for fault in faults:
        assert any(fault.limit in text for text in rules.values()), fault
        rules = {name: text.replace(fault.limit, fault.other) for name, text in rules.items()}
    changed = {file.name: rules[file.name] for file in FILES if rules[file.name] != file.read_text()}
    assert {(fault.alert, fault.time) for fault in faults} - _failing(tmp_path, changed) == set()


def _failing(folder: Path, rules: dict[str, str]) -> set[tuple[str, str]]:
    """The alerts, and the times of their tests, that these texts of rule files fail."""
    for name, text in rules.items():
        (folder / name).write_text(text)
    asked = [file for file in RULE_TESTS if rules.keys() & {Path(name).name for name in yaml.safe_load(file.read_text())["rule_files"]}]
    for file in asked:
        (folder / file.name).write_text(file.read_text().replace("../", ""))
    good, said = ran("promtool", "test", "rules", *(folder / file.name for file in asked))
    failing = set(re.findall(r"alertname: (\w+), time: (\w+),", said))
    assert good is not bool(failing), said
    return failing


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
@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("shifts", [False, True])
def test_the_drift_alert_fires_on_a_shift_and_not_on_a_calm_stream(ledger: Ledger, tmp_path: Path, seed: int, shifts: bool) -> None:
    """What the service tells of simulated streams of 25 minutes, through the committed rule."""
    answers = calm(10 + seed, 100) + (stream(20 + seed, 400, OTHER_WEEK, DOUBTFUL) if shifts else calm(30 + seed, 400))
    drift = '{alertname="HypercareModelDrift", alertstate="firing", urgency="notify"}'
    fired = {"expr": f"max_over_time(ALERTS{drift}[1h])", "eval_time": "25m", "exp_samples": [{"labels": drift, "value": 1}] * shifts}
    case = {"interval": "1m", "input_series": told_by_minute(ledger, answers, 20), "promql_expr_test": [fired]}
    file = tmp_path / "streams.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(FOLDER / "hypercare.rules.yml")], "evaluation_interval": "1m", "tests": [case]}))
    good, said = ran("promtool", "test", "rules", file)
    assert good, said


def test_every_alert_is_tested_before_while_and_after_it_fires() -> None:
    checks: dict[str, list[bool]] = {}
    for file in RULE_TESTS:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for check in case["alert_rule_test"]:
                checks.setdefault(check["alertname"], []).append(bool(check["exp_alerts"]))
    assert set(checks) == set(ALERTS)
    for alert, fires in checks.items():
        assert alert == "Watchdog" or (not fires[0] and any(fires) and not fires[-1]), alert


def test_every_alert_says_what_it_is_what_to_do_and_where_to_look() -> None:
    runbook, alerts = ((ROOT / "docs" / page).read_text("utf-8") for page in ("runbook.md", "alerts.md"))
    anchors = {f"#{heading.lower()}" for heading in re.findall(r"^## (\w+)$", runbook, re.MULTILINE)}
    for name, rule in ALERTS.items():
        told = rule["annotations"]
        assert re.fullmatch(r"([A-Z][a-z]+\d?)+", name)
        assert rule["labels"]["urgency"] in ("page", "notify", "none")
        assert set(told) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert told["runbook_url"] == "{{ $externalLabels.docs_url }}/runbook.md#" + name.lower()
        assert "#" + name.lower() in anchors
        assert f"| [{name}](runbook.md#{name.lower()}) | {rule['labels']['urgency']} |" in alerts
        assert re.search(r"/d/([a-z-]+)", told["dashboard_url"])[1] in BOARDS  # type: ignore[index]


def test_recorded_series_are_named_by_level_metric_and_operation_and_each_is_used() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    used = {found[0] for rule in RULES for found in RECORDED.finditer(rule["expr"])}
    assert recorded == used
    assert all(re.fullmatch(r"(golive|all):hypercare_\w+:\w+", name) for name in recorded)


def test_rules_ask_only_for_series_that_there_are() -> None:
    known = {metric.name for metric in METRICS}
    for rule in RULES:
        for name in re.findall(r"hypercare_[a-z0-9_]+", RECORDED.sub("", rule["expr"])):
            assert name in known, name
