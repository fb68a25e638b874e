"""A site's own days: where they begin in UTC, which of them nobody works on, and when a shift runs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.golives import RESTS, WEEKDAYS, GoLive, GoLiveText, Shift

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
WEEK = 8 * DAY
"""A shift of every week begins within it."""


def zone_of(text: GoLiveText) -> ZoneInfo:
    return ZoneInfo(text.time_zone)


def local_date(text: GoLiveText, instant: datetime) -> date:
    return instant.astimezone(zone_of(text)).date()


def instant_of(text: GoLiveText, day: date, at: time = time(0)) -> datetime:
    """That wall-clock time of the day, in UTC. Where clocks go back it is the first of both, where they go forward the hour is skipped."""
    return datetime.combine(day, at, zone_of(text)).astimezone(UTC)


def first_day(text: GoLiveText) -> date:
    """Day 0."""
    return local_date(text, text.starts_at)


def days_until(text: GoLiveText, at: datetime) -> list[date]:
    """Every site day from day 0 to the one that holds `at`; none before the go-live."""
    begin, end = first_day(text), local_date(text, at)
    return [begin + place * DAY for place in range((end - begin).days + 1)]


def standups(text: GoLiveText, at: datetime) -> Iterator[tuple[date, datetime]]:
    """The daily instants of the snapshot that have come, after the go-live and up to `at`."""
    for day in days_until(text, at):
        instant = instant_of(text, day, text.standup)
        if text.starts_at < instant <= at:
            yield day, instant


def rests(golive: GoLive, day: date) -> bool:
    """Nobody works: a holiday or shutdown holds the noon of that day."""
    noon = instant_of(golive.text, day, time(12))
    return any(each.kind in RESTS and each.at <= noon < (each.until or each.at + DAY) for each in golive.scope_events)


def runs(text: GoLiveText, at: datetime) -> bool:
    """A shift runs; without shifts always."""
    if not text.shifts:
        return True
    return any(begin <= at < end for begin, end in _shifts(text, local_date(text, at) - DAY, local_date(text, at)))


def running_between(text: GoLiveText, begin: datetime, end: datetime) -> timedelta:
    """How much of a span lies in shifts."""
    if not text.shifts:
        return max(end - begin, timedelta(0))
    spans = _shifts(text, local_date(text, begin) - DAY, local_date(text, end))
    shares = sorted((max(first, begin), min(last, end)) for first, last in spans if first < end and last > begin)
    total, reached = timedelta(0), begin
    for first, last in shares:
        total += max(last - max(first, reached), timedelta(0))
        reached = max(reached, last)
    return total


class Shifts(NamedTuple):
    """A shift, and the one after it."""

    begin: datetime
    end: datetime
    next_begin: datetime
    next_end: datetime

    @property
    def relieved_at(self) -> datetime:
        """When it hands over: at its end, or when the next one comes in before."""
        return min(self.end, self.next_begin)


def shifts_around(text: GoLiveText, at: datetime) -> Shifts:
    """The shift that began last by then. A go-live without shifts hands over at every stand-up."""
    first, last = local_date(text, at) - WEEK, local_date(text, at) + WEEK
    spans = sorted(
        span for span in (_shifts(text, first, last) if text.shifts else _between_standups(text, first, last)) if span[0] < span[1]
    )
    begin, end = [span for span in spans if span[0] <= at][-1]
    after = [span for span in spans if span[0] > begin]
    return Shifts(begin, end, *(after[0] if after else (end, end + DAY)))


def last_relieved(text: GoLiveText, at: datetime) -> Shifts:
    """The shift that handed over last by then."""
    shifts = shifts_around(text, at)
    while shifts.relieved_at > at:
        shifts = shifts_around(text, shifts.begin - INSTANT)
    return shifts


def _between_standups(text: GoLiveText, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    for place in range((last - first).days + 1):
        day = first + place * DAY
        yield instant_of(text, day, text.standup), instant_of(text, day + DAY, text.standup)


def _shifts(text: GoLiveText, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    for place in range((last - first).days + 1):
        day = first + place * DAY
        yield from (_span(text, day, shift) for shift in text.shifts if WEEKDAYS[day.weekday()] in shift.days)


def _span(text: GoLiveText, day: date, shift: Shift) -> tuple[datetime, datetime]:
    ends = day if shift.end > shift.begin else day + DAY
    return instant_of(text, day, shift.begin), instant_of(text, ends, shift.end)
