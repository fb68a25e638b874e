"""The database that the verbs open: looked at, never made, and named without its password."""

import json
from pathlib import Path

import pytest

from services.cli.storage import sqlite_file, without_password
from services.db import downgrade, open_database
from tests.command_line import on, run

LOOKING = [
    ("ledger", "head"),
    ("ledger", "verify"),
    ("dlq", "list"),
    ("dlq", "show", "x"),
    ("dlq", "replay", "x", "--reason", "it was mended"),
]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///hypercare.db", Path("hypercare.db")),
        ("sqlite:////var/lib/hypercare.db", Path("/var/lib/hypercare.db")),
        ("sqlite://", None),
        ("postgresql://hyper:geheim@db/hypercare", None),
        ("no url", None),
    ],
)
def test_the_file_of_a_database_is_known_where_it_has_one(url: str, path: Path | None) -> None:
    assert sqlite_file(url) == path


def test_a_database_is_named_without_its_password() -> None:
    assert without_password("postgresql://hyper:geheim@db/hypercare") == "postgresql://hyper:***@db/hypercare"


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_a_look_makes_no_database(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = run(*words, env=on(tmp_path / "none.db"))
    assert (result.exit_code, "hypercare migrate" in result.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_tables_of_another_revision_are_not_looked_at(database_url: str) -> None:
    environment = {"HYPERCARE_DATABASE_URL": database_url}
    assert json.loads(run("migrate", "--json", env=environment).stdout)["migrated"] is True
    database = open_database(database_url)
    downgrade(database, "base")
    database.close()
    result = run("ledger", "head", env=environment)
    assert (result.exit_code, "another revision" in result.stderr) == (1, True)


def test_a_database_that_is_away_is_one_line_without_its_password() -> None:
    result = run("ledger", "head", env={"HYPERCARE_DATABASE_URL": "postgresql://hyper:geheim@127.0.0.1:1/x"})
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "geheim" not in result.output
