"""Who was in time: the clocks of many tickets, counted by clock and severity."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.clocks import CLOCKS, Clock
from schemas.golive_figures import InTime
from schemas.words import SEVERITIES
from services.stabilisation.clocks import SECOND, Timing, ruled
from services.stabilisation.view import Life, View


@dataclass(slots=True)
class Tally:
    met: int = 0
    late: int = 0
    late_open: int = 0
    pending: int = 0
    due_soon: int = 0

    def add(self, timing: Timing, late: bool, at: int) -> None:
        if late:
            self.late += 1
            self.late_open += timing.running
        elif timing.running:
            self.pending += 1
            self.due_soon += timing.warned(at)
        else:
            self.met += timing.stopped is not None


def in_time(view: View, lives: Iterable[Life]) -> list[InTime]:
    """A missed target counts for the gravest severity that missed it, everything else for the one that holds, or held when the clock
    stopped. Each clock of a ticket counts once. What is cancelled or backlogged counts where it was late by then.
    """
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for life in lives:
        for clock, timing in zip(CLOCKS, view.clockwork.timings(life.track, life.number), strict=True):
            breach = timing.breach_at(view.at)
            severity = breach.severity if breach else timing.severity if timing.target is not None else None
            if severity is not None:
                tallies[severity, clock].add(timing, breach is not None, view.at)
    return _told(view, tallies)


def _told(view: View, tallies: dict[tuple[str, str], Tally]) -> list[InTime]:
    """With every target of the policy that holds now, and what else there is."""
    rules = ruled(view.at, view.clockwork.terms)
    every = ((severity, clock, rules.target(clock, severity)) for severity in SEVERITIES for clock in CLOCKS)
    return [
        _row(clock, severity, wanted, tallies.get((severity, clock)))
        for severity, clock, wanted in every
        if wanted is not None or (severity, clock) in tallies
    ]


def _row(clock: Clock, severity: str, wanted: int | None, tally: Tally | None) -> InTime:
    found = tally or Tally()
    return InTime(
        clock=clock,
        severity=severity,
        target=None if wanted is None else wanted / SECOND,
        met=found.met,
        late=found.late,
        late_open=found.late_open,
        pending=found.pending,
        due_soon=found.due_soon,
    )


def late_clocks(view: View, life: Life) -> tuple[Clock, ...]:
    """Those that still run, and have missed their target."""
    found = zip(CLOCKS, view.clockwork.timings(life.track, life.number), strict=True)
    return tuple(clock for clock, timing in found if timing.running and timing.breach_at(view.at) is not None)
