"""What alerts look for in the tickets of a go-live: storms, repeats, a route that floods, silence, a Sev1 that nobody takes."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from math import exp

from schemas.figures import UNDECIDED
from services.stabilisation.chronicle import EPOCH
from services.stabilisation.days import running_between, runs
from services.stabilisation.figures import UNACKNOWLEDGED
from services.stabilisation.view import DAY, SECOND, Life, View

STORM = 30 * 60 * SECOND
RARE = 0.01
MOST_ROUTES = 20
OTHER = "other"
"""Stands for the systems beyond the busiest `MOST_ROUTES`: their names come from people."""
LEAST_MEAN = 0.5
"""Tickets a day of a route that was quiet for a week: the limit is not 0 there."""


def storm(view: View) -> int:
    """Tickets of the largest group that a ticket joined in the last 30 minutes, with the one that stands for it; 0 without one."""
    sizes = Counter(life.stand.parent for life in view.open if life.stand.parent)
    growing = {life.stand.parent for life in view.open if life.stand.parent and _joined(life) > view.at - STORM}
    return max((sizes[parent] + 1 for parent in growing), default=0)


def _joined(life: Life) -> int:
    """When it came under the parent that it has now."""
    since = life.last
    for step in life.back():
        if step.stand.parent != life.stand.parent:
            break
        since = step.when
    return since


def repeats(view: View) -> int:
    """Tickets of the last 24 hours that met the most repeated known error."""
    met = Counter(life.stand.known_error for life in view.born_since(1) if life.stand.known_error)
    return max(met.values(), default=0)


def floods(view: View) -> dict[str, bool]:
    """By system: were more tickets submitted in 24 hours than chance allows (Poisson, 99 %), held against the 7 days before?"""
    day, week = view.at - DAY, view.at - 8 * DAY
    born = [(life.stand.system or UNDECIDED, life.track.born) for life in view.lives if life.track.born > week]
    named = _busiest(system for system, _ in born)
    told = [(system if system in named else OTHER, instant) for system, instant in born]
    fresh = Counter(system for system, instant in told if instant > day)
    before = Counter(system for system, instant in told if instant <= day)
    return {system: fresh[system] > poisson_limit(max(before[system] / 7, LEAST_MEAN)) for system in sorted(fresh.keys() | before.keys())}


def _busiest(systems: Iterable[str]) -> frozenset[str]:
    counts = Counter(systems)
    return frozenset(sorted(counts, key=lambda system: (-counts[system], system))[:MOST_ROUTES])


def poisson_limit(mean: float) -> int:
    """The least n with P(N > n) <= 1 % for a Poisson count."""
    term = total = exp(-mean)
    number = 0
    while 1 - total > RARE:
        number += 1
        term *= mean / number
        total += term
    return number


def silence(view: View) -> float:
    """Seconds in shifts since the last submission, or since the go-live."""
    last = max((life.track.born for life in view.every), default=0)
    begin = max(EPOCH + timedelta(microseconds=last), view.golive.text.starts_at)
    return running_between(view.golive.text, begin, view.instant).total_seconds()


def shift_runs(view: View) -> bool:
    return view.instant >= view.golive.text.starts_at and runs(view.golive.text, view.instant)


def oldest_unattended_sev1(view: View) -> float:
    """Seconds since the oldest open Sev1 that no engineer has in work was submitted or reopened; 0 without one."""
    waiting = [_opened(life) for life in view.open if life.stand.severity == "sev1" and life.stand.state in UNACKNOWLEDGED]
    return (view.at - min(waiting)) / SECOND if waiting else 0.0


def _opened(life: Life) -> int:
    """Since when it is open without a break."""
    since = life.last
    for step in life.back():
        if not step.stand.open:
            break
        since = step.when
    return since
