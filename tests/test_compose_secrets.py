"""The secrets of docker-compose.yml fit each other, are kept, and are made anew where they are lost; alerts get a line each."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from deploy.compose.first_secrets import make, show
from services.dispatcher.channels.signature import read_secret
from services.errors import Unauthenticated
from services.web.keys import KeyRing
from tests.compositions import ROOT, SERVICES, mounts

FILES = {
    "hypercare/database_url": 0o600,
    "hypercare/keys.toml": 0o600,
    "hypercare/webhook_secrets": 0o600,
    "operator/operator_key": 0o600,
    "postgres/postgres_password": 0o444,
    "prometheus/hypercare_metrics_key": 0o444,
    "grafana/grafana_password": 0o444,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
    make(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_they_fit_each_other(folder: Path) -> None:
    made = contents(folder)
    url = make_url(made["hypercare/database_url"])
    assert (url.password, url.host, url.database) == (made["postgres/postgres_password"], "postgres", "hypercare")
    assert url.username == SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    ring = KeyRing(folder / "hypercare/keys.toml")
    assert ring.holder(made["operator/operator_key"]).actor == "operator"
    assert ring.holder(made["prometheus/hypercare_metrics_key"]).role == "monitoring"
    assert len(read_secret(made["hypercare/webhook_secrets"])) == 32


def test_only_their_readers_can_read_them(folder: Path) -> None:
    assert {name: (folder / name).stat().st_mode & 0o777 for name in contents(folder)} == FILES


def test_a_file_that_a_container_names_is_among_them() -> None:
    named = {
        f"{source.removeprefix('secrets-')}/{Path(value).name}"
        for service in SERVICES.values()
        for place, source in mounts(service).items()
        for value in service.get("environment", {}).values()
        if source.startswith("secrets-") and value.startswith(f"{place}/")
    }
    assert named == FILES.keys() - {"operator/operator_key", "prometheus/hypercare_metrics_key"}


def test_a_second_start_changes_nothing(folder: Path) -> None:
    before = contents(folder)
    make(folder)
    assert contents(folder) == before


def test_two_installations_share_nothing(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for name in FILES:
        (other / name).parent.mkdir(exist_ok=True)
    make(other)
    assert set(contents(folder).values()) & set(contents(other).values()) == set()


def test_a_key_that_is_lost_is_made_anew_and_the_other_stays(folder: Path) -> None:
    before = contents(folder)
    (folder / "prometheus/hypercare_metrics_key").unlink()
    make(folder)
    ring = KeyRing(folder / "hypercare/keys.toml")
    assert ring.holder(contents(folder)["prometheus/hypercare_metrics_key"]).actor == "prometheus"
    assert contents(folder)["operator/operator_key"] == before["operator/operator_key"]


def test_without_the_keys_file_every_key_is_made_anew(folder: Path) -> None:
    before = contents(folder)
    (folder / "hypercare/keys.toml").unlink()
    make(folder)
    ring = KeyRing(folder / "hypercare/keys.toml")
    for name in ("operator/operator_key", "prometheus/hypercare_metrics_key"):
        ring.holder(contents(folder)[name])
        with pytest.raises(Unauthenticated):
            ring.holder(before[name])


def test_without_the_address_of_the_database_its_password_stays(folder: Path) -> None:
    before = contents(folder)
    (folder / "hypercare/database_url").unlink()
    make(folder)
    assert contents(folder) == before


def test_the_container_makes_and_shows_them_as_compose_calls_it(tmp_path: Path) -> None:
    """Its folders are volumes, which are there when it starts."""
    secrets = SERVICES["secrets"]
    program, flag, script, _ = secrets["entrypoint"]
    assert (program, mounts(secrets)[script]) == ("python", "./deploy/compose/first_secrets.py")
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
    for action in (*secrets["command"], "show"):
        command = [sys.executable, flag, str(ROOT / mounts(secrets)[script]), str(tmp_path), action]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert told == show(tmp_path)
    assert contents(tmp_path)["operator/operator_key"] in told
    assert contents(tmp_path)["postgres/postgres_password"] not in told


@contextmanager
def receiver() -> Iterator[tuple[http.client.HTTPConnection, subprocess.Popen[str]]]:
    service = SERVICES["alert-receiver"]
    program, flags, script, *_ = service["entrypoint"]
    assert program == "python"
    command = [sys.executable, flags, str(ROOT / mounts(service)[script]), "127.0.0.1", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield http.client.HTTPConnection("127.0.0.1", int(running.stdout.readline().split()[-1]), timeout=10), running
        finally:
            running.terminate()


def status(connection: http.client.HTTPConnection, body: bytes) -> int:
    connection.request("POST", "/page", body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def alert(**labels: str) -> dict[str, Any]:
    return {"status": "firing", "labels": {"alertname": "HypercareSev1Unacknowledged", **labels}, "annotations": {"summary": "A Sev1"}}


def test_the_receiver_writes_a_line_per_alert_that_cannot_act_on_a_terminal() -> None:
    with receiver() as (connection, running):
        assert running.stdout is not None
        assert status(connection, json.dumps({"alerts": [alert(site="Cork\x1b[2J"), alert(site="Graz")]}).encode()) == 204
        lines = [running.stdout.readline() for _ in range(2)]
    assert [json.loads(line)["site"] for line in lines] == ["Cork\x1b[2J", "Graz"]
    assert all(line.rstrip("\n").isprintable() and line.isascii() for line in lines)
    assert {json.loads(line)["urgency"] for line in lines} == {"page"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"alerts": 1}', b'{"alerts": [{}]}', b'{"alerts": [1]}', b"\xff\xfe"])
def test_the_receiver_refuses_what_is_no_alert_and_goes_on(body: bytes) -> None:
    with receiver() as (connection, _):
        assert status(connection, body) == 400
        connection.request("GET", "/")
        assert connection.getresponse().status == 204
