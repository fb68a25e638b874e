"""hypercare's own processes, started, killed and waited for as an operator would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2

from deploy.ports import reserved_port

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60.0


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """The condition's first true value. A condition that fails to connect is not true yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except (httpx2.TransportError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


class Process:
    """`python -m ARGUMENTS` with settings, on a port of its own, or the one given. What it prints is kept for the report of a failure."""

    def __init__(self, arguments: Sequence[str], settings: Mapping[str, str], log: Path, port: int | None = None) -> None:
        port = reserved_port() if port is None else port
        self.arguments = [sys.executable, "-m", *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HYPERCARE_")}
        self.environment = clean | {f"HYPERCARE_{name.upper()}": value for name, value in settings.items()} | {"HYPERCARE_PORT": str(port)}
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.kills = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.arguments, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def ready(self, path: str = "/readyz") -> Self:
        until(lambda: self._answers(path), f"{self.arguments[2:]} ready; its log:\n{self.tail()}")
        return self

    def _answers(self, path: str) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.arguments[2:]} ended with {self._process.returncode}:\n{self.tail()}"
        return bool(httpx2.get(self.url + path, timeout=5).status_code == 200)

    def kill(self) -> None:
        """SIGKILL, by its own pid: nothing is flushed, nothing is said."""
        os.kill(self.pid, signal.SIGKILL)
        self.kills += 1
        self.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = 30) -> int:
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def tail(self, lines: int = 25) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:]) if self.log.exists() else ""

    def __enter__(self) -> Self:
        return self if self._process else self.start()

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
