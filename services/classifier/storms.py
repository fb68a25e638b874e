"""Storms: many tickets of one incident within minutes. One of them, the oldest, is to stand for the others. The past has none."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from schemas.predictions import SimilarTicket
from services.classifier.memory import Case

WITHIN = timedelta(minutes=30)
LEAST_TICKETS = 5


def storm(ticket: Case, alike: Iterable[SimilarTicket], cases: Mapping[str, Case]) -> Sequence[Case]:
    """The open tickets of the last 30 minutes, the oldest first, that are alike and of the same site and the same line or system, if they
    and this one are five at least; else none. `alike` were submitted before `ticket`.
    """
    known = [cases[one.ticket] for one in alike if one.ticket in cases]
    near = [case for case in known if _near(case, ticket)]
    return sorted(near, key=lambda case: case.place) if len(near) + 1 >= LEAST_TICKETS else []


def _near(case: Case, ticket: Case) -> bool:
    same_line = ticket.area is not None and case.area == ticket.area
    same_system = ticket.system is not None and case.system == ticket.system
    here = case.site == ticket.site and not (case.moved_over or ticket.moved_over)
    return here and not case.ended and ticket.at - case.at <= WITHIN and (same_line or same_system)


def parent_of(members: Sequence[Case], cases: Mapping[str, Case]) -> Case:
    """The one that most of them stand under already, else the oldest that nobody took out of a group."""
    parents = [cases[case.parent] for case in members if case.parent and case.parent in cases]
    return parents[0] if parents else next((case for case in members if not case.kept_apart), members[0])
