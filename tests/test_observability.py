"""Every panel of every board shows data of the real service, and what is wrong in it fires."""

import json
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from sqlalchemy import insert

from deploy.grafana.boards import FOLDER, generate
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
from services.stabilisation.watching import LEAST_REFERENCE, WINDOW, Watch
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.histories import live, random_steps
from tests.lives import ENGINEER, SERVICE, happened, submitted
from tests.observing import PATIENCE_S, Prometheus, eventually, needs, ran
from tests.streams import Answer, calm, decided

ROOT = Path(__file__).resolve().parent.parent
PROMETHEUS, GRAFANA = (ROOT / "deploy" / name for name in ("prometheus", "grafana"))
BOARDS: list[dict[str, Any]] = [json.loads(content) for content in generate().values()]
PANELS = [panel for board in BOARDS for panel in board["panels"]]
EXPRESSIONS = sorted({target["expr"] for panel in PANELS for target in panel["targets"]} | {BOARDS[0]["annotations"]["list"][0]["expr"]})
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="mapped")


def test_panels_ask_only_for_series_that_there_are() -> None:
    known = {metric.name for metric in METRICS}
    for expression in EXPRESSIONS:
        for name in re.findall(r"hypercare_[a-z0-9_]+", expression):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in known, name


def test_the_scrape_takes_more_series_than_there_can_be() -> None:
    job = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"][0]
    per_site = 25 * (MOST_SYSTEMS + 2) + 5 * 16 + 4 + (MOST_SYSTEMS + 1) + 4
    assert job["sample_limit"] > (MOST_SITES + 1) * per_site + MOST_SYSTEMS + MOST_REPLICAS + MOST_KNOWN_ERRORS + 20


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


def watching(target: str) -> dict[str, Any]:
    """The committed configuration at another pace and with other addresses."""
    settings: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    settings["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(PROMETHEUS / name) for name in settings["rule_files"]]
    settings["alerting"]["alertmanagers"] = []
    for job in settings["scrape_configs"]:
        del job["authorization"]
        job["static_configs"] = [{"targets": [target]}]
    return settings


def tells(server: Prometheus, expression: str) -> bool:
    return any(math.isfinite(float(series["value"][1])) for series in server.ask(expression))


@pytest.fixture(scope="module")
def prometheus(address: str) -> Iterator[Prometheus]:
    server = Prometheus(watching(address))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@needs("prometheus")
def test_every_panel_has_data_of_the_real_service(prometheus: Prometheus) -> None:
    wanted = {spelled(expression) for expression in EXPRESSIONS}

    def all_told() -> bool:
        wanted.difference_update([expression for expression in sorted(wanted) if tells(prometheus, expression)])
        return not wanted

    try:
        eventually(all_told)
    finally:
        assert not wanted
    assert not tells(prometheus, "hypercare_no_such_series")


@needs("prometheus")
def test_figures_are_taken_from_one_process_only(prometheus: Prometheus) -> None:
    eventually(lambda: len(prometheus.ask('up{job=~"hypercare.*"} == 1')) == 2)
    eventually(lambda: tells(prometheus, "hypercare_ledger_head_seq"))
    assert [series["metric"]["job"] for series in prometheus.ask("hypercare_ledger_head_seq")] == ["hypercare"]


@needs("prometheus")
def test_what_is_wrong_in_the_real_service_fires(prometheus: Prometheus) -> None:
    firing = 'ALERTS{alertstate="firing", alertname="HypercareDeadLetters", kind="delivery", urgency="notify"}'
    eventually(lambda: tells(prometheus, firing))
    assert tells(prometheus, 'ALERTS{alertname="Watchdog", alertstate="firing"}')
    assert not tells(prometheus, 'ALERTS{alertname="HypercareFiguresAbsent", alertstate="firing"}')
