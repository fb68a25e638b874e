"""The database that the settings name, for verbs that work on it directly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from services.db import Database, open_database, pending_migrations
from services.errors import Misconfigured
from services.settings import load_settings


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for any other database, or for what is no URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def without_password(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


@contextmanager
def migrated_database() -> Iterator[Database]:
    """Raises `Misconfigured` where there is no database, or one of another revision: a look must not make one."""
    url = load_settings().database_url
    database = open_database(url)
    path = sqlite_file(url)
    if path is not None and not path.exists():
        raise Misconfigured(f"There is no database {path}: `hypercare migrate` makes one, or HYPERCARE_DATABASE_URL names another")
    try:
        if pending_migrations(database):
            raise Misconfigured("The database is of another revision than this program; `hypercare migrate` brings it up to date")
        yield database
    finally:
        database.close()
