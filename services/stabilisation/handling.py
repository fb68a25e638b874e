"""How well tickets are handled: what came back, what was sent to the wrong team, who solved it, what was told before."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from schemas.golive_figures import Bounces, Handling, Share
from services.stabilisation.chronicle import Step
from services.stabilisation.view import DAY, MOST_TICKETS, Life, View

REOPENED_WITHIN = OF_LATE = 14
DONE = ("resolved", "closed")


def handling(view: View) -> Handling:
    return Handling(
        reopened=reopened(view, OF_LATE),
        first_assignment=_first_assignment(view),
        bounces=_bounces(view),
        own_staff=own_staff(view, 7),
        repeats=_of_arrivals(view, lambda life: life.stand.again),
        training=_of_arrivals(view, lambda life: life.stand.kind == "training"),
        undecided=undecided(view, view.at - DAY, view.at),
        undecided_before=undecided(view, view.at - 8 * DAY, view.at - DAY),
    )


def reopened(view: View, days: float) -> Share:
    """Of the resolutions of the last `days`: those that were followed by a reopening within 14 days."""
    begin = view.at - round(days * DAY)
    whole, part = 0, []
    for life in view.lives:
        if life.last > begin:
            resolved = _resolutions(list(life.steps()), begin)
            whole += len(resolved)
            part += [life.ticket] * sum(resolved)
    return share(part, whole)


def _resolutions(steps: Sequence[Step], begin: int) -> list[bool]:
    """For every resolution after `begin`: does the ticket come back in time?"""
    pairs = enumerate(pairwise(steps), start=1)
    return [_comes_back(steps, place) for place, (before, after) in pairs if after.when > begin and _resolves(before, after)]


def _resolves(before: Step, after: Step) -> bool:
    return before.stand.open and after.stand.state == "resolved"


def _comes_back(steps: Sequence[Step], place: int) -> bool:
    again = next((step.when for step in steps[place + 1 :] if step.stand.open), None)
    return again is not None and again - steps[place].when <= REOPENED_WITHIN * DAY


def share(part: Sequence[str], whole: int) -> Share:
    tickets = tuple(dict.fromkeys(part))[:MOST_TICKETS]
    return Share(part=len(part), whole=whole, ratio=len(part) / whole if whole else None, tickets=tickets)


def _first_assignment(view: View) -> Share:
    """Of the tickets that are resolved or closed: those that were sent first where they were resolved."""
    done = [life for life in view.lives if life.stand.state in DONE and life.stand.first_system]
    return share([life.ticket for life in done if life.stand.first_system == life.stand.system], len(done))


def _bounces(view: View) -> Bounces:
    moves = [life.stand.moves for life in view.lives if life.stand.moves]
    return Bounces(total=sum(moves), tickets=len(moves), twice=sum(each >= 2 for each in moves))


def own_staff(view: View, days: float) -> Share:
    """Of the tickets whose last resolution lies in the last `days`: those that nobody resolved who leaves with the hypercare."""
    begin = view.at - round(days * DAY)
    done = [(life.ticket, life.stand.resolver) for life in view.lives if (life.stand.resolved_at or 0) > begin]
    leaving = set(view.golive.text.hypercare_only)
    return share([ticket for ticket, who in done if who and not leaving & {who[0], f"role:{who[1]}"}], len(done))


def _of_arrivals(view: View, counts: Callable[[Life], bool]) -> Share:
    born = view.born_since(OF_LATE)
    return share([life.ticket for life in born if counts(life)], len(born))


def undecided(view: View, begin: int, end: int) -> Share:
    """Of the classified tickets that were submitted in the span: those that a person had to route."""
    told = [life for life in view.lives if begin < life.track.born <= end and life.stand.decided]
    return share([life.ticket for life in told if life.stand.queued], len(told))
