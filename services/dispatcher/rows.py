"""The rows of steps as one transaction sees them, read for many tickets at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select

from schemas.tables import STEPS, TICKETS
from schemas.tickets import Ticket
from services.dispatcher.climb import Climb, Due, climb_of
from services.ledger import Draft, Row
from services.oncall.roll import Roll
from services.tickets import find


@dataclass(frozen=True)
class StepRows:
    """`names`: by ticket, the ids of its rows."""

    draft: Draft
    names: dict[str, dict[str, None]] = field(default_factory=dict)

    def read(self, tickets: Iterable[str]) -> None:
        """With two queries, however many they are; and what this transaction is about to write of them."""
        missing = [ticket for ticket in dict.fromkeys(tickets) if ticket not in self.names]
        if not missing:
            return
        self.names.update({ticket: {} for ticket in missing})
        kept = select(STEPS.c.id, STEPS.c.ticket).where(STEPS.c.ticket.in_(missing))
        for name, ticket in self.draft.connection.execute(kept):
            self.names[ticket][name] = None
        for row in self.draft.staged(STEPS):
            self.names.get(row["ticket"], {})[row["id"]] = None
        self.draft.prefetch(STEPS, [(name,) for ticket in missing for name in self.names[ticket]])

    def of(self, ticket: str) -> Iterator[Row]:
        """By the time at which they are due."""
        self.read([ticket])
        rows = [row for name in self.names[ticket] if (row := self.draft.get(STEPS, name))]
        return iter(sorted(rows, key=lambda row: (row["due_at"], row["cycle"], row["step"])))

    def put(self, row: Row) -> None:
        self.draft.put(STEPS, row)
        self.names.get(row["ticket"], {})[row["id"]] = None

    def begin(self, cause: str, ticket: str, climb: Climb, due: Due) -> None:
        """A step that was there before stays as it is: asked for again, nothing happens twice."""
        identity = step_id(ticket, cause, due)
        known = identity in self.names[ticket] if ticket in self.names else self.draft.get(STEPS, identity)
        if not known:
            where = {"id": identity, "ticket": ticket, "cause": cause, "team": climb.place.team, "severity": climb.severity}
            self.put(where | due._asdict() | {"state": "pending", "settled_at": None})

    def settle(self, row: Row, state: str) -> None:
        self.put(row | {"state": state, "settled_at": self.draft.now})


def step_id(ticket: str, cause: str, due: Due) -> str:
    """The same step of the same climb has the same id, in every process and at any time."""
    return str(uuid5(NAMESPACE_URL, f"hypercare:step:{ticket}:{cause}:{due.cycle}:{due.step}"))


def due_of(row: Row) -> Due:
    return Due(row["cycle"], row["step"], row["begun_at"], row["due_at"])


def climb_in(draft: Draft, roll: Roll, ticket: Ticket) -> Climb | None:
    return climb_of(roll.teams, ticket, find(draft, ticket.parent) if ticket.parent else None)


def read_ahead(draft: Draft, tickets: Iterable[str]) -> None:
    """With those that stand for them, in two queries."""
    names = dict.fromkeys(tickets)
    draft.prefetch(TICKETS, [(name,) for name in names])
    parents = (row["parent"] for name in names if (row := draft.get(TICKETS, name)))
    draft.prefetch(TICKETS, [(parent,) for parent in parents if parent])
