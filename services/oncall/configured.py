"""Which teams file people are told by: each other one that a process starts with is an entry of the ledger."""

from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.oncall_events import OnCallConfigured
from schemas.tables import ENTRIES
from services.ledger import Draft
from services.teams import Teams

OPEN_CHANNELS = ("console", "mail")
"""Channels whose addresses are no secret. Of any other only what stands before the path or the password is told."""


class Configured(NamedTuple):
    """Who put it in force, when and why; `content` as `told` tells it."""

    digest: str
    content: dict[str, Any]
    by: str
    role: str
    reason: str | None
    since: datetime


def digest_of(teams: Teams) -> str:
    """SHA-256 over everything in the file, targets included."""
    return sha256(teams.model_dump_json().encode()).hexdigest()


def told(teams: Teams) -> dict[str, Any]:
    """The file's content without the secret parts of targets and calendars; a digest of 8 letters shows that one was changed."""
    content: dict[str, Any] = _veiled(teams.model_dump(mode="json", exclude_none=True))
    return content


def _veiled(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _veiled(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_veiled(each, key) for each in value]
    return veiled(value) if key in ("page", "notify", "ical", "handover") and isinstance(value, str) else value


def veiled(target: str) -> str:
    """A target without what is as good as a password."""
    channel, _, address = target.partition(":")
    if channel in OPEN_CHANNELS or not ("//" in address or "@" in address):
        return target
    host = address.rpartition("//")[2].rpartition("@")[2].partition("/")[0].partition("?")[0]
    return f"{channel}:{host}#{sha256(target.encode()).hexdigest()[:8]}"


def configured(connection: Connection) -> Configured | None:
    """None before the first process that tells people."""
    newest = select(ENTRIES).where(ENTRIES.c.type == OnCallConfigured.__name__).order_by(ENTRIES.c.seq.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    return None if row is None else _of(Entry.model_construct(**row))


def configure(draft: Draft, teams: Teams, by: Attribution) -> Configured | None:
    """Tells of another file than the one in force; None where it is the same."""
    known = _standing(draft)
    if known and known.digest == digest_of(teams):
        return None
    return _of(draft.append(OnCallConfigured(digest=digest_of(teams), content=told(teams)), by))


def _standing(draft: Draft) -> Configured | None:
    staged = [Entry.model_construct(**fields) for fields in draft.entries if fields["type"] == OnCallConfigured.__name__]
    return _of(staged[-1]) if staged else configured(draft.connection)


def _of(entry: Entry) -> Configured:
    return Configured(entry.data["digest"], entry.data["content"], entry.actor, entry.role, entry.reason, entry.recorded_at)
