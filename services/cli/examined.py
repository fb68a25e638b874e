"""The doctor's look at the database: there, up to date, strict, durable, append-only, and the ledger as its anchors know it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import disk_usage

from sqlalchemy import Connection, select, text

from schemas.tables import ENTRIES
from services.cli.findings import Finding, good, warning, wrong
from services.cli.storage import sqlite_file, without_password
from services.db import SERVICE_ROLE, Database, open_database, pending_migrations
from services.errors import HypercareError, Unavailable
from services.ledger import read_head
from services.settings import Settings
from services.verifier import read_anchors

LEAST_FREE = 64 * 2**20
SHARE_LOW, SHARE_OUT = 0.10, 0.05
CLOCK_TOLERANCE = timedelta(seconds=5)
COMPARED_ANCHORS = 1_000
FULL = 2
APPEND_ONLY = text("SELECT current_user, has_table_privilege(current_user, 'entry', 'UPDATE, DELETE')")


def storage(settings: Settings) -> Iterator[Finding]:
    try:
        database = open_database(settings.database_url)
    except HypercareError as error:
        yield wrong("database", str(error), "Set HYPERCARE_DATABASE_URL")
        return
    path = sqlite_file(settings.database_url)
    if path is not None and not path.exists():
        yield wrong("database", f"There is no database {path}", "`hypercare migrate` makes one; HYPERCARE_DATABASE_URL names another")
        return
    yield from _opened(database, settings)
    database.close()


def _opened(database: Database, settings: Settings) -> Iterator[Finding]:
    where = without_password(settings.database_url)
    try:
        pending = pending_migrations(database)
    except Unavailable:
        yield wrong("database", f"{where} does not answer", "Start it, and check host, port, user and password in HYPERCARE_DATABASE_URL")
        return
    yield good("database", f"{where} answers")
    if pending:
        yield wrong("migrations", "The tables are of another revision than this program", "Stop the services and run `hypercare migrate`")
        return
    yield good("migrations", "The tables are of this program's revision")
    with database.read() as connection:
        yield from sqlite_kept(connection) if database.dialect == "sqlite" else postgresql_kept(connection)
        yield clock(datetime.now(UTC), read_head(connection)["recorded_at"])
        yield from anchors(connection, settings.anchors_file)


def sqlite_kept(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(text("PRAGMA table_list")).mappings()
    loose = [row["name"] for row in rows if row["type"] == "table" and not row["strict"] and row["name"] not in ("alembic_version",)]
    loose = [name for name in loose if not name.startswith("sqlite_")]
    if loose:
        yield wrong(
            "strict", f"Tables that are not STRICT: {', '.join(loose)}", "Take the ledger out by `hypercare ledger export`, migrate anew"
        )
    else:
        yield good("strict", "All tables are STRICT")
    if connection.execute(text("PRAGMA synchronous")).scalar_one() != FULL:
        yield wrong(
            "durability", "synchronous is not FULL: a power cut may lose tickets that were promised", "Report this as a fault of hypercare"
        )
    else:
        yield good("durability", "synchronous=FULL, journal in WAL")


def postgresql_kept(connection: Connection) -> Iterator[Finding]:
    role, may_change = connection.execute(APPEND_ONLY).one()
    if role != SERVICE_ROLE or may_change:
        yield wrong(
            "role",
            f"The role {role} may change entries of the ledger",
            "Run `hypercare migrate` as the owner of the tables, with CREATEROLE",
        )
    else:
        yield good("role", f"{role} may append to the ledger and read it, nothing else")
    off = [name for name in ("fsync", "synchronous_commit") if connection.execute(text(f"SHOW {name}")).scalar_one() == "off"]
    if off:
        yield wrong(
            "durability", f"{', '.join(off)} is off: a power cut may lose tickets that were promised", "Turn it on in postgresql.conf"
        )
    else:
        yield good("durability", "fsync and synchronous_commit are on")
    apart = abs(datetime.now(UTC) - connection.execute(text("SELECT clock_timestamp()")).scalar_one())
    if apart > CLOCK_TOLERANCE:
        yield warning(
            "clock", f"This machine and the database are {apart.total_seconds():.0f} s apart", "Let both follow the same time server"
        )


def clock(now: datetime, recorded: datetime) -> Finding:
    if recorded - now > CLOCK_TOLERANCE:
        ahead = (recorded - now).total_seconds()
        told = f"The ledger's last entry lies {ahead:.0f} s in the future: this machine's clock is slow, or another's was fast"
        return wrong("clock", told, "Set the clock by NTP; new entries take the last entry's time until then")
    if now.timestamp() < Path(__file__).stat().st_mtime - CLOCK_TOLERANCE.total_seconds():
        return wrong("clock", f"It is {now:%Y-%m-%d %H:%M} UTC here, before this program was installed", "Set the clock by NTP")
    return good("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, not before the ledger's last entry")


def anchors(connection: Connection, path: Path | None) -> Iterator[Finding]:
    if path is None:
        yield warning("anchors", "The ledger's head is kept nowhere else: a rewritten ledger would not show", "Set HYPERCARE_ANCHORS_FILE")
        return
    try:
        known = read_anchors(path) if path.exists() else {}
    except (OSError, ValueError, KeyError, TypeError):
        yield wrong("anchors", f"{path} holds a line that is no anchor, or cannot be read", "Restore it from its last good copy")
        return
    yield _compared(connection, known, path)


def _compared(connection: Connection, known: dict[int, str], path: Path) -> Finding:
    head = read_head(connection)["seq"]
    if max(known, default=0) > head:
        told = f"{path} knows entry {max(known)}, but the ledger ends at {head}: it was restored from an older copy, or cut off"
        return wrong("anchors", told, "Stop the services; find the newer database, or let QA accept the loss and begin a new anchors file")
    latest = dict(sorted(known.items())[-COMPARED_ANCHORS:])
    stored = connection.execute(select(ENTRIES.c.seq, ENTRIES.c.digest).where(ENTRIES.c.seq.in_(list(latest))))
    other = sorted(seq for seq, digest in stored if latest[seq] != digest)
    if other:
        told = f"Entry {other[0]} has another digest than its anchor: the ledger was rewritten"
        return wrong("anchors", told, "Stop the services, keep a copy, run `hypercare ledger verify`, and tell QA")
    return good("anchors", f"{len(known)} anchors agree with the ledger, which ends at entry {head}")


def disk(settings: Settings) -> Iterator[Finding]:
    path = sqlite_file(settings.database_url)
    folder = (path or Path()).absolute().parent if path else Path().absolute()
    if folder.exists():
        usage = disk_usage(folder)
        yield space(folder, usage.free, usage.total)


def space(folder: Path, free: int, total: int) -> Finding:
    told = f"{free / 2**20:,.0f} MB of {total / 2**20:,.0f} MB are free in {folder}"
    mend = "Make room there, or move the database to a larger disk; without space no ticket can be taken in"
    if free < max(LEAST_FREE, SHARE_OUT * total):
        return wrong("disk", told, mend)
    return warning("disk", told, mend) if free < SHARE_LOW * total else good("disk", told)
