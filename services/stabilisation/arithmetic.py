"""The clocks of a ticket as they stand at an instant: the time of each piece by piece, and what of it counts why."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from schemas.clocks import CLOCKS, PAUSES, Clock, ClockPhase, ClockState, Span, Warned
from schemas.words import Severity
from services.stabilisation.chronicle import Stand, instant
from services.stabilisation.clocks import SECOND, Breach, Rules, Story, Timing, Told, mark, ruled, started, story_of, timing
from services.stabilisation.statement import Statement
from services.times import EVERY_UNIT, lasting

MEANWHILE = {
    "submitted": "nobody had decided whose it is",
    "triage": "it waited in the triage queue",
    "routed": "its team had not acknowledged it",
    "acknowledged": "it was in work",
}


def clock_states(told: Told) -> tuple[ClockState, ...]:
    """Every clock of the ticket as it stands then, with its arithmetic."""
    rules = ruled(started(told.track), told.terms)
    story = story_of(told.track, told.number, rules)
    return tuple(Account(told, rules, story, clock).state() for clock in CLOCKS)


@dataclass(frozen=True)
class Account:
    """One clock of a ticket."""

    told: Told
    rules: Rules
    story: Story
    clock: Clock

    def state(self) -> ClockState:
        timing_ = timing(self.clock, self.story, self.rules)
        breach, spans = timing_.breach_at(self.told.at), tuple(self._spans(timing_))
        targets, dues = self.rules.targets(timing_.severity), self._due(timing_)
        state = ClockState(
            clock=self.clock,
            phase=self._phase(timing_, breach),
            severity=cast(Severity | None, timing_.severity),
            policy=self.rules.policy.version,
            calendar=targets.calendar if targets else None,
            started=instant(self.story.started),
            target=None if timing_.target is None else timing_.target / SECOND,
            due_at=None if dues is None else instant(dues),
            elapsed=None if timing_.target is None else sum(span.counted for span in spans),
            paused=self._paused(timing_),
            warnings=tuple(self._warnings(timing_)),
            breached_at=instant(breach.due) if breach else None,
            breached_as=cast(Severity, breach.severity) if breach else None,
            stopped_at=None if timing_.stopped is None else instant(timing_.stopped),
            spans=spans,
        )
        return state.model_copy(update={"lines": tuple(Statement(self.told, self.rules, self.story, state).lines())})

    def _phase(self, found: Timing, breach: Breach | None) -> ClockPhase:
        if breach is not None:
            return "late"
        if found.severity is None:
            return "no_severity"
        if found.target is None:
            return "no_target"
        if found.running:
            return "paused" if any(off.begin <= self.told.at < (off.end or self.told.at + 1) for off in self.story.offs) else "running"
        return "met" if found.stopped is not None else "ended"

    def _due(self, found: Timing) -> int | None:
        return mark(1.0, self.clock, found.severity, self.story, self.rules) if found.severity else None

    def _warnings(self, found: Timing) -> Iterator[Warned]:
        if found.target is not None and found.severity is not None:
            for share in self.rules.policy.text.warnings:
                reached = mark(share, self.clock, found.severity, self.story, self.rules)
                if reached is not None:
                    yield Warned(share=share, at=instant(reached))

    def _end(self, found: Timing) -> int:
        return min(each for each in (found.stopped, self.story.ended, self.told.at) if each is not None)

    def _paused(self, found: Timing) -> float:
        end = self._end(found)
        offs = ((off.begin, min(off.end or end, end)) for off in self.story.offs if off.pause)
        return sum(max(until - begin, 0) for begin, until in offs) / SECOND

    def _spans(self, found: Timing) -> Iterator[Span]:
        """From edge to edge of what happened, up to the instant or to where the clock stopped."""
        start, end = self.story.started, self._end(found)
        offs = (edge for off in self.story.offs for edge in off[:2] if edge is not None)
        edges = (edge for edge in (*self.told.track.whens[: self.told.number], *offs) if start < edge < end)
        for begin, until in pairwise(sorted({start, *edges, max(start, end)})):
            off = any(each.begin <= begin < (until if each.end is None else each.end) for each in self.story.offs)
            counted = 0 if off else self.rules.calendar(found.severity).worked(begin, until)
            why = self._why(begin, off)
            yield Span(begin=instant(begin), end=instant(until), counted=counted / SECOND, why=why, off=off)

    def _why(self, begin: int, off: bool) -> str:
        place = bisect_right(self.told.track.whens, begin, hi=self.told.number) - 1
        if place < 0:
            return "it had occurred, as was reported later"
        stand = self.told.track.stands[place]
        if stand.state == "waiting":
            return self._held(stand, off, place)
        return MEANWHILE.get(stand.state, f"it was {stand.state}")

    def _held(self, stand: Stand, off: bool, place: int) -> str:
        whom, since = self.told.track.waits_for(place), self.told.track.whens[place]
        reason = f": {self.told.reasons[since]}" if since in self.told.reasons else ""
        if off:
            most = lasting(self.rules.pause(stand.severity) // SECOND, EVERY_UNIT)
            return f"paused, it waits for the {whom}{reason} ({most} at most for a {stand.severity})"
        if whom not in PAUSES:
            return f"waiting for the {whom} does not pause a clock"
        if not self.rules.pause(stand.severity):
            return f"the clocks of a {stand.severity or 'ticket without severity'} do not pause"
        return "no more pause is left"
