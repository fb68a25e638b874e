"""Alerts fire, keep quiet and recover as they should, and every panel of every board shows data of the real service."""

import json
import math
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
import yaml
from sqlalchemy import insert

from deploy.grafana.boards import FOLDER, generate
from deploy.guarded import Guarded
from schemas import events as e
from schemas.knownerrors import KnownErrorText
from schemas.tables import CONSUMERS
from schemas.words import SEVERITIES
from services.db import migrate, open_database
from services.knownerrors import record_known_error
from services.ledger import Draft, Ledger
from services.stabilisation import furnish, router
from services.stabilisation.metrics import METRICS
from services.stabilisation.model_series import MOST_REPLICAS
from services.stabilisation.progress import Progress
from services.stabilisation.scrape import MOST_KNOWN_ERRORS, MOST_SITES, MOST_SYSTEMS
from services.stabilisation.watching import LEAST_REFERENCE, REFERENCE, WINDOW, Watch
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.histories import live, random_steps
from tests.lives import ENGINEER, SERVICE, happened, submitted
from tests.scrapes import scraped
from tests.streams import DOUBTFUL, OTHER_WEEK, Answer, calm, decided, stream

ROOT = Path(__file__).resolve().parent.parent
PROMETHEUS, ALERTMANAGER, GRAFANA = (ROOT / "deploy" / name for name in ("prometheus", "alertmanager", "grafana"))
RULES = PROMETHEUS / "hypercare.rules.yml"
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALERTS: list[dict[str, Any]] = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
BOARDS: list[dict[str, Any]] = [json.loads(content) for content in generate().values()]
PANELS = [panel for board in BOARDS for panel in board["panels"]]
EXPRESSIONS = sorted({target["expr"] for panel in PANELS for target in panel["targets"]} | {BOARDS[0]["annotations"]["list"][0]["expr"]})
PATIENCE_S = 60
LIMITS = [
    ("> 300", ">= 300"), ("> 900", "> 960"), ("> 60\n        for: 1m", "> 60"), ("max by (site)", "max by (site, instance)"),
    ("psi) > 0.25", "psi) >= 0.25"), ("for: 10m", "for: 9m"), ("> 0.3 and", ">= 0.3 and"), (">= 20", ">= 19"),
    (" or max(hypercare_model_score_psi) > 0.25", ""), ("max(hypercare_model_class_psi) > 0.25 or ", ""),
]  # fmt: skip
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="mapped")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not shutil.which(program), reason=f"NOT RUN: {program} is missing (Debian packages prometheus, prometheus-alertmanager)"
    )


def ran(*command: str | Path) -> tuple[bool, str]:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def eventually(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s"
        time.sleep(0.2)


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


def test_rules_and_panels_ask_only_for_series_that_there_are() -> None:
    known = {metric.name for metric in METRICS}
    for expression in (*EXPRESSIONS, *(rule["expr"] for rule in ALERTS)):
        for name in re.findall(r"hypercare_[a-z0-9_]+", expression):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in known, name


def test_the_scrape_takes_more_series_than_there_can_be() -> None:
    job = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"][0]
    per_site = 25 * (MOST_SYSTEMS + 2) + 5 * 16 + 4 + (MOST_SYSTEMS + 1) + 4
    assert job["sample_limit"] > (MOST_SITES + 1) * per_site + MOST_SYSTEMS + MOST_REPLICAS + MOST_KNOWN_ERRORS + 20


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


def test_the_committed_boards_are_what_the_generator_makes() -> None:
    assert {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()} == generate()


def test_the_boards_find_their_data_source_and_grafana_finds_the_boards() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "hypercare.yml").read_text())["providers"][0]
    assert provider["allowUiUpdates"] is False
    for board in BOARDS:
        variable = board["templating"]["list"][0]
        assert (variable["name"], variable["current"]["value"]) == ("datasource", source["uid"])
    assert {board["uid"] for board in BOARDS} == {"hypercare-stabilisation", "hypercare-pipeline", "hypercare-model"}


def test_every_panel_has_title_description_unit_and_a_link() -> None:
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["links"][0]["url"].startswith("${hypercare}/")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_no_panel_covers_another() -> None:
    for board in BOARDS:
        cells = [
            (panel["gridPos"]["x"] + right, panel["gridPos"]["y"] + down)
            for panel in board["panels"]
            for right in range(panel["gridPos"]["w"])
            for down in range(panel["gridPos"]["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(across for across, _ in cells) < 24
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@needs("promtool")
def test_every_expression_of_a_panel_parses(tmp_path: Path) -> None:
    assert _parses(tmp_path, [spelled(expression) for expression in EXPRESSIONS])
    assert not _parses(tmp_path, [*map(spelled, EXPRESSIONS), "summe(up)"])


def _parses(folder: Path, expressions: list[str]) -> bool:
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    (folder / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    return ran("promtool", "check", "rules", folder / "panels.yml")[0]


def spelled(expression: str) -> str:
    """As Grafana sends it with all sites chosen."""
    return expression.replace("$site", ".*")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of the real routes on a free port, over a ledger in which everything happens that a panel can show."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('served') / 'hypercare.db'}")
    migrate(database)
    ledger = Ledger(database)
    _fill(ledger)
    app = create_app([router], SelfNamed())
    furnish(app, ledger, Watch(), Progress())
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE_S)
    ledger.close()
    database.close()


def _fill(ledger: Ledger) -> None:
    for seed, site in enumerate(("Cork", "Basel")):
        live(ledger, site, random_steps(seed, 400))
    for severity in SEVERITIES:
        ticket = submitted(ledger, reported_severity=severity)
        for event in (e.TicketRouted(system="erp", team="erp"), e.TicketAcknowledged(), RESOLVED):
            happened(ledger, ticket.id, event)
    happened(ledger, ticket.id, e.NotificationRequested(delivery="d", channel="webhook", address="x", urgency="page"))
    happened(ledger, ticket.id, e.NotificationFailed(delivery="d", attempts=9, error="refused"))
    decided(ledger, [*calm(1, WINDOW + LEAST_REFERENCE - 2), Answer("erp", judged="erp"), Answer("erp", judged="lims", blind=True)])
    ledger.write(_known_error_and_refusal).result()
    consumers = [("classifier", ["TicketSubmitted"]), ("relay", [])]
    with ledger.database.write() as connection:
        connection.execute(insert(CONSUMERS), [{"name": name, "listens_to": types, "position": 0} for name, types in consumers])


def _known_error_and_refusal(draft: Draft) -> None:
    symptom = "The printer of line 3 stops and says E5"
    record_known_error(draft, KnownErrorText(title="Printer", symptom=symptom, workaround="Restart it", system="erp"), ENGINEER)
    draft.append(e.ModelTakenUp(wanted="cork-2", version="starter", replica="classifier-1", error="damaged"), SERVICE)


class Prometheus(Guarded):
    """The real one, in a temporary folder, with the committed configuration at another pace and with other addresses."""

    def __init__(self, target: str) -> None:
        super().__init__("prometheus", signal.SIGTERM)
        settings = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        settings["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings["rule_files"] = [str(RULES)]
        settings["alerting"]["alertmanagers"] = []
        for job in settings["scrape_configs"]:
            del job["authorization"]
            job["static_configs"] = [{"targets": [target]}]
        self.file = self.folder / "prometheus.yml"
        self.file.write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        data = f"--storage.tsdb.path={self.folder / 'data'}"
        self.launch(["prometheus", f"--config.file={self.file}", data, "--web.listen-address=127.0.0.1:0", "--log.level=info"])
        eventually(lambda: bool(self._port()))

    def _port(self) -> str:
        found = re.search(r'msg="Listening on" address=127\.0\.0\.1:(\d+)', self.log.read_text())
        return found[1] if found else ""

    def ask(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx2.get(f"http://127.0.0.1:{self._port()}/api/v1/query", params={"query": expression}, timeout=10)
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def tells(self, expression: str) -> bool:
        return any(math.isfinite(float(series["value"][1])) for series in self.ask(expression))


@pytest.fixture(scope="module")
def prometheus(address: str) -> Iterator[Prometheus]:
    server = Prometheus(address)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@needs("prometheus")
def test_every_panel_has_data_of_the_real_service(prometheus: Prometheus) -> None:
    wanted = {spelled(expression) for expression in EXPRESSIONS}

    def all_told() -> bool:
        wanted.difference_update([expression for expression in sorted(wanted) if prometheus.tells(expression)])
        return not wanted

    try:
        eventually(all_told)
    finally:
        assert not wanted
    assert not prometheus.tells("hypercare_no_such_series")


@needs("prometheus")
def test_figures_are_taken_from_one_process_only(prometheus: Prometheus) -> None:
    eventually(lambda: len(prometheus.ask('up{job=~"hypercare.*"} == 1')) == 2)
    eventually(lambda: prometheus.tells("hypercare_ledger_head_seq"))
    assert [series["metric"]["job"] for series in prometheus.ask("hypercare_ledger_head_seq")] == ["hypercare"]


@needs("prometheus")
def test_what_is_wrong_in_the_real_service_fires(prometheus: Prometheus) -> None:
    firing = 'ALERTS{alertstate="firing", alertname="HypercareDeadLetters", kind="delivery", urgency="notify"}'
    eventually(lambda: prometheus.tells(firing))
    assert prometheus.tells('ALERTS{alertname="Watchdog", alertstate="firing"}')
    assert not prometheus.tells('ALERTS{alertname="HypercareFiguresAbsent", alertstate="firing"}')
