"""The databases that the other tests stand on."""

from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.databases import fresh_database, running_postgres


def run(url: str | URL, *statements: str) -> list[str]:
    """The first column of the last statement's rows."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        return [_column(connection, statement) for statement in statements][-1]


def _column(connection: Connection, statement: str) -> list[str]:
    result = connection.execute(text(statement))
    return [str(row[0]) for row in result] if result.returns_rows else []


def databases(server: URL) -> list[str]:
    return run(server, "SELECT datname FROM pg_database")


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_database_is_empty_for_every_test(database_url: str, turn: str) -> None:
    assert run(
        database_url, "CREATE TABLE only_mine (turn TEXT)", f"INSERT INTO only_mine VALUES ('{turn}')", "SELECT turn FROM only_mine"
    ) == [turn]


def test_both_databases_are_what_they_say(sqlite_url: str, postgres_url: str) -> None:
    assert run(sqlite_url, "SELECT sqlite_version()")[0].startswith("3.")
    assert run(postgres_url, "SELECT version()")[0].startswith("PostgreSQL ")


def test_two_databases_of_one_server_know_nothing_of_each_other(postgres: URL) -> None:
    with fresh_database(postgres) as one, fresh_database(postgres) as other:
        run(one, "CREATE TABLE here (n INT)")
        assert run(other, "SELECT tablename FROM pg_tables WHERE tablename = 'here'") == []


def test_a_database_can_be_a_copy_of_another(postgres: URL) -> None:
    with fresh_database(postgres) as original:
        run(original, "CREATE TABLE kept (n INT)", "INSERT INTO kept VALUES (7)")
        with fresh_database(postgres, template=make_url(original).database or "") as copy:
            assert run(copy, "SELECT n FROM kept") == ["7"]


def test_a_database_is_dropped_though_someone_is_still_connected(postgres: URL) -> None:
    with fresh_database(postgres) as url:
        name = make_url(url).database
        lingering = create_engine(url).connect()
        assert name in databases(postgres)
    assert name not in databases(postgres)
    lingering.invalidate()
    lingering.close()


def test_a_server_comes_back_from_a_crash_with_what_was_committed_and_leaves_nothing_when_it_stops() -> None:
    with running_postgres() as server:
        run(server.url, "CREATE TABLE survives (n INT)", "INSERT INTO survives VALUES (1)")
        server.crash()
        with pytest.raises(OperationalError):
            run(server.url, "SELECT 1")
        server.start()
        assert run(server.url, "SELECT n FROM survives") == ["1"]
    assert not server.running
    assert not Path(server.folder).exists()
