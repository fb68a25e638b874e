"""When something happened, and the time between two instants, in SQL: whole microseconds on both databases, so thresholds are exact."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from schemas.tables import ENTRIES
from services.lifecycle import HISTORY

MICROSECONDS = 1_000_000
HAPPENED_AT: ColumnElement[datetime] = case((ENTRIES.c.role == HISTORY, ENTRIES.c.occurred_at), else_=ENTRIES.c.recorded_at)
"""`services.lifecycle.happened_at` of a row of the ledger."""


class microseconds_between(FunctionElement[int]):
    """`microseconds_between(earlier, later)`; absent where one of them is."""

    type = BigInteger()
    inherit_cache = True
    name = "microseconds_between"

    def __init__(self, earlier: ColumnElement[datetime], later: ColumnElement[datetime | None]) -> None:
        super().__init__(earlier, later)


@compiles(microseconds_between, "postgresql")
def _on_postgresql(element: microseconds_between, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(EXTRACT(EPOCH FROM ({later} - {earlier})) * {MICROSECONDS} AS BIGINT)"


@compiles(microseconds_between, "sqlite")
def _on_sqlite(element: microseconds_between, compiler: SQLCompiler, **options: Any) -> str:
    """Its date functions round to milliseconds, so the fraction of the RFC 3339 text is taken as a number of its own."""
    earlier, later = (_whole(compiler.process(clause, **options)) for clause in element.clauses)
    return f"({later} - {earlier})"


def _whole(column: str) -> str:
    return f"(CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER) * {MICROSECONDS} + CAST(substr({column}, 21, 6) AS INTEGER))"
