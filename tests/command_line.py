"""Runs the command line in the tests' own process, as a person would call it."""

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
