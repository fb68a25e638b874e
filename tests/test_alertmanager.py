"""An alert reaches its receiver, in time and once: routes and inhibition of the committed configuration, in a real Alertmanager."""

import re
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import yaml

from deploy.guarded import Guarded
from tests.observing import eventually, needs, ran
from tests.shipped_rules import FOLDER

FILE = FOLDER.parent / "alertmanager" / "alertmanager.yml"
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or "prometheus-alertmanager"
CORK = {"golive": "GL-1", "site": "Cork", "wave": "1"}
GRAZ = {"golive": "GL-2", "site": "Graz", "wave": "1"}
TEMPLATE = Path("/usr/share/prometheus/alertmanager/default.tmpl")
in_a_real_one = pytest.mark.skipif(
    not (shutil.which(PROGRAM) and TEMPLATE.exists()), reason=f"NOT RUN: {PROGRAM}, or {TEMPLATE}, which Debian's looks for, is missing"
)

Labels = dict[str, str]


def alert(name: str, urgency: str, of: Labels | None = None) -> Labels:
    return {"alertname": name, "urgency": urgency} | (of or {})


@needs("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=HypercareSev1Unacknowledged urgency=page site=Cork", "page"),
        ("alertname=HypercareTriageQueueOld urgency=notify site=Cork", "notify"),
        ("alertname=HypercareSev2Old urgency=notify severity=sev2 site=Cork", "notify"),
        ("alertname=HypercareBurndownOffPlan urgency=notify site=Cork", "notify"),
        ("alertname=SomethingElse", "notify"),
        ("alertname=Watchdog urgency=none", "watchdog"),
    ],
)
def test_an_alert_goes_to_its_receiver(labels: str, receiver: str) -> None:
    assert ran("amtool", "check-config", FILE)[0]
    good, said = ran("amtool", "config", "routes", "test", f"--config.file={FILE}", f"--verify.receivers={receiver}", *labels.split())
    assert good, said


@needs("amtool")
def test_what_is_told_of_a_sev2_waits_for_working_hours_and_nothing_else_does() -> None:
    settings = yaml.safe_load(FILE.read_text())
    waiting = [route for route in settings["route"]["routes"] if "active_time_intervals" in route]
    assert [route["matchers"] for route in waiting] == [['severity="sev2"']]
    (hours,) = settings["time_intervals"][0]["time_intervals"]
    assert hours["location"]
    assert [settings["time_intervals"][0]["name"]] == waiting[0]["active_time_intervals"]
    order = [route["receiver"] for route in settings["route"]["routes"]]
    assert order.index("page") < order.index("notify")


class Alertmanager(Guarded):
    """The real one with the committed inhibition, and receivers that tell nobody."""

    def __init__(self) -> None:
        super().__init__("alertmanager", signal.SIGTERM)
        settings = yaml.safe_load(FILE.read_text())
        settings["receivers"] = [{"name": receiver["name"]} for receiver in settings["receivers"]]
        (self.folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        words = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=", "--web.listen-address=127.0.0.1:0"]
        self.launch([PROGRAM, *words])
        eventually(lambda: bool(self._port()))

    def _port(self) -> str:
        found = re.search(r"[Ll]istening.*address=127\.0\.0\.1:(\d+)", self.log.read_text())
        return found[1] if found else ""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port()}"

    @property
    def _alerts(self) -> str:
        return f"http://{self.address}/api/v2/alerts"

    def told(self, *alerts: Labels) -> set[str]:
        """Name and site of those alerts that people are told of."""
        now = datetime.now(UTC).isoformat()
        assert httpx2.post(self._alerts, json=[{"labels": labels, "startsAt": now} for labels in alerts]).status_code == 200
        eventually(lambda: len(self._known()) == len(alerts) and all(known["status"]["state"] != "unprocessed" for known in self._known()))
        told = [known["labels"] for known in self._known() if not known["status"]["inhibitedBy"]]
        return {f"{labels['alertname']} {labels.get('site', '')}".strip() for labels in told}

    def _known(self) -> list[dict[str, dict[str, str]]]:
        known: list[dict[str, dict[str, str]]] = httpx2.get(self._alerts).json()
        return known


@pytest.fixture
def alertmanager() -> Iterator[Alertmanager]:
    server = Alertmanager()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@in_a_real_one
def test_a_page_hides_what_is_only_notified_of_the_same_site(alertmanager: Alertmanager) -> None:
    told = alertmanager.told(
        alert("HypercareSilence", "page", CORK), alert("HypercareReopenedOften", "notify", CORK), alert("HypercareStorm", "notify", GRAZ)
    )
    assert told == {"HypercareSilence Cork", "HypercareStorm Graz"}


@in_a_real_one
def test_an_open_sev1_hides_nothing_and_one_that_nobody_has_taken_hides_it(alertmanager: Alertmanager) -> None:
    told = alertmanager.told(
        alert("HypercareSev1Open", "page", CORK),
        alert("HypercareStorm", "notify", CORK),
        alert("HypercareSev1Unacknowledged", "page", {"site": "Graz"}),
        alert("HypercareSev1Open", "page", GRAZ),
        alert("HypercareTriageQueueOld", "notify", {"site": "Graz"}),
    )
    assert told == {"HypercareSev1Open Cork", "HypercareStorm Cork", "HypercareSev1Unacknowledged Graz"}


@in_a_real_one
def test_red_hides_amber_of_the_same_go_live(alertmanager: Alertmanager) -> None:
    amber, red = "HypercareBurndownSlipping", "HypercareBurndownOffPlan"
    assert alertmanager.told(alert(amber, "notify", CORK), alert(red, "notify", CORK)) == {f"{red} Cork"}


@in_a_real_one
def test_without_figures_nothing_is_told_but_that_and_processes_that_are_down(alertmanager: Alertmanager) -> None:
    told = alertmanager.told(
        alert("HypercareFiguresAbsent", "page"),
        alert("HypercareServiceDown", "page"),
        alert("HypercareSilence", "page", CORK),
        alert("HypercareBurndownSlipping", "notify", GRAZ),
        alert("Watchdog", "none"),
    )
    assert told == {"HypercareFiguresAbsent", "HypercareServiceDown", "Watchdog"}
