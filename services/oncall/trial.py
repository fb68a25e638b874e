"""Messages that do nothing but arrive: whether a person can be reached at their own targets."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, select

from schemas.entries import Attribution
from schemas.events import NotificationRequested
from schemas.oncall import Person, Reach, Trial
from schemas.oncall_events import ReachTried
from schemas.tables import DELIVERIES, ENTRIES
from services.deliveries import delivery_id, note
from services.errors import Conflict, Invalid, NotFound
from services.ledger import Draft, Subject
from services.oncall.configured import veiled
from services.teams import INCIDENT_TOOLS, Teams

LASTS = timedelta(minutes=10)
"""One that could not be sent by then is not sent at night."""
MOST = 3
"""So many in that time for one person: whoever asks more often is not testing."""
TEXT = """This is a test, {name}: hypercare can reach you here. Nothing has happened, and nothing is to be done.
It was asked for by {actor} ({role}). Whoever pages you about a ticket says so in the first line."""


def try_reach(draft: Draft, teams: Teams, key: str, by: Attribution) -> Trial:
    """Ask for a message to each of a person's targets. Raises NotFound, Invalid where they have none that takes one, and Conflict where
    they had enough of them.
    """
    person = person_of(teams, key)
    if _lately(draft, key) >= MOST:
        raise Conflict(f"{key} had {MOST} tests within {LASTS.total_seconds() / 60:g} minutes; look at what became of them, and wait")
    targets = [target for target in targets_of(person) if target[0] not in INCIDENT_TOOLS]
    if not targets:
        raise Invalid(f"{key} has no target that takes a message: tools that keep incidents take tickets only; give page = [...]")
    told = ReachTried(person=key, title=f"Test: can {person.name} be reached here?", text=TEXT.format(name=person.name, **_of(by)))
    entry = draft.append(told, by)
    for channel, address in targets:
        fields = {"delivery": delivery_id(entry.id, channel, address), "channel": channel, "address": address, "urgency": "page"}
        note(draft, NotificationRequested.model_validate(fields), replace(by, cause=entry.id), Subject())
    asked = tuple(delivery_id(entry.id, *target) for target in targets)
    return Trial(person=key, deliveries=asked, left_out=tuple(veiled(f"{channel}:{address}") for channel, address in _tools(person)))


def _lately(draft: Draft, key: str) -> int:
    told = select(ENTRIES.c.data).where(ENTRIES.c.type == ReachTried.__name__, ENTRIES.c.recorded_at > draft.now - LASTS)
    staged = (row["data"] for row in draft.entries if row["type"] == ReachTried.__name__)
    return sum(data["person"] == key for data in (*draft.connection.execute(told).scalars(), *staged))


def reach_of(connection: Connection, teams: Teams, key: str) -> list[Reach]:
    """The newest delivery to each of a person's targets, and what became of it. Raises NotFound."""
    return [_reach(connection, *target) for target in targets_of(person_of(teams, key))]


def person_of(teams: Teams, key: str) -> Person:
    if key not in teams.people:
        raise NotFound(f"There is no person {key}; the teams file describes {', '.join(sorted(teams.people)) or 'none'}")
    return teams.people[key]


def targets_of(person: Person) -> list[tuple[str, str]]:
    """Each once, those for pages first."""
    return list(dict.fromkeys((*person.targets("page"), *person.targets("notify"))))


def _tools(person: Person) -> Iterator[tuple[str, str]]:
    return (target for target in targets_of(person) if target[0] in INCIDENT_TOOLS)


def _of(by: Attribution) -> dict[str, str]:
    return {"actor": by.actor, "role": by.role}


def _reach(connection: Connection, channel: str, address: str) -> Reach:
    target = veiled(f"{channel}:{address}")
    here = (DELIVERIES.c.channel == channel) & (DELIVERIES.c.address == address)
    newest = select(DELIVERIES).where(here).order_by(DELIVERIES.c.requested_at.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    if row is None:
        return Reach(target=target)
    told = {name: row[name] for name in ("state", "requested_at", "sent_at", "error")}
    return Reach(target=target, delivery=row["id"], **told)
