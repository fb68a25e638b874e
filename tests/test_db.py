"""Rows are stored whole, however many there are and of whatever they are made, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from schemas.tables import DELIVERIES, HANDLED, LETTERS
from services.db import Database, migrate, open_database, store
from services.errors import Unavailable

NOW = datetime(2026, 3, 2, 6, 30, 0, 123456, UTC)


@pytest.fixture
def both(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    migrate(opened)
    yield opened
    opened.close()


def handled(number: int, note: str | None = None) -> dict[str, Any]:
    return {"consumer": "c", "event": f"e-{number:04}", "handled_at": NOW + timedelta(seconds=number), "note": note}


def rows_of(database: Database, table: Any) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 1023])
def test_any_number_of_rows_is_stored_in_one_call(both: Database, count: int) -> None:
    rows = [handled(number) for number in range(count)]
    with both.write() as connection:
        store(connection, HANDLED, rows)
    assert rows_of(both, HANDLED) == rows


def test_a_row_with_the_same_key_is_replaced_only_where_that_is_asked_for(both: Database) -> None:
    with both.write() as connection:
        store(connection, HANDLED, [handled(number) for number in range(3)])
        store(connection, HANDLED, [handled(number, "again") for number in range(1, 5)], replace=True)
    assert [row["note"] for row in rows_of(both, HANDLED)] == [None, *["again"] * 4]
    with pytest.raises(Unavailable), both.write() as connection:
        store(connection, HANDLED, [handled(7), handled(1)])
    assert len(rows_of(both, HANDLED)) == 5


def test_values_come_back_as_they_were(both: Database) -> None:
    odd = {"text": 'O\'Brien; "?" %s :name\n', "nested": [1, 2.5, None, True, {"ü": "🏭"}]}
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    letter: dict[str, Any] = {"id": "%s ? :id", "kind": "record", "state": "waiting", "origin": "'", "ticket": None, "error": "💥"}
    letter |= {"content": odd, "arrived_at": east, "settled_at": None}
    with both.write() as connection:
        store(connection, LETTERS, [letter, letter | {"id": "2", "settled_at": NOW}])
    assert rows_of(both, LETTERS) == [letter, letter | {"id": "2", "settled_at": NOW}]


def test_small_and_large_numbers_share_a_statement(both: Database) -> None:
    """A driver that names types by size may name two for one column."""
    row = {"ticket": "HC-1", "cause": "c", "channel": "console", "address": "a", "urgency": "page", "state": "sent", "sent_at": None}
    row |= {"requested_at": NOW, "due_at": NOW, "error": None}
    attempts = [1, 2**15, 2**31, 2**53]
    with both.write() as connection:
        store(connection, DELIVERIES, [row | {"id": f"d{number}", "attempts": number} for number in attempts])
    assert sorted(row["attempts"] for row in rows_of(both, DELIVERIES)) == attempts
