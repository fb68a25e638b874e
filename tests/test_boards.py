"""The boards are what the code makes, each panel says what it shows and leads to what is behind it, and a real Prometheus that scrapes the
real service has data for every one."""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import uvicorn
import yaml

from deploy.grafana.boards import FOLDER, generate
from services.api.routes import ROUTERS
from services.db import migrate, open_database
from services.ledger import Ledger
from services.stabilisation import furnish, router
from services.stabilisation.golive_series import SERIES
from services.stabilisation.metrics import METRICS, Histogram
from services.stabilisation.model_series import MOST_REPLICAS
from services.stabilisation.progress import MOST_GOLIVES, Progress
from services.stabilisation.scrape import MOST_KNOWN_ERRORS, MOST_SITES, MOST_SYSTEMS
from services.stabilisation.watching import Watch
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.observing import PATIENCE_S, Prometheus, eventually, needs, ran
from tests.scrapes import scraped, told_of
from tests.showcase import Clock, showcase

ROOT = Path(__file__).resolve().parent.parent
GRAFANA, PROMETHEUS = ROOT / "deploy" / "grafana", ROOT / "deploy" / "prometheus"
BOARDS: dict[str, dict[str, Any]] = {board["uid"]: board for board in map(json.loads, generate().values())}
PANELS = [panel for board in BOARDS.values() for panel in board["panels"]]
ANNOTATIONS = {note["name"]: note for board in BOARDS.values() for note in board["annotations"]["list"]}
EXPRESSIONS = sorted({target["expr"] for panel in PANELS for target in panel["targets"]} | {note["expr"] for note in ANNOTATIONS.values()})
MINUTE_MS = 60_000
MOST_CRITERIA = 40
"""`CriteriaText` takes no more."""


def spelled(expression: str) -> str:
    """As Grafana sends it with everything chosen."""
    return re.sub(r"\$(site|golive|wave|system)\b", ".*", expression)


def test_the_committed_boards_are_what_the_generator_makes() -> None:
    assert {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()} == generate()


def test_each_question_has_its_board_at_an_address_that_stays() -> None:
    assert set(BOARDS) == {f"hypercare-{name}" for name in ("stabilisation", "site", "oncall", "pipeline", "model")}
    described = (ROOT / "docs" / "boards.md").read_text("utf-8")
    for uid, board in BOARDS.items():
        assert board["editable"] is False
        assert f"`{uid}`" in described
        assert board["description"].split("?")[0] in described


def test_the_boards_find_their_data_source_and_grafana_finds_the_boards() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "hypercare.yml").read_text())["providers"][0]
    assert provider["allowUiUpdates"] is False
    for board in BOARDS.values():
        variable = board["templating"]["list"][0]
        assert (variable["name"], variable["current"]["value"]) == ("datasource", source["uid"])


def test_every_panel_has_title_description_unit_thresholds_and_a_link() -> None:
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
        assert panel["links"][0]["url"].startswith("${hypercare}/")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def links(panel: dict[str, Any]) -> list[str]:
    return [link["url"] for link in (*panel["links"], *panel["fieldConfig"]["defaults"].get("links", []))]


def astray(urls: Iterable[str]) -> list[str]:
    """Those that lead to no route, or ask it for something that it does not know."""
    paths = create_app([*ROUTERS, router], SelfNamed()).openapi()["paths"]
    return [url for url in urls if not _answered(paths, url)]


def _answered(paths: dict[str, Any], url: str) -> bool:
    asked = urlsplit(re.sub(r"\$\{(__field\.labels\.)?(\w+)\}", r"{\2}", url.removeprefix("${hypercare}")))
    known = {each["name"] for each in paths.get(asked.path, {}).get("get", {}).get("parameters", [])}
    return "get" in paths.get(asked.path, {}) and {name for name, _ in parse_qsl(asked.query, keep_blank_values=True)} <= known


def test_every_link_leads_to_what_the_service_answers() -> None:
    assert astray({url for panel in PANELS for url in links(panel)}) == []
    planted = ["${hypercare}/v1/nowhere", "${hypercare}/v1/tickets?grade=sev1", "${hypercare}/v1/golives/${golive}/waivers"]
    assert astray([*planted, "${hypercare}/v1/tickets?severity=${__field.labels.severity}"]) == planted


def test_a_link_takes_only_labels_that_its_series_have() -> None:
    labels = {metric.name: {*metric.labels} for metric in METRICS}
    for panel in PANELS:
        wanted = {name for url in links(panel) for name in re.findall(r"__field\.labels\.(\w+)", url)}
        for expression in (target["expr"] for target in panel["targets"] if wanted):
            grouped = re.match(r"sum by \((.+?)\)", expression) or re.match(r"max by \((.+?)\)", expression)
            kept = set(grouped[1].split(", ")) if grouped else labels[re.findall(r"hypercare_\w+", expression)[0]]
            assert wanted <= kept, panel["title"]


def test_a_board_has_every_variable_that_its_panels_use() -> None:
    for board in BOARDS.values():
        given = {variable["name"] for variable in board["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps([board["panels"], board["annotations"]]))) - {"__field"}
        assert used <= given, board["uid"]


def test_no_panel_covers_another() -> None:
    for board in BOARDS.values():
        cells = [
            (panel["gridPos"]["x"] + right, panel["gridPos"]["y"] + down)
            for panel in board["panels"]
            for right in range(panel["gridPos"]["w"])
            for down in range(panel["gridPos"]["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(across for across, _ in cells) < 24
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_what_is_planned_is_dashed() -> None:
    burndown = next(panel for panel in BOARDS["hypercare-stabilisation"]["panels"] if panel["title"] == "Open and planned")
    dashed = [
        each["matcher"]["options"].strip("/")
        for each in burndown["fieldConfig"]["overrides"]
        if any(told["id"] == "custom.lineStyle" and told["value"]["fill"] == "dash" for told in each["properties"])
    ]
    legends = [target["legendFormat"] for target in burndown["targets"]]
    assert [legend for legend in legends if any(re.search(each, legend) for each in dashed)] == ["{{severity}} planned"]


def test_panels_ask_only_for_series_that_there_are_and_every_figure_of_a_go_live_is_shown() -> None:
    known = {metric.name for metric in METRICS}
    asked = {re.sub(r"_(bucket|count|sum)$", "", name) for each in EXPRESSIONS for name in re.findall(r"hypercare_[a-z0-9_]+", each)}
    assert asked - known == set()
    assert {f"hypercare_{series.name}" for series in SERIES} - asked == set()


def test_replicas_are_never_added_up() -> None:
    for expression in EXPRESSIONS:
        assert not re.search(r"\b(sum|avg)( by \([a-z, ]+\))? ?\((?!max without \(instance, job\)|up\{)", expression), expression


@needs("promtool")
def test_every_expression_of_a_board_parses(tmp_path: Path) -> None:
    assert _parses(tmp_path, [spelled(expression) for expression in EXPRESSIONS])
    assert not _parses(tmp_path, [*map(spelled, EXPRESSIONS), "summe(up)"])


def _parses(folder: Path, expressions: list[str]) -> bool:
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    (folder / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    return ran("promtool", "check", "rules", folder / "panels.yml")[0]


def noted(folder: Path, series: dict[str, str], expected: dict[str, list[dict[str, Any]]]) -> tuple[bool, str]:
    """Whether an annotation's expression tells, at each instant, what is expected of it: name and instant, as `Releases 20m`."""
    checks = []
    for told, samples in expected.items():
        name, instant = told.rsplit(" ", 1)
        checks.append({"expr": spelled(ANNOTATIONS[name]["expr"]), "eval_time": instant, "exp_samples": samples})
    given = [{"series": name, "values": values} for name, values in series.items()]
    case = {"interval": "1m", "input_series": given, "promql_expr_test": checks}
    (folder / "notes.yml").write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [case]}))
    return ran("promtool", "test", "rules", folder / "notes.yml")


@needs("promtool")
@pytest.mark.parametrize(("name", "series"), [("Releases", "build_info"), ("Model versions", "model_info")])
def test_a_version_is_noted_for_a_quarter_of_an_hour_and_a_way_back_too(tmp_path: Path, name: str, series: str) -> None:
    versions = {
        f'hypercare_{series}{{version="1", instance="a"}}': "1x60 _x60 1x60",
        f'hypercare_{series}{{version="2"}}': "_x60 1x60 _x60",
    }
    one, two = ([{"labels": f'{{version="{version}"}}', "value": 1}] for version in "12")
    expected = {f"{name} 30m": [], f"{name} 62m": two, f"{name} 100m": [], f"{name} 124m": one, f"{name} 160m": []}
    good, said = noted(tmp_path, versions, expected)
    assert good, said
    assert not noted(tmp_path, versions, {f"{name} 62m": []})[0]


@needs("promtool")
def test_a_go_live_is_noted_at_its_minute_whenever_it_is_asked_for(tmp_path: Path) -> None:
    """It begins 600 s after the first scrape; a scrape comes a second late, and replicas do not tell it twice."""
    labels = 'golive="GL-1", site="Cork", wave="1"'
    ages = {
        f'hypercare_golive_age_seconds{{{labels}, instance="{replica}"}}': f"{begin}+60x60" for replica, begin in (("a", -600), ("b", -599))
    }
    mark = [{"labels": f"{{{labels}}}", "value": 10 * MINUTE_MS}]
    good, said = noted(tmp_path, ages, {"Go-lives 2m": mark, "Go-lives 10m": mark, "Go-lives 50m": mark})
    assert good, said


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in which everything happens that a panel can show."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('served') / 'hypercare.db'}")
    migrate(database)
    clock = Clock()
    ledger = Ledger(database, clock)
    showcase(ledger, clock)
    yield ledger
    ledger.close()
    database.close()


@pytest.fixture(scope="module")
def address(lived: Ledger) -> Iterator[str]:
    """HOST:PORT of the real routes on a free port."""
    app = create_app([router], SelfNamed())
    furnish(app, lived, Watch(), Progress())
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE_S)


def scraping(target: str) -> dict[str, Any]:
    """The committed configuration at another pace and with other addresses."""
    settings: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    settings["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(PROMETHEUS / name) for name in settings["rule_files"]]
    settings["alerting"]["alertmanagers"] = []
    for job in settings["scrape_configs"]:
        del job["authorization"]
        job["static_configs"] = [{"targets": [target]}]
    return settings


def test_in_the_showcase_everything_happens_that_a_panel_can_show(lived: Ledger) -> None:
    """But what never may, what a night lacks, and what is earned only over weeks.

    One go-live stabilises, one fell back after its exit, one has just begun.
    """
    series = scraped(lived)
    somewhere = {name for (name, _), number in series.items() if number != 0}
    assert {metric.name for metric in METRICS if not isinstance(metric, Histogram)} - somewhere == {
        "hypercare_escalation_auditor_missed",
        "hypercare_escalation_lag_seconds",
        "hypercare_golive_balance_difference",
        "hypercare_model_autonomy",
        "hypercare_oncall_check_age_seconds",
        "hypercare_oncall_unreachable",
    }
    phases = {(golive, phase) for golive, phase, *_ in told_of(series, "golive_info")}
    assert phases == {("GL-1", "hypercare"), ("GL-2", "relapsed"), ("GL-3", "hypercare")}
    assert told_of(series, "golive_forecast_state")["GL-1", "Cork", "date", "exit", "1"] == 1


def test_the_scrape_takes_more_series_than_there_can_be(lived: Ledger) -> None:
    job = scraping("")["scrape_configs"][0]
    per_site = 25 * (MOST_SYSTEMS + 2) + 5 * 16 + 4 + (MOST_SYSTEMS + 1) + 4 + (MOST_SYSTEMS + 1)
    per_golive = sum(("golive", "GL-1") in labels for _, labels in scraped(lived)) + MOST_SYSTEMS + MOST_CRITERIA
    of_tickets = (MOST_SITES + 1) * per_site + MOST_SYSTEMS + MOST_REPLICAS + MOST_KNOWN_ERRORS + 20
    assert job["sample_limit"] > of_tickets + MOST_GOLIVES * per_golive > of_tickets + MOST_GOLIVES * len(SERIES)


@pytest.fixture(scope="module")
def prometheus(address: str) -> Iterator[Prometheus]:
    server = Prometheus(scraping(address))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def silent(prometheus: Prometheus, expressions: Sequence[str]) -> list[str]:
    """Those that tell no finite number now, by a single question."""
    told = (f'label_replace(count(({expr}) > -Inf < Inf), "place", "{place}", "", "")' for place, expr in enumerate(expressions))
    found = {int(series["metric"]["place"]) for series in prometheus.ask(" or ".join(told))}
    return [expr for place, expr in enumerate(expressions) if place not in found]


@needs("prometheus")
def test_every_panel_has_data_of_the_real_service(prometheus: Prometheus) -> None:
    expressions = [spelled(expression) for expression in EXPRESSIONS]
    try:
        eventually(lambda: not silent(prometheus, expressions))
    finally:
        assert silent(prometheus, expressions) == []
    assert silent(prometheus, ["hypercare_no_such_series", "0 / vector(0)", "vector(0)"]) == ["hypercare_no_such_series", "0 / vector(0)"]


@needs("prometheus")
def test_figures_are_taken_from_one_process_only(prometheus: Prometheus) -> None:
    eventually(lambda: len(prometheus.ask('up{job=~"hypercare.*"} == 1')) == 2)
    eventually(lambda: not silent(prometheus, ["hypercare_ledger_head_seq"]))
    assert [series["metric"]["job"] for series in prometheus.ask("hypercare_ledger_head_seq")] == ["hypercare"]


@needs("prometheus")
def test_what_is_wrong_in_the_real_service_fires(prometheus: Prometheus) -> None:
    firing = 'ALERTS{alertstate="firing", alertname="HypercareDeadLetters", kind="delivery", urgency="notify"}'
    eventually(lambda: bool(prometheus.ask(firing)))
    assert prometheus.ask('ALERTS{alertname="Watchdog", alertstate="firing"}')
    assert not prometheus.ask('ALERTS{alertname="HypercareFiguresAbsent", alertstate="firing"}')
