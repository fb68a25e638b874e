"""Fixtures that every test may use. Servers come from tests.brokers and tests.databases."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from services.db import Database, migrate, open_database
from services.ledger import Ledger

pytest_plugins = ["tests.brokers", "tests.databases"]

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # a busy machine is no fault of what is tested

LONGEST_FIRST = (
    "acceptance/test_distributed", "test_recipes", "test_up", "acceptance/test_alerts_reach_people", "test_poisoning", "test_api_contract",
    "test_alerts", "test_docs", "test_models_baseline", "test_groups_never_hide", "test_simulated_alerts", "test_kafka",
    "test_models_train", "test_metrics", "test_cli_model", "test_image", "test_brokers", "test_classifier", "test_channel_addresses",
    "test_delivery_engine", "test_golive_series", "test_models_card", "test_classifier_versions", "test_models_similar", "test_databases",
)  # fmt: skip
"""Files that take long. Begun last, one of them would keep one process busy while the other has nothing left to do."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the work; alone, tests run in the order in which they were asked for."""
    if not hasattr(config, "workerinput"):
        return
    place = {f"tests/{name}.py": number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to make copies of: 1,200 tests have one, and migrating takes a tenth of a second."""
    file = tmp_path_factory.mktemp("migrated") / "hypercare.db"
    opened = open_database(f"sqlite:///{file}")
    migrate(opened)
    opened.close()
    return file


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> Iterator[Database]:
    """A migrated SQLite database: the fake database of the tests is a real one."""
    opened = open_database(f"sqlite:///{shutil.copy(migrated, tmp_path / 'hypercare.db')}")
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
