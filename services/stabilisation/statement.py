"""The arithmetic of a clock in lines: what was promised, what of the time counts piece by piece, and what follows.

Seconds are cut off sums, and a piece is what its sum grew by: so the pieces add up, and no sum that is shown exceeds the exact one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from schemas.clocks import ClockState, Span
from services.calendars import ALWAYS
from services.policies import Place
from services.stabilisation.chronicle import instant, micros
from services.stabilisation.clocks import SECOND, Rules, Story, Told, mark, runs_until
from services.stabilisation.timetable import hours_told, rests_told, windows_told
from services.times import EVERY_UNIT, lasting, moment

whole = partial(lasting, units=EVERY_UNIT)


@dataclass(frozen=True)
class Statement:
    """Of one clock of a ticket, by the clock on the wall of its site."""

    told: Told
    rules: Rules
    story: Story
    state: ClockState

    def lines(self) -> Iterator[str]:
        yield f"starts {self._at(self.state.started)}: {self._why_then()}"
        if not self.story.runs:
            yield "nobody has graded the ticket: no target yet"
        yield from self._grades()
        if self.state.severity is not None and self.state.target is None:
            yield f"a {self.state.severity} has no target for this clock"
        if self.state.target is not None:
            yield from (*self._promise(), *self._pieces(), *self._marks())
        yield from self._outcome()

    @cached_property
    def _place(self) -> Place:
        return self.told.terms.place(self.state.started)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._place.zone)

    @cached_property
    def _sums(self) -> list[int]:
        """Whole seconds that were counted by the end of each span."""
        return [total // SECOND for total in accumulate((round(span.counted * SECOND) for span in self.state.spans), initial=0)]

    def _at(self, when: datetime) -> str:
        return moment(when, self._zone)

    def _counted(self, seconds: float, severity: str | None = None) -> str:
        """In hours at most, unless the calendar is day and night: its days are shorter than 24 hours."""
        return whole(seconds, days=self.rules.calendar(severity or self.state.severity) is ALWAYS)

    def _why_then(self) -> str:
        if self.story.started == self.told.track.born:
            return "it was reported then"
        if self.told.track.occurred < self.story.started:
            return "30 days before the report, the most that counts"
        return "the problem occurred then, as was reported"

    def _grades(self) -> Iterator[str]:
        end = micros(self.state.stopped_at) if self.state.stopped_at else self.story.ended
        for before, run in pairwise(runs_until(self.story, end)):
            word = "raised" if run.severity < before.severity else "lowered"
            graded = f"{word} from {before.severity} to {run.severity}"
            yield f"{graded} {self._at(instant(run.begin))}: the target is taken anew from the start{self._before(before.severity)}"

    def _before(self, severity: str) -> str:
        target = self.rules.target(self.state.clock, severity)
        if target is None:
            return ""
        due = mark(1.0, self.state.clock, severity, self.story, self.rules)
        until = "" if due is None else f", due {self._at(instant(due))}"
        return f"; as a {severity} it was {self._counted(target / SECOND, severity)}{until}"

    def _promise(self) -> Iterator[str]:
        policy, name = self.rules.policy, self.state.calendar or ""
        by = f"policy {policy.version}" if policy.version else "the shipped policy (0)"
        calendar = policy.text.calendars[name]
        yield f"target {self._counted(self.state.target or 0)} for a {self.state.severity} by {by}"
        yield f"calendar {name}: {hours_told(calendar, self._place)}"
        begin, ends = self.state.started, [*(span.end for span in self.state.spans), *filter(None, [self.state.due_at])]
        yield from (
            f"nobody works {told}" for told in rests_told(calendar, self.told.terms, self._place, (begin, max(ends, default=begin)))
        )

    def _pieces(self) -> Iterator[str]:
        for span, (before, total) in zip(self.state.spans, pairwise(self._sums), strict=True):
            added = f"+ {self._counted(total - before)} = {self._counted(total)}"
            yield f"from {self._at(span.begin)} {added}: {span.why}{self._left_out(span)}{self._changed(span)}"
        if self.state.spans:
            last, why = self.state.spans[-1].end, "the clock stopped" if self.state.stopped_at else "it was no longer open"
            yield f"until {self._at(last)}: {'as known then' if micros(last) == self.told.at else why}"

    def _left_out(self, span: Span) -> str:
        length = whole((span.end - span.begin).total_seconds())
        if span.off:
            return f"; {length} not counted"
        calendar = self.rules.calendar(self.state.severity)
        if round(span.counted * SECOND) == micros(span.end) - micros(span.begin):
            return ""
        windows = ((instant(begin), instant(end)) for begin, end in calendar.spans(micros(span.begin), micros(span.end)))
        return f"; of these {length} count: {windows_told(windows, self._zone) or 'none, the calendar is closed'}"

    def _changed(self, span: Span) -> str:
        begin, end = (edge.astimezone(self._zone).utcoffset() or timedelta(0) for edge in (span.begin, span.end))
        way = "forward" if end > begin else "back"
        return f"; meanwhile the clock was put {way} by {whole(abs(end - begin).total_seconds())}" if begin != end else ""

    def _marks(self) -> Iterator[str]:
        elapsed, target = self._counted(self._sums[-1]), self._counted(self.state.target or 0)
        yield f"counted {elapsed} of {target}, paused {whole(self.state.paused)}"
        end = self.state.stopped_at
        yield from (f"{each.share * 100:g} % used up {self._at(each.at)}" for each in self.state.warnings if end is None or each.at <= end)
        if self.state.due_at is not None:
            yield f"due {self._at(self.state.due_at)}"

    def _outcome(self) -> Iterator[str]:
        if self.state.stopped_at is not None:
            yield f"stopped {self._at(self.state.stopped_at)}"
        yield {
            "late": self._late(),
            "met": f"in time, with {self._rest()} left",
            "running": f"in time and still running, with {self._rest()} left",
            "paused": f"in time and paused, with {self._rest()} left",
            "ended": "ended without: not counted",
            "no_target": "not counted",
            "no_severity": "not counted",
        }[self.state.phase]

    def _rest(self) -> str:
        return self._counted(int(self.state.target or 0) - self._sums[-1])

    def _late(self) -> str:
        if self.state.breached_at is None:
            return ""
        late = "LATE" if self.state.stopped_at is None else "was LATE"
        if self.state.breached_as != self.state.severity:
            return f"{late} as a {self.state.breached_as}: as such it was due {self._at(self.state.breached_at)}"
        over = self._sums[-1] - int(self.state.target or 0)
        return f"{late} by {self._counted(over) if over else 'less than a second'}"
