"""From a ticket to a webhook: a process of hypercare, the committed rules in a real Prometheus, the routes in a real Alertmanager."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
import yaml

from tests.observing import Prometheus, needs
from tests.processes import Process, until
from tests.shipped_rules import FOLDER
from tests.sinks import Sink
from tests.test_alertmanager import FILE, Alertmanager, in_a_real_one

WITHIN_S = 90
Program = TypeVar("Program", Prometheus, Alertmanager)
LEAD = {"Hypercare-Actor": "lena", "Hypercare-Role": "lead"}
GOLIVE = {
    "name": "wave 1", "site": "Cork", "time_zone": "Europe/Dublin",
    "starts_at": "2026-01-05T06:00:00+00:00", "planned_end": "2036-02-16T06:00:00+00:00",
}  # fmt: skip


@pytest.fixture
def pager() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def alertmanager(pager: Sink) -> Iterator[Alertmanager]:
    """The committed configuration, with the receivers' addresses replaced by the pager's."""
    started = Alertmanager()
    settings = yaml.safe_load(FILE.read_text())
    for receiver in settings["receivers"]:
        for webhook in receiver["webhook_configs"]:
            webhook["url"] = f"{pager.url}/{receiver['name']}"
    (started.folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    yield from _running(started)


def _running(program: Program) -> Iterator[Program]:
    try:
        program.start()
        yield program
    finally:
        program.stop()


@pytest.fixture
def hypercare(tmp_path: Path) -> Iterator[Process]:
    with Process(["services", "up"], {"database_url": f"sqlite:///{tmp_path / 'hypercare.db'}"}, tmp_path / "up.log") as process:
        yield process.ready()


@pytest.fixture
def prometheus(hypercare: Process, alertmanager: Alertmanager, tmp_path: Path) -> Iterator[Prometheus]:
    """The committed configuration with its own intervals; only the addresses are others, and no key is needed on loopback."""
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    settings["rule_files"] = [str(FOLDER / name) for name in settings["rule_files"]]
    settings["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager.address]}]}]
    settings["scrape_configs"] = [{"job_name": "hypercare", "static_configs": [{"targets": [f"127.0.0.1:{hypercare.port}"]}]}]
    yield from _running(Prometheus(settings))


def paged(pager: Sink) -> list[dict[str, Any]]:
    told = [json.loads(each.body) for each in pager.received if each.path.endswith("/page")]
    return [alert for message in told for alert in message["alerts"] if alert["labels"]["alertname"] == "HypercareSev1Open"]


@needs("prometheus")
@in_a_real_one
def test_a_sev1_is_at_the_pager_in_less_than_90_seconds(hypercare: Process, prometheus: Prometheus, pager: Sink) -> None:
    assert shutil.which("prometheus")
    assert httpx2.post(f"{hypercare.url}/v1/golives", json=GOLIVE, headers=LEAD).status_code == 201
    until(lambda: prometheus.ask('up{job="hypercare"} == 1'), "the first scrape")
    assert paged(pager) == []
    begun = time.monotonic()
    ticket = {"title": "Blocked lot is shown as released", "site": "Cork", "reporter": "olga", "reported_severity": "sev1"}
    assert httpx2.post(f"{hypercare.url}/v1/tickets", json=ticket, headers=LEAD).status_code == 201
    alert = until(lambda: paged(pager), "the webhook", WITHIN_S)[0]
    assert time.monotonic() - begun < WITHIN_S
    assert (alert["status"], alert["labels"]["site"], alert["labels"]["golive"]) == ("firing", "Cork", "GL-1")
    assert alert["annotations"]["summary"] == "Cork, wave 1: 1 Sev1 open"
    assert alert["annotations"]["runbook_url"] == "docs/runbook.md#hypercaresev1open"
