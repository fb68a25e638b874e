"""Runs the command line in the tests' own process, as a person would call it."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner, Result

from services.cli import app


def run(*words: object, given: str | bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(
        app, [str(word) for word in words], input=given, env=dict(env or {}), prog_name="hypercare", catch_exceptions=False
    )


def on(database: Path) -> dict[str, str]:
    """The environment of a process that works on this SQLite file."""
    return {"HYPERCARE_DATABASE_URL": f"sqlite:///{database}"}


def on_a_terminal(program: str, **environment: str) -> str:
    """What a person would see whose terminal runs the program."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environment}) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def _read(terminal: int) -> bytes:
    """Linux ends a pseudo-terminal with EIO when its last writer is gone."""
    select.select([terminal], [], [], 30)
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
