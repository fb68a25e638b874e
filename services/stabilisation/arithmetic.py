"""The arithmetic of a clock for people: its time piece by piece, what of each piece counts and why, and what follows."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import cast
from zoneinfo import ZoneInfo

from schemas.clocks import CLOCKS, PAUSES, Clock, ClockPhase, ClockState, Span, Warned
from schemas.words import Severity
from services.calendars import EPOCH
from services.policies import Terms
from services.stabilisation.chronicle import Stand, Track, micros
from services.stabilisation.clocks import SECOND, Breach, Rules, Story, Timing, mark, ruled, runs_until, started, story_of, timing

MEANWHILE = {
    "submitted": "nobody had decided whose it is",
    "triage": "it waited in the triage queue",
    "routed": "its team had not acknowledged it",
    "acknowledged": "it was in work",
}
Reasons = Mapping[int, str]
"""Why a ticket was put on hold, by the instant at which it was."""


@dataclass(frozen=True)
class Told:
    """A ticket after its first `number` steps, at an instant in microseconds."""

    track: Track
    number: int
    terms: Terms
    at: int
    reasons: Reasons = field(default_factory=dict)


def clock_states(told: Told) -> tuple[ClockState, ...]:
    """Every clock of the ticket as it stands then, with its arithmetic."""
    rules = ruled(started(told.track), told.terms)
    story = story_of(told.track, told.number, rules)
    return tuple(Account(told, rules, story, clock).state() for clock in CLOCKS)


def instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


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
        return state.model_copy(update={"lines": tuple(self._lines(state))})

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
            yield Span(begin=instant(begin), end=instant(until), counted=counted / SECOND, why=why)

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
            return f"paused, it waits for the {whom}{reason}"
        if whom not in PAUSES:
            return f"waiting for the {whom} does not pause a clock"
        if not self.rules.pause(stand.severity):
            return f"the clocks of a {stand.severity or 'ticket without severity'} do not pause"
        return "no more pause is left"

    def _lines(self, state: ClockState) -> Iterator[str]:
        written = Written(ZoneInfo(self.told.terms.place(state.started).zone))
        yield f"starts {written.at(state.started)}, when the problem occurred as was reported"
        yield from self._grades(state, written)
        if state.severity is not None and state.target is None:
            yield f"a {state.severity} has no target for this clock"
        if state.target is not None:
            yield f"target {lasting(state.target)} of the calendar {state.calendar}, by policy {state.policy}"
            yield from (f"{written.at(each.begin)} to {written.at(each.end)}: {counted_of(each)}, {each.why}" for each in state.spans)
            yield f"counted {lasting(state.elapsed or 0)} of {lasting(state.target)}, paused {lasting(state.paused)}"
            yield from (f"{each.share:.0%} used up {written.at(each.at)}" for each in state.warnings if _before_its_end(each.at, state))
            if state.due_at is not None:
                yield f"due {written.at(state.due_at)}"
        yield from _outcome(state, written)

    def _grades(self, state: ClockState, written: "Written") -> Iterator[str]:
        if not self.story.runs:
            yield "nobody has graded the ticket: no target yet"
        end = micros(state.stopped_at) if state.stopped_at else self.story.ended
        for before, run in pairwise(runs_until(self.story, end)):
            word = "raised" if run.severity < before.severity else "lowered"
            graded = f"{word} from {before.severity} to {run.severity}"
            yield f"{graded} {written.at(instant(run.begin))}: the target is taken anew from the start"


@dataclass(frozen=True)
class Written:
    """Instants by the clock on the wall of the site."""

    zone: ZoneInfo

    def at(self, told: datetime) -> str:
        return f"{told.astimezone(self.zone):%a %Y-%m-%d %H:%M:%S %Z}"


def _before_its_end(at: datetime, state: ClockState) -> bool:
    return state.stopped_at is None or at <= state.stopped_at


def _outcome(state: ClockState, written: Written) -> Iterable[str]:
    if state.breached_at is not None:
        yield f"missed as a {state.breached_as}: it was due {written.at(state.breached_at)}"
    if state.stopped_at is not None:
        yield f"stopped {written.at(state.stopped_at)}"
    yield {
        "late": "LATE" if state.stopped_at is None else "was LATE",
        "met": "in time",
        "running": "still running, in time",
        "paused": "paused, in time",
        "ended": "ended without: not counted",
        "no_target": "not counted",
        "no_severity": "not counted",
    }[state.phase]


def counted_of(span: Span) -> str:
    whole = (span.end - span.begin).total_seconds()
    return f"all {lasting(whole)} count" if span.counted == whole else f"{lasting(span.counted)} of {lasting(whole)} count"


def lasting(seconds: float) -> str:
    """As exact as it is: hours, minutes, seconds and, where there are any, microseconds."""
    whole = round(seconds * SECOND)
    minutes, rest = divmod(whole, 60 * SECOND)
    return f"{minutes // 60}:{minutes % 60:02}:" + (f"{rest // SECOND:02}" if rest % SECOND == 0 else f"{rest / SECOND:09.6f}")
