"""The daily snapshot of a go-live: taken at the site's stand-up, kept in the ledger, never worked out again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import rfc8785
import structlog
from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.golive_events import SnapshotTaken
from schemas.golives import GoLive, Snapshot
from schemas.tables import ENTRIES
from services.errors import NotFound
from services.ledger import Draft, Subject

log = structlog.get_logger()

YESTERDAY = (timedelta(hours=20), timedelta(hours=52))
"""A snapshot of the day before is at least, and at most, so old."""


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON (RFC 8785)."""
    return sha256(rfc8785.dumps(content)).hexdigest()


def snapshot_id(golive: str, day: date, asked_at: datetime | None = None) -> str:
    """That of a day's stand-up, or of one that somebody asked for between two."""
    return f"{golive}-{day.isoformat()}" + (f"T{asked_at.astimezone(UTC):%H%M%S}" if asked_at else "")


def snapshots_of(connection: Connection, golive: GoLive, until: datetime | None = None) -> Iterator[Snapshot]:
    """The newest first: by the instant whose figures they hold, whenever they were taken."""
    told = select(ENTRIES).where(ENTRIES.c.type == SnapshotTaken.__name__, ENTRIES.c.site == golive.site)
    if until:
        told = told.where(ENTRIES.c.occurred_at <= until)
    for row in connection.execute(told.order_by(ENTRIES.c.occurred_at.desc(), ENTRIES.c.seq.desc())).mappings():
        entry = Entry.model_construct(**row)
        if entry.data["golive"] == golive.id:
            yield _snapshot(SnapshotTaken.model_validate(entry.data))


def snapshot_ids(connection: Connection, golive: GoLive) -> set[str]:
    """Of every snapshot of the site, without reading what they hold."""
    told = select(ENTRIES.c.reason).where(ENTRIES.c.type == SnapshotTaken.__name__, ENTRIES.c.site == golive.site)
    return {str(reason).removeprefix(_reason("")) for reason in connection.execute(told).scalars()}


def _reason(snapshot: str) -> str:
    return f"snapshot {snapshot}"


def _snapshot(event: SnapshotTaken) -> Snapshot:
    told = event.model_dump(include={"golive", "day", "as_of", "digest", "content"})
    return Snapshot(id=event.snapshot, **told)


def newest(connection: Connection, golive: GoLive, as_of: datetime | None = None, day: date | None = None) -> Snapshot:
    """The last one up to then, or that of a day. Raises `NotFound`."""
    found = (each for each in snapshots_of(connection, golive) if as_of is None or each.as_of <= as_of)
    chosen = next((each for each in found if day is None or each.day == day), None)
    if chosen is None:
        raise NotFound(f"{golive.id} has no snapshot of that time; one is taken every day at {golive.text.standup:%H:%M} at the site")
    return chosen


def p50_the_day_before(connection: Connection, golive: GoLive, at: datetime) -> dict[str, date]:
    """What was forecast yesterday, by target."""
    least, most = YESTERDAY
    for snapshot in snapshots_of(connection, golive, at):
        age = at - snapshot.as_of
        if age > most:
            break
        if age >= least:
            targets = snapshot.content["forecast"]["targets"]
            return {each["target"]: date.fromisoformat(each["p50"]) for each in targets if each["p50"]}
    return {}


def keep_snapshot(draft: Draft, golive: GoLive, taken: SnapshotTaken, by: Attribution) -> bool:
    """Once per go-live and day, whoever comes first; it occurred at the instant whose figures it holds. Says whether this one was it."""
    reason = _reason(taken.snapshot)
    if any(row["reason"] == reason for row in draft.entries) or taken.snapshot in snapshot_ids(draft.connection, golive):
        return False
    draft.append(taken, replace(by, reason=reason, occurred_at=taken.as_of), Subject(site=golive.site))
    return True
