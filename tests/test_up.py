"""A process starts whole or says why not, and ends within 20 seconds without losing what it answered for."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from services.verifier import read_anchors
from tests.processes import ROOT, Process, until

TOLD = {"title": "IDoc 51 on LOIPRO since 02:00, orders are missing in the MES", "site": "Cork", "reporter": "olga"}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    given = {"database_url": f"sqlite:///{tmp_path / 'hypercare.db'}", "anchors_file": str(tmp_path / "anchors")}
    return given | {"autonomy": "granted", "blind_share": "0"}


@pytest.fixture
def embedded(settings: dict[str, str], tmp_path: Path) -> Iterator[Process]:
    with Process(["services", "up"], settings, tmp_path / "log") as process:
        yield process.ready()


def test_one_process_takes_a_ticket_from_the_desk_to_the_team(embedded: Process) -> None:
    answer = httpx2.post(f"{embedded.url}/v1/tickets", json=TOLD)
    assert answer.status_code == 201
    ticket = answer.headers["location"]
    routed = until(lambda: httpx2.get(embedded.url + ticket).json().get("team"), "routing")
    assert routed == "erp"
    until(lambda: "HC-1" in embedded.log.read_text("utf-8") or None, "the notification on the console")


def test_sigterm_ends_it_cleanly_and_the_head_is_anchored(embedded: Process, settings: dict[str, str]) -> None:
    for n in range(20):
        assert httpx2.post(f"{embedded.url}/v1/tickets", json=TOLD | {"title": f"ticket {n}"}).status_code == 201
    started = time.monotonic()
    assert embedded.stop() == 0
    assert time.monotonic() - started < 20
    assert max(read_anchors(Path(settings["anchors_file"]))) >= 20
    verify = subprocess.run(
        [sys.executable, "-m", "services", "ledger", "verify", "--anchors", settings["anchors_file"]],
        cwd=ROOT, env=embedded.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verify.returncode == 0, verify.stdout + verify.stderr


def test_an_open_stream_does_not_hold_up_the_end(embedded: Process) -> None:
    with httpx2.stream("GET", f"{embedded.url}/v1/stream", timeout=30) as stream:
        assert stream.status_code == 200
        ended = threading.Thread(target=embedded.stop)
        ended.start()
        for _ in stream.iter_raw():
            continue
        ended.join(20)
    assert embedded.ended


def test_a_killed_process_goes_on_where_it_was(embedded: Process) -> None:
    made = [
        httpx2.post(f"{embedded.url}/v1/tickets", json=TOLD | {"title": f"{n} orders missing, IDoc 51"}).json()["id"] for n in range(10)
    ]
    embedded.kill()
    embedded.start().ready()
    for ticket in made:
        until(lambda ticket=ticket: httpx2.get(f"{embedded.url}/v1/tickets/{ticket}").json()["state"] != "submitted", f"{ticket} decided")


def test_a_taken_port_is_named(embedded: Process, settings: dict[str, str], tmp_path: Path) -> None:
    with Process(["services", "up"], settings, tmp_path / "second", embedded.port) as second:
        assert second.wait() == 1
    assert f"Cannot listen on 127.0.0.1:{embedded.port}" in second.tail()
    assert "Traceback" not in second.tail()


@pytest.mark.parametrize(
    ("settings_given", "arguments", "said"),
    [
        ({"host": "0.0.0.0"}, [], "HYPERCARE_API_KEYS_FILE"),
        ({"log_level": "loud", "smtp_port": "x"}, [], "HYPERCARE_SMTP_PORT"),
        ({}, ["relay"], "HYPERCARE_KAFKA_BOOTSTRAP_SERVERS"),
        ({}, ["baker"], "There is no role baker"),
        ({"teams_file": "/dev/null"}, [], "teams file"),
        ({"floors_file": "/dev/null"}, [], "cannot be used as floors"),
        ({"model": "/etc"}, [], "is missing; name a folder"),
    ],
)
def test_what_cannot_start_says_why_in_words(
    settings: dict[str, str], tmp_path: Path, settings_given: dict[str, str], arguments: list[str], said: str
) -> None:
    with Process(["services", "up", *arguments], settings | settings_given, tmp_path / "log") as process:
        assert process.wait() == 1
    assert said in " ".join(process.tail().split())
    assert "Traceback" not in process.tail()


def test_a_logged_event_is_one_json_line(embedded: Process) -> None:
    httpx2.post(f"{embedded.url}/v1/tickets", json=TOLD | {"title": 'x"}\n{"level":"error"}'})
    embedded.stop()
    lines = [json.loads(line) for line in embedded.log.read_text("utf-8").splitlines() if line.startswith("{")]
    assert {"ready", "ending"} <= {line["event"] for line in lines}
    assert all(line["service"] == "hypercare" for line in lines)


def test_ctrl_c_ends_the_demo_cleanly(tmp_path: Path) -> None:
    with Process(["services", "demo", "--port", "0", "--seconds", "30"], {}, tmp_path / "log") as demo:
        until(lambda: "hypercare is up" in demo.tail() or None, "the demo's start")
        os.kill(demo.pid, signal.SIGINT)
        assert demo.wait() == 0
    assert "Traceback" not in demo.tail()


def test_the_demo_ends_by_itself_with_a_verified_ledger(tmp_path: Path) -> None:
    with Process(["services", "demo", "--once", "--port", "0", "--seconds", "5", "--tickets", "150"], {}, tmp_path / "log") as demo:
        assert demo.wait(90) == 0
    told = " ".join(demo.tail(60).split())
    assert re.search(
        r"(HC-\d+), a Sev1 at Cork, pages (\w+) \w+, first on call \1, a Sev1 at Cork, pages (?!\2)(\w+ \w+), .* \1 is acknowledged by \3",
        told,
    )
    assert "tickets submitted" in told
    assert "150" in told
    assert "Ledger verified" in told
