"""How SQLite goes about the queries of a block: its own word, without running them a second time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from services.db import Database


@contextmanager
def plans(database: Database) -> Iterator[list[str]]:
    """A line for every step of every query of the block, such as "SEARCH entry USING INDEX ix_entry_type (type=?)"."""
    told: list[str] = []

    def listen(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            explained = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            told.extend(str(row[3]) for row in explained.fetchall())

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        yield told
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)
