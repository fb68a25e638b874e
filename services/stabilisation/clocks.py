"""The clocks of a ticket: a pure function of its steps, the policy in force when they started, and the calendars of its site.

Instants and durations in whole microseconds. docs/clocks.md holds the rules; each of them is a test.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from schemas.clocks import CLOCKS, PAUSES, CalendarText, Clock, Policy, Targets
from services.calendars import ALWAYS, EPOCH, Calendar, Week, calendar
from services.policies import NOTHING_TOLD, Place, Terms
from services.stabilisation.chronicle import Stand, Track, micros

SECOND = 1_000_000
OLDEST_CLAIM = 30 * 86_400 * SECOND
"""A problem counts from its occurrence, but for no longer than this before it was reported: a mistyped year starts no clock."""
MOST_REMEMBERED = 50_000
Reasons = Mapping[int, str]
"""Why a ticket was put on hold, by the instant at which it was."""
MARKS: dict[Clock, str] = {"acknowledgement": "engaged_at", "response": "answered_at", "workaround": "worked_around_at"}


class Run(NamedTuple):
    """From `begin` on the ticket has this severity, the first one always."""

    begin: int
    severity: str


class Off(NamedTuple):
    """A span that no clock counts; `end` None: until further notice. `pause`: it waits, otherwise nobody has it to do."""

    begin: int
    end: int | None
    pause: bool


class Story(NamedTuple):
    """What the clocks of a ticket look at. `ended`: since when it is not open any more."""

    started: int
    runs: tuple[Run, ...]
    offs: tuple[Off, ...]
    stand: Stand
    ended: int | None


class Breach(NamedTuple):
    """The target of this severity was due then, and missed."""

    severity: str
    due: int


class Timing(NamedTuple):
    """A clock, whatever the instant. `severity` and `target`: those that hold, or held when it stopped. `breach`: what was missed for good,
    whatever follows. A `running` clock may miss its target yet: `marks` are when each share that people are warned at, and all of it, is
    used up.
    """

    severity: str | None
    target: int | None
    stopped: int | None
    breach: Breach | None
    running: bool
    marks: tuple[int | None, ...]

    @property
    def due(self) -> int | None:
        return self.marks[-1] if self.marks else None

    def breach_at(self, at: int) -> Breach | None:
        """The gravest target that was missed by then; late is what comes after the instant at which it was due."""
        due = self.due
        if due is None or due >= at or self.severity is None:
            return self.breach
        return min(self.breach or Breach(self.severity, due), Breach(self.severity, due), key=_severity)

    def warned(self, at: int) -> bool:
        """It runs in time, but past the last warning."""
        return len(self.marks) > 1 and _before(self.marks[-2], at) and not _before(self.marks[-1], at)


def _before(mark: int | None, at: int) -> bool:
    return mark is not None and mark < at


def _severity(breach: Breach) -> str:
    return breach.severity


NO_SEVERITY = Timing(None, None, None, None, False, ())


@dataclass
class Clockwork:
    """The clocks of a site. What was worked out for a ticket is remembered until it takes another step."""

    terms: Terms = NOTHING_TOLD
    _found: dict[tuple[str, int], tuple[Timing, ...]] = field(default_factory=dict)

    def timings(self, track: Track, number: int) -> tuple[Timing, ...]:
        """In the order of `CLOCKS`, after the first `number` steps."""
        key = (track.ticket, number)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            found = self._found[key] = timings(track, number, self.terms)
        return found


@dataclass(frozen=True)
class Rules:
    """A policy, with its calendars by name."""

    policy: Policy
    calendars: Mapping[str, Calendar]

    def targets(self, severity: str | None) -> Targets | None:
        return self.policy.text.severities.get(severity)  # type: ignore[call-overload, no-any-return]

    def target(self, clock: Clock, severity: str | None) -> int | None:
        targets = self.targets(severity)
        seconds: float | None = getattr(targets, clock) if targets else None
        return round(seconds * SECOND) if seconds else None

    def calendar(self, severity: str | None) -> Calendar:
        targets = self.targets(severity)
        return self.calendars[targets.calendar] if targets else ALWAYS

    def pause(self, severity: str | None) -> int:
        """How long the clocks of a ticket may stand still in all; those of a Sev1 do not, nor those of a ticket without a severity."""
        targets = self.targets(severity)
        return round(targets.pause * SECOND) if targets else 0


@dataclass(frozen=True)
class Told:
    """A ticket after its first `number` steps, at an instant in microseconds."""

    track: Track
    number: int
    terms: Terms
    at: int
    reasons: Reasons = field(default_factory=dict)


def timings(track: Track, number: int, terms: Terms) -> tuple[Timing, ...]:
    """Pure: the same steps and terms give the same."""
    rules = ruled(started(track), terms)
    story = story_of(track, number, rules)
    return tuple(timing(clock, story, rules) for clock in CLOCKS)


def started(track: Track) -> int:
    """When the problem occurred, as was reported: never later than the report."""
    return max(min(track.occurred, track.born), track.born - OLDEST_CLAIM)


def ruled(start: int, terms: Terms) -> Rules:
    """For clocks that start then."""
    begun = EPOCH + timedelta(microseconds=start)
    policy, place = terms.policy(begun), terms.place(begun)
    return Rules(policy, {name: calendar(week(text, place, terms)) for name, text in policy.text.calendars.items()})


def week(text: CalendarText, place: Place, terms: Terms) -> Week:
    rests = [(micros(each.begin), micros(each.end)) for each in text.shutdowns]
    rests += [(micros(each.begin), micros(each.end)) for each in terms.rests] if text.rests else []
    hours = place.shifts if text.shifts else text.hours
    return Week(text.time_zone or place.zone, hours, text.holidays, tuple(rests))


def story_of(track: Track, number: int, rules: Rules) -> Story:
    ended = None
    for place in range(number - 1, -1, -1):
        if track.stands[place].open:
            break
        ended = track.whens[place]
    return Story(started(track), tuple(_runs(track, number)), tuple(_offs(track, number, rules)), track.stands[number - 1], ended)


def _runs(track: Track, number: int) -> Iterator[Run]:
    """A ticket's first severity counts from the start: until somebody grades it, nothing else is promised."""
    last: str | None = None
    for place in range(number):
        severity = track.stands[place].severity
        if severity is not None and severity != last:
            yield Run(track.whens[place], severity)
            last = severity


def _offs(track: Track, number: int, rules: Rules) -> Iterator[Off]:
    used = 0
    for place in range(number):
        stand, begin = track.stands[place], track.whens[place]
        end = track.whens[place + 1] if place + 1 < number else None
        if not stand.open:
            yield Off(begin, end, False)
            continue
        waits = stand.state == "waiting" and track.waits_for(place) in PAUSES
        until = _paused_until(begin, end, rules.pause(stand.severity) - used) if waits else begin
        if until > begin:
            used += until - begin
            yield Off(begin, until, True)


def _paused_until(begin: int, end: int | None, left: int) -> int:
    """A pause without an end is taken to last as long as it may."""
    return begin + left if end is None else min(end, begin + left)


def timing(clock: Clock, story: Story, rules: Rules) -> Timing:
    if not story.runs:
        return NO_SEVERITY
    stopped = stopped_at(clock, story)
    end = stopped if stopped is not None else story.ended
    runs = runs_until(story, end)
    dues = {severity: mark(1.0, clock, severity, story, rules) for severity in dict.fromkeys(run.severity for run in runs)}
    breach = min(_breaches(runs, end, dues), key=_severity, default=None)
    severity, running = runs[-1].severity, end is None
    shares = (*rules.policy.text.warnings, 1.0) if running else ()
    marks = tuple(mark(share, clock, severity, story, rules) for share in shares)
    return Timing(severity, rules.target(clock, severity), stopped, breach, running, marks)


def runs_until(story: Story, end: int | None) -> tuple[Run, ...]:
    """What a ticket is called after its clock stopped does not move that clock."""
    return story.runs if end is None else story.runs[: max(bisect_right(story.runs, end, key=_begin), 1)]


def _begin(run: Run) -> int:
    return run.begin


def stopped_at(clock: Clock, story: Story) -> int | None:
    """By what it asks for, or by the resolution, which ends every clock that still runs."""
    told: int | None = getattr(story.stand, MARKS[clock]) if clock in MARKS else None
    if story.ended is None or (told is not None and told <= story.ended):
        return told
    return story.stand.resolved_at


def mark(share: float, clock: Clock, severity: str, story: Story, rules: Rules) -> int | None:
    """When so much of the target of this severity is used up, from the original start; None without a target, or if that never comes."""
    wanted = rules.target(clock, severity)
    return None if wanted is None else reach(rules.calendar(severity), story.started, story.offs, max(round(share * wanted), 1))


def reach(hours: Calendar, begin: int, offs: Sequence[Off], amount: int) -> int | None:
    """The first instant by which so much was counted, leaving out the spans off; None if that never comes."""
    for off in offs:
        if off.begin > begin:
            found = hours.reach(begin, amount)
            if found is not None and found <= off.begin:
                return found
            amount -= hours.worked(begin, off.begin)
        if off.end is None:
            return None
        begin = max(begin, off.end)
    return hours.reach(begin, amount)


def _breaches(runs: Sequence[Run], end: int | None, dues: Mapping[str, int | None]) -> Iterator[Breach]:
    """Of every severity that it had: due strictly before it was lowered or raised, or the clock stopped."""
    for place, run in enumerate(runs):
        until = runs[place + 1].begin if place + 1 < len(runs) else end
        missed = dues[run.severity]
        if until is not None and missed is not None and missed < until:
            yield Breach(run.severity, missed)
