"""A server process that cannot outlive the process that wanted it.

Between the two stands a guard: this file, run as a script. It starts the server and holds the reading end of a pipe whose other end only
the owner has. However the owner ends, by SIGKILL as well,
the kernel closes that end; the guard then ends the server and removes its folder.
PR_SET_PDEATHSIG would need no guard, but exists on Linux alone, and it fires when the *thread* that forked ends, so that a server started
from a worker thread would die with the thread.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PATIENCE_S = 20


class ServerFailed(RuntimeError):
    """The server ended, or did not become ready; the message carries the end of its log."""


class Guarded:
    """One server, in a temporary folder of its own. `last_signal` is how the guard ends it when its owner is done or dead."""

    def __init__(self, name: str, last_signal: signal.Signals, user: str | None = None) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"hypercare-{name}-"))
        self.log = self.folder / "server.log"
        self.last_signal = last_signal
        self.user = user
        self.pid = 0
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def launch(self, command: list[str]) -> None:
        script = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(self.folder), str(int(self.last_signal)), self.user or ""]
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(
                script + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=self.folder, start_new_session=True
            )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline() or 0)
        if not self.pid:
            raise self.failure("could not be started")

    def wait(self, timeout_s: float | None = None) -> None:
        """Until the server has ended. Raises subprocess.TimeoutExpired."""
        if self._guard is not None:
            self._guard.wait(timeout_s)
            self._release()

    def send(self, what: signal.Signals) -> None:
        if not self.running:
            raise self.failure("is not running")
        os.kill(self.pid, what)

    def end(self, how: signal.Signals) -> None:
        """Ends the server and keeps its folder, so that it can be started again."""
        if self.running:
            self.send(how)
            self.wait(PATIENCE_S)

    def stop(self) -> None:
        """Ends the server and removes its folder."""
        self._release()
        if self._guard is not None:
            self._guard.wait(2 * PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def failure(self, what: str) -> ServerFailed:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = "\n".join(text.splitlines()[-20:]) or "(empty)"
        return ServerFailed(f"{self.name} {what}; the end of its log:\n{lines}")

    def _release(self) -> None:
        for pipe in (self._guard.stdin, self._guard.stdout) if self._guard is not None else ():
            if pipe is not None:
                pipe.close()


def guard(folder: str, last_signal: int, user: str | None, command: list[str]) -> None:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, user=user)
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    released = threading.Event()
    threading.Thread(target=_end_when_released, args=(server, last_signal, released), daemon=True).start()
    server.wait()
    if released.is_set():
        shutil.rmtree(folder, ignore_errors=True)


def _end_when_released(server: "subprocess.Popen[bytes]", last_signal: int, released: threading.Event) -> None:
    os.read(sys.stdin.fileno(), 1)
    released.set()
    server.send_signal(last_signal)
    server.send_signal(signal.SIGCONT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(PATIENCE_S)
    server.kill()


if __name__ == "__main__":
    guard(sys.argv[1], int(sys.argv[2]), sys.argv[3] or None, sys.argv[4:])
