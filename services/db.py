"""The database: opened, migrated, read and written. The only place that commits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, TimeoutError

from services.errors import Misconfigured, Unavailable

MIGRATIONS = Path(__file__).resolve().parent.parent / "schemas" / "migrations"
POSTGRES_OPTIONS = "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s"
SERVICE_ROLE = "hypercare_service"
_one_at_a_time = Lock()  # Alembic keeps its context in a global


class Database:
    """Connections to one database. One `read` sees one snapshot; a `write` is one transaction that other writers wait for."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        options = {"isolation_level": "REPEATABLE READ"} if self.dialect == "postgresql" else {}
        with _available(), self.engine.connect().execution_options(**options) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with _available(), self.engine.connect().execution_options(hypercare_write=True) as connection, connection.begin() as transaction:
            yield connection
            transaction.commit()

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, TimeoutError) as error:
        raise Unavailable(f"The database did not do its part ({type(error).__name__}); try again in a few seconds") from error


def open_database(url: str) -> Database:
    """A database by SQLAlchemy URL: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`. Nothing connects yet."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise Misconfigured("HYPERCARE_DATABASE_URL keeps tickets in memory only; name a file, for example sqlite:///hypercare.db")
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed))
    if parsed.get_backend_name() == "postgresql":
        return Database(_postgres(parsed.set(drivername="postgresql+psycopg")))
    raise Misconfigured(f"HYPERCARE_DATABASE_URL names {parsed.get_backend_name()!r}; only sqlite and postgresql are supported")


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise Misconfigured("HYPERCARE_DATABASE_URL is not a database URL; write for example sqlite:///hypercare.db") from error


def _sqlite(url: URL) -> Engine:
    arguments = {"timeout": 10, "check_same_thread": False, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, pool_size=10, max_overflow=30)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("hypercare_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgres(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=2,
        pool_size=10,
        max_overflow=10,
        connect_args={"options": POSTGRES_OPTIONS, "connect_timeout": 5},
    )

    @event.listens_for(engine, "connect")
    def _take_role(connection: Any, _record: Any) -> None:
        """Services work under a role that may append to the ledger and read it, nothing else. Before the first migration there is none."""
        connection.autocommit = True
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (SERVICE_ROLE,)).fetchone()
        if found:
            connection.execute(f"SET ROLE {SERVICE_ROLE}")
        connection.autocommit = False

    return engine


def _alembic(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def migrate(database: Database) -> None:
    """Bring the schema to this program's revision; processes started together take turns."""
    with _as_owner(database) as config:
        command.upgrade(config, "head")


def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to an older revision; `base` removes every table, the ledger with them."""
    with _as_owner(database) as config:
        command.downgrade(config, revision)


@contextmanager
def _as_owner(database: Database) -> Iterator[Config]:
    """Alembic works as the owner of the tables. Connections opened before are let go: the new ones take the service role."""
    engine = create_engine(database.engine.url) if database.dialect == "postgresql" else database.engine
    with _available(), _one_at_a_time:
        yield _alembic(engine)
    engine.dispose()
    database.close()


def pending_migrations(database: Database) -> bool:
    """Whether the schema is older (or newer) than this program."""
    wanted = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() != wanted


def ping(database: Database) -> None:
    """Raise `Unavailable` unless the database answers."""
    with database.read() as connection:
        connection.execute(text("SELECT 1"))


def store(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], replace: bool = False) -> None:
    """Insert whole rows, or replace those with the same primary key.

    In statements of many rows each: SQLite lets other threads take over once per statement, which costs more than to write a row.
    """
    columns, start = _columns(table, connection.dialect), 0
    for size in (256, 128, 64, 32, 16, 8, 4, 2, 1):
        while len(rows) - start >= size:
            chunk = rows[start : start + size]
            flat = tuple([bound(row[name]) if bound and row[name] is not None else row[name] for row in chunk for name, bound in columns])
            connection.exec_driver_sql(_insert(table, connection.dialect, size, replace), flat)
            start += size


@cache
def key_names(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key.columns)


@cache
def _columns(table: Table, dialect: Dialect) -> list[tuple[str, Callable[[Any], Any] | None]]:
    """Names, and what makes a value of Python one of the driver's."""
    return [(column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in table.columns]


@cache
def _insert(table: Table, dialect: Dialect, size: int, replace: bool) -> str:
    quoted = dialect.identifier_preparer.quote
    names, keys = [quoted(column.name) for column in table.columns], [quoted(name) for name in key_names(table)]
    row = "({})".format(", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(names)))
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    conflict = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}" if replace else ""
    return f"INSERT INTO {quoted(table.name)} ({', '.join(names)}) VALUES {', '.join([row] * size)}{conflict}"
