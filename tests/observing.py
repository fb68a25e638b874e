"""The real programs of Prometheus and Alertmanager, for the tests that ask them."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from deploy.guarded import Guarded

PATIENCE_S = 60


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


class Prometheus(Guarded):
    """The real one, in a temporary folder, on a free port of the loopback interface. `data` may hold blocks before it starts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__("prometheus", signal.SIGTERM)
        self.file = self.folder / "prometheus.yml"
        self.data = self.folder / "data"
        self.starts = 0
        self.file.write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        kept = [f"--storage.tsdb.path={self.data}", "--storage.tsdb.retention.time=100y"]
        self.starts += 1
        self.launch(["prometheus", f"--config.file={self.file}", *kept, "--web.listen-address=127.0.0.1:0", "--log.level=info"])
        eventually(lambda: self.log.read_text().count("Server is ready") == self.starts)

    def _port(self) -> str:
        *_, port = re.finditer(r'msg="Listening on" address=127\.0\.0\.1:(\d+)', self.log.read_text())
        return port[1]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        return self._asked("query", query=expression)

    def ask_range(self, expression: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
        """One evaluation every `step` seconds, from `start` to `end`."""
        return self._asked("query_range", query=expression, start=start, end=end, step=step)

    def _asked(self, what: str, **params: Any) -> list[dict[str, Any]]:
        answer = httpx2.post(f"http://127.0.0.1:{self._port()}/api/v1/{what}", data=params, timeout=120).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found
