"""Overrides that people make while the service runs: "I cover for Ben". No table: the ledger's few entries are folded at each question."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.oncall import Override, OverrideText
from schemas.oncall_events import RotaOverridden, RotaOverrideDropped
from schemas.tables import ENTRIES
from services.errors import Invalid, NotFound
from services.ledger import Draft
from services.teams import Teams

TOLD = (RotaOverridden.__name__, RotaOverrideDropped.__name__)


@dataclass
class Overrides:
    """`made` counts all there ever were; `of` holds by id those that were not dropped."""

    made: int = 0
    of: dict[str, Override] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        if entry.type == RotaOverridden.__name__:
            event = RotaOverridden.model_validate(entry.data)
            said = {"by": entry.actor, "reason": entry.reason or "", "made_at": entry.recorded_at, "id": event.override}
            self.made += 1
            self.of[event.override] = Override.model_validate(event.model_dump(exclude={"override"}) | said)
        elif entry.type == RotaOverrideDropped.__name__:
            self.of.pop(RotaOverrideDropped.model_validate(entry.data).override, None)

    def by_rota(self) -> dict[str, tuple[Override, ...]]:
        """In the order in which they were made: later ones cover earlier ones."""
        found = defaultdict(list)
        for override in self.of.values():
            found[override.rota].append(override)
        return {rota: tuple(overrides) for rota, overrides in found.items()}


def overrides_of(connection: Connection, as_of: datetime | None = None) -> Overrides:
    """As the ledger tells them; with `as_of` as they were known then."""
    told = select(ENTRIES).where(ENTRIES.c.type.in_(TOLD)).order_by(ENTRIES.c.seq)
    if as_of:
        told = told.where(ENTRIES.c.recorded_at <= as_of)
    return _folded(Entry.model_construct(**row) for row in connection.execute(told).mappings())


def standing(draft: Draft) -> Overrides:
    """As this transaction sees them."""
    found = overrides_of(draft.connection)
    for fields in draft.entries:
        found.take(Entry.model_construct(**fields))
    return found


def _folded(entries: Iterable[Entry]) -> Overrides:
    found = Overrides()
    for entry in entries:
        found.take(entry)
    return found


def override(draft: Draft, teams: Teams, rota: str, text: OverrideText, by: Attribution) -> Override:
    """Raises NotFound for a rota or person that the teams file does not describe, Invalid for what is over or has no reason."""
    _check_known(teams, rota, text)
    _check_reason(by)
    if text.end <= draft.now:
        raise Invalid(f"until, {text.end:%Y-%m-%d %H:%M} UTC, has passed: nobody's duty would change")
    identity = f"OV-{standing(draft).made + 1}"
    draft.append(RotaOverridden(override=identity, rota=rota, **text.model_dump(by_alias=False)), by)
    return standing(draft).of[identity]


def drop_override(draft: Draft, identity: str, by: Attribution) -> Override:
    _check_reason(by)
    known = standing(draft).of.get(identity)
    if known is None:
        listed = "GET /v1/oncall/overrides lists those there are; one of the file is taken out of the file"
        raise NotFound(f"There is no override {identity} that holds; {listed}")
    draft.append(RotaOverrideDropped(override=identity, rota=known.rota), by)
    return known


def _check_known(teams: Teams, rota: str, text: OverrideText) -> None:
    if rota not in teams.rotas:
        raise NotFound(f"There is no rota {rota}; the teams file describes {', '.join(sorted(teams.rotas)) or 'none'}")
    for person in (text.person, text.instead_of):
        if person is not None and person not in teams.people:
            raise NotFound(f"The teams file describes nobody as {person}; it knows {', '.join(sorted(teams.people))}")


def _check_reason(by: Attribution) -> None:
    if not (by.reason and by.reason.strip()):
        raise Invalid("Say why: an override needs a reason that an auditor will understand")
