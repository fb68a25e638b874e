"""Which model version decides and which one answers in shadow, as the ledger tells it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.events import EVENTS, Event, ModelPromoted, ModelRolledBack, ModelShadowed, ModelTakenUp, ModelTrained
from schemas.tables import ENTRIES
from services.errors import Conflict, Forbidden
from services.ledger import Draft

STEPS = tuple(event.__name__ for event in (ModelTrained, ModelShadowed, ModelPromoted, ModelRolledBack, ModelTakenUp))


@dataclass
class Releases:
    """`line` holds the versions that decided one after another and can be gone back to; empty: the version of the settings decides.

    `trained` names who made a version, `remarks` what was noticed then, `taken_up` what each replica works with where that is not the
    wanted version.
    """

    line: list[str] = field(default_factory=list)
    shadow: str | None = None
    trained: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken_up: dict[str, ModelTakenUp] = field(default_factory=dict)

    @property
    def current(self) -> str | None:
        return self.line[-1] if self.line else None

    def take(self, entry: Entry) -> None:
        if entry.type in STEPS:
            event = EVENTS[entry.type].model_validate(entry.data)
            _FOLDS[type(event)](self, event, entry)


def _trained(releases: Releases, event: ModelTrained, entry: Entry) -> None:
    releases.trained[event.version] = entry.actor
    releases.remarks[event.version] = event.remarks


def _shadowed(releases: Releases, event: ModelShadowed, entry: Entry) -> None:
    releases.shadow = event.version


def _promoted(releases: Releases, event: ModelPromoted, entry: Entry) -> None:
    if not releases.line:
        releases.line.append(event.previous)
    releases.line.append(event.version)
    releases.shadow = None if releases.shadow == event.version else releases.shadow


def _rolled_back(releases: Releases, event: ModelRolledBack, entry: Entry) -> None:
    releases.line.pop()
    if len(releases.line) == 1:
        releases.line.clear()


def _taken_up(releases: Releases, event: ModelTakenUp, entry: Entry) -> None:
    releases.taken_up[event.replica] = event


_FOLDS: dict[type[Event], Callable[[Releases, Any, Entry], None]] = {
    ModelTrained: _trained,
    ModelShadowed: _shadowed,
    ModelPromoted: _promoted,
    ModelRolledBack: _rolled_back,
    ModelTakenUp: _taken_up,
}


def releases_of(connection: Connection, until: int | None = None) -> Releases:
    """As the ledger tells it, with `until` as it told it up to that seq."""
    found = Releases()
    told = select(ENTRIES).where(ENTRIES.c.type.in_(STEPS)).order_by(ENTRIES.c.seq)
    for row in connection.execute(told if until is None else told.where(ENTRIES.c.seq <= until)).mappings():
        found.take(Entry.model_construct(**row))
    return found


def promote(draft: Draft, event: ModelPromoted, by: Attribution) -> None:
    """Whoever made a version does not release it: a second person does."""
    releases = releases_of(draft.connection)
    if event.version == event.previous or (releases.current or event.previous) != event.previous:
        raise Conflict(f"{releases.current or event.previous} decides now; compare {event.version} with that and promote it again")
    if releases.trained.get(event.version) == by.actor:
        raise Forbidden(f"{by.actor} trained {event.version}; somebody else looks at it and promotes it")
    draft.append(event, by)


def roll_back(draft: Draft, by: Attribution) -> tuple[str, str]:
    """(the version that decides again, the one that did until now)"""
    line = releases_of(draft.connection).line
    if len(line) < 2:
        raise Conflict("No version was promoted, so there is none to go back from")
    draft.append(ModelRolledBack(version=line[-2], previous=line[-1]), by)
    return line[-2], line[-1]


def shadow(draft: Draft, version: str | None, by: Attribution) -> None:
    draft.append(ModelShadowed(version=version), by)
