"""Which ladder a ticket climbs, and which step follows which. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.oncall import Ladder, Rungs, Step
from schemas.tickets import Ticket
from schemas.words import Severity
from services.groups import may_be_sev1, stands_for_itself
from services.oncall.roll import TRIAGE, Place
from services.teams import Teams

QA = -1
"""Number of the step that tells QA, beside the others."""
OWNER = -2
"""That which tells the lead to appoint an owner, after so many teams have given the ticket back:"""
MOST_BOUNCES = 2
CLIMBS = ("submitted", "triage", "routed")
AT_WORK = ("acknowledged", "waiting")


class Climb(NamedTuple):
    place: Place
    ladder: Ladder
    severity: Severity
    rungs: Rungs


class Due(NamedTuple):
    """`begun_at`: when the round began that the step belongs to."""

    cycle: int
    step: int
    begun_at: datetime
    due_at: datetime


def climb_of(teams: Teams, ticket: Ticket, parent: Ticket | None) -> Climb | None:
    """None where nobody is to be told in steps: no ladder, none for this severity, or another ticket speaks for this one."""
    place = Place(ticket.site, ticket.team or TRIAGE)
    audience = teams.triage if place.team == TRIAGE else teams.teams.get(place.team)
    ladder = teams.ladder_of(audience) if audience else None
    severity: Severity | None = "sev1" if not ticket.team and may_be_sev1(ticket) else ticket.severity
    rungs = ladder.rungs(severity) if ladder and severity else None
    if ladder is None or severity is None or rungs is None or _is_spoken_for(ticket, parent):
        return None
    return Climb(place, ladder, severity, rungs)


def _is_spoken_for(ticket: Ticket, parent: Ticket | None) -> bool:
    return parent is not None and parent.state != "submitted" and not stands_for_itself(ticket, parent)


def first(rungs: Rungs, at: datetime) -> Due:
    return Due(0, 0, at, at + rungs.steps[0].after)


def following(rungs: Rungs, taken: Due, now: datetime, empty: bool) -> Due | None:
    """What is due after a step. After one that led to nobody the next is due now. None at the end of the last round."""
    if taken.step < 0:
        return None
    if taken.step + 1 < len(rungs.steps):
        due = taken.begun_at + rungs.steps[taken.step + 1].after
        return Due(taken.cycle, taken.step + 1, taken.begun_at, min(due, now) if empty else due)
    if taken.cycle >= rungs.repeat:
        return None
    begun = taken.begun_at + rungs.steps[-1].after + rungs.again
    return Due(taken.cycle + 1, 0, begun, begun + rungs.steps[0].after)


def resumed(rungs: Rungs, stopped: Due, at: datetime, expires: timedelta) -> Due:
    """The step at which an acknowledgement stopped the climb, once it has expired; later steps keep their distance from it."""
    step = min(max(stopped.step, 0), len(rungs.steps) - 1)
    due = at + expires
    return Due(stopped.cycle, step, due - rungs.steps[step].after, due)


def step_of(climb: Climb, number: int) -> Step | None:
    """None where the ladder has become shorter."""
    if number == QA:
        return Step(after=timedelta(0), who=(climb.ladder.qa_parallel,)) if climb.ladder.qa_parallel else None
    if number == OWNER:
        return Step(after=timedelta(0), who=("role:lead",))
    return climb.rungs.steps[number] if number < len(climb.rungs.steps) else None
