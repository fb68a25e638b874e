"""What is done when a step is due: whom it tells, and what follows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.entries import Attribution
from schemas.events import NotificationRequested
from schemas.oncall import Step, Urgency
from schemas.tables import DELIVERIES, STEPS
from schemas.tickets import Ticket
from services.deliveries import delivery_id
from services.dispatcher.climb import AT_WORK, CLIMBS, Climb, Due, following, step_of
from services.dispatcher.requests import Target
from services.dispatcher.rows import StepRows, climb_in, due_of, read_ahead, step_id
from services.faults import reach
from services.ledger import Draft, Row
from services.oncall.roll import Place, Roll
from services.tickets import SERVICE, find, record

ACTOR = "service:dispatcher"


class Plan(NamedTuple):
    """What becomes of a step: `told` has channel, address and urgency by the id of the delivery, `after` is what follows."""

    row: Row
    ticket: Ticket
    state: str
    told: dict[str, tuple[str, str, Urgency]]
    climb: Climb | None = None
    after: Due | None = None


@dataclass(frozen=True)
class Taking:
    """In one transaction: a step is written with what it asks for, or not at all. `reached`: whom steps lead to that are alike."""

    draft: Draft
    roll: Roll
    rows: StepRows
    fault: str | None = None
    reached: dict[tuple[tuple[str, ...], Urgency, Place], list[Target]] = field(default_factory=dict)

    def take(self, rows: Sequence[Row]) -> None:
        """Tell whom the steps lead to at this instant, and note what follows. Where nobody is there the next step is due now.

        What they will look at is read ahead, for all of them with a few queries.
        """
        read_ahead(self.draft, [row["ticket"] for row in rows])
        plans = [self._plan(row) for row in rows]
        self.draft.prefetch(DELIVERIES, [(name,) for plan in plans for name in plan.told])
        self.draft.prefetch(STEPS, [(step_id(plan.ticket.id, plan.row["cause"], plan.after),) for plan in plans if plan.after])
        for plan in plans:
            self._take(plan)

    def _plan(self, row: Row) -> Plan:
        ticket = find(self.draft, row["ticket"])
        climb = climb_in(self.draft, self.roll, ticket)
        step = step_of(climb, row["step"]) if climb and _holds(row, ticket, climb) else None
        if climb is None or step is None:
            return Plan(row, ticket, "stopped", {})
        told = {delivery_id(row["id"], *target): (*target, step.urgency) for target in self._targets(step, climb.place)}
        after = following(climb.rungs, due_of(row), self.draft.now, empty=not told)
        return Plan(row, ticket, "done" if told else "skipped", told, climb, after)

    def _targets(self, step: Step, place: Place) -> list[Target]:
        """Worked out once for all that are told alike at this instant."""
        alike = (step.who, step.urgency, place)
        if alike not in self.reached:
            found = self.roll.told(step, place, self.draft.now)
            self.reached[alike] = sorted({target for each in found for target in each.targets(step.urgency)})
        return self.reached[alike]

    def _take(self, plan: Plan) -> None:
        by = Attribution(ACTOR, SERVICE, cause=plan.row["cause"])
        for delivery, (channel, address, urgency) in plan.told.items():
            event = NotificationRequested(delivery=delivery, channel=channel, address=address, urgency=urgency)
            record(self.draft, plan.ticket.id, event, by)
        self.rows.settle(plan.row, plan.state)
        reach("escalation-mid-step", self.fault)
        if plan.climb and plan.after:
            self.rows.begin(plan.row["cause"], plan.ticket.id, plan.climb, plan.after)


def _holds(row: Row, ticket: Ticket, climb: Climb) -> bool:
    """A ticket whose severity is another one by now goes on by its rungs."""
    return ticket.state in (*CLIMBS, *AT_WORK) and row["team"] == climb.place.team
