"""The schema goes up, down and up again on both databases, and matches the tables that the code believes in."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select
from sqlmodel import SQLModel

from schemas.events import NotificationRequested
from schemas.tables import HEAD
from services.db import Database, downgrade, migrate, open_database, pending_migrations, ping
from services.deliveries import note
from services.errors import Misconfigured, Unavailable
from services.ledger import Ledger, Subject
from tests.dispatching import paged, row_of, states
from tests.lives import SERVICE, submitted

ROOT = Path(__file__).parent.parent


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def test_upgrade_downgrade_upgrade(database_url: str) -> None:
    database = open_database(database_url)
    assert pending_migrations(database)
    for _ in range(2):
        migrate(database)
        assert not pending_migrations(database)
        ledger = Ledger(database)
        assert submitted(ledger).id == "HC-1"
        ledger.close()
        downgrade(database, "base")
        assert tables(database) == set()
    database.close()


def test_deliveries_outlive_the_change_by_which_they_need_no_ticket(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    kept = paged(ledger)
    before = row_of(ledger, kept)
    handover = NotificationRequested(delivery="d-1", channel="mail", address="leads@plant.example", urgency="notify")
    ledger.write(lambda draft: note(draft, handover, SERVICE, Subject(site="Cork"))).result()
    downgrade(database, "0004")
    assert states(ledger) == ["pending"]
    migrate(database)
    assert row_of(ledger, kept) == before
    ledger.close()
    database.close()


def test_the_migrated_schema_is_the_one_in_the_code(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database)
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata)
    assert differences == []
    assert tables(database) == set(SQLModel.metadata.tables)
    database.close()


def test_processes_that_start_together_take_turns(database_url: str) -> None:
    program = "import sys; from services.db import migrate, open_database; migrate(open_database(sys.argv[1]))"
    started = [subprocess.Popen([sys.executable, "-c", program, database_url], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    database = open_database(database_url)
    with database.read() as connection:
        assert len(connection.execute(select(HEAD)).all()) == 1
    database.close()


@pytest.mark.parametrize("url", ["not a url", "mysql://host/name", "nonsense://", "sqlite://", "sqlite:///:memory:"])
def test_an_unusable_url_is_explained(url: str) -> None:
    with pytest.raises(Misconfigured, match="HYPERCARE_DATABASE_URL"):
        open_database(url)


def test_a_database_that_is_away_says_so_and_not_more() -> None:
    database = open_database("postgresql://user:secret@127.0.0.1:1/hypercare")
    with pytest.raises(Unavailable) as error:
        ping(database)
    assert "secret" not in str(error.value)
    database.close()
