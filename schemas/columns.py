"""Column types that mean the same on SQLite (STRICT tables) and PostgreSQL, and the field shorthands that use them."""

from datetime import UTC, datetime
from functools import lru_cache
from json import JSONEncoder, loads
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.types import TypeEngine
from sqlmodel import Field

_dumps = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@lru_cache(256)
def rfc3339(instant: datetime) -> str:
    """In UTC, to the microsecond. What is written together has few instants and many places for them."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


class UtcInstant(TypeDecorator[datetime]):
    """timestamptz on PostgreSQL; on SQLite RFC 3339 text in UTC with microseconds, which sorts as time does."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return rfc3339(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


class JsonText(TypeDecorator[Any]):
    """JSON kept as text, exactly as written: PostgreSQL's jsonb would reorder keys and rewrite numbers."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else loads(value)


class Flag(TypeDecorator[bool]):
    """0 or 1: STRICT tables know no boolean."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


BIG = BigInteger().with_variant(Integer(), "sqlite")


def text(**options: Any) -> Any:
    return Field(sa_type=Text, **options)


def integer(**options: Any) -> Any:
    return Field(sa_type=BIG, **options)


def instant(**options: Any) -> Any:
    return Field(sa_type=UtcInstant, **options)


def json(**options: Any) -> Any:
    return Field(sa_type=JsonText, **options)


def flag(**options: Any) -> Any:
    return Field(sa_type=Flag, **options)
