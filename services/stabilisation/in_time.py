"""Who was in time: from the submission to the acknowledgement, the workaround and the resolution, held against targets."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from schemas.figures import UNDECIDED
from schemas.golive_figures import InTime
from schemas.golives import Targets
from schemas.words import SEVERITIES, Severity
from services.stabilisation.chronicle import Stand
from services.stabilisation.view import SECOND, Life, View

CLOCKS = ("acknowledgement", "workaround", "resolution")
DUE_SOON = 0.8


def in_time(view: View, lives: Iterable[Life]) -> list[InTime]:
    """A clock runs from the submission; a breach is strictly over the target. Tickets that ended without are not counted."""
    of_grade: dict[str, list[Life]] = defaultdict(list)
    for life in lives:
        of_grade[life.stand.severity or UNDECIDED].append(life)
    targets = view.golive.criteria.targets
    return [
        _clock(view, clock, severity, of_grade[severity])
        for severity in SEVERITIES
        if severity in targets
        for clock in CLOCKS
        if getattr(targets[severity], clock) is not None
    ]


def _clock(view: View, clock: str, severity: Severity, lives: Sequence[Life]) -> InTime:
    target = limit(view.golive.criteria.targets[severity], clock)
    ends = [(clock_end(life.stand, clock), life) for life in lives]
    ended = [end - life.track.born for end, life in ends if end is not None]
    running = [view.at - life.track.born for end, life in ends if end is None and life.stand.open]
    late_open = sum(taken > target for taken in running)
    return InTime(
        clock=clock,
        severity=severity,
        target=target / SECOND,
        met=sum(taken <= target for taken in ended),
        late=sum(taken > target for taken in ended) + late_open,
        late_open=late_open,
        pending=len(running) - late_open,
        due_soon=sum(DUE_SOON * target < taken <= target for taken in running),
    )


def limit(targets: Targets, clock: str) -> int:
    """In microseconds."""
    seconds: float = getattr(targets, clock)
    return round(seconds * SECOND)


def clock_end(stand: Stand, clock: str) -> int | None:
    """A resolution ends every clock that still runs."""
    ends = {"acknowledgement": stand.acknowledged_at, "workaround": stand.worked_around_at}
    first = ends.get(clock)
    return first if first is not None else stand.resolved_at
