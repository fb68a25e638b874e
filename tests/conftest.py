"""Fixtures that every test may use. Servers come from tests.brokers and tests.databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.db import Database, migrate, open_database
from services.ledger import Ledger

pytest_plugins = ["tests.brokers", "tests.databases"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database: the fake database of the tests is a real one."""
    opened = open_database(f"sqlite:///{tmp_path / 'hypercare.db'}")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    opened = Ledger(database)
    yield opened
    opened.close()


@pytest.fixture
def ledger_on_each(database_url: str) -> Iterator[Ledger]:
    """On SQLite and on PostgreSQL."""
    database = open_database(database_url)
    migrate(database)
    opened = Ledger(database)
    yield opened
    opened.close()
    database.close()
