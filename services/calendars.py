"""When time counts: the working time between two instants, and when so much of it will have passed. Whole microseconds since 1970.

An hour that a change of the clocks skips does not count, one that it repeats counts twice: spans are of real time, begun and ended at wall
clock times.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import holidays

from schemas.golives import WEEKDAYS, Shift

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
DAY_MICROS = 86_400_000_000
STRETCH = 400 * DAY_MICROS
"""Tables grow by so much at a time."""
NEVER = 4_000 * DAY_MICROS
"""What is not reached within ten years and more is not reached."""
Spans = tuple[tuple[int, int], ...]


class Calendar(Protocol):
    def worked(self, begin: int, end: int) -> int:
        """Working time of a span; `begin` is not later than `end`."""
        ...

    def reach(self, begin: int, amount: int) -> int | None:
        """The first instant by which so much, more than 0, was worked since `begin`; None if that never comes."""
        ...

    def spans(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """What of a span is worked, in order."""
        ...


class Always:
    """Day and night."""

    def worked(self, begin: int, end: int) -> int:
        return end - begin

    def reach(self, begin: int, amount: int) -> int | None:
        return begin + amount

    def spans(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        yield begin, end


class Week(NamedTuple):
    """What repeats, and what does not. Without `hours` the whole day; `rests` are spans in which nobody works."""

    zone: str
    hours: tuple[Shift, ...] = ()
    holidays: str | None = None
    rests: Spans = ()


class Table(NamedTuple):
    """Working spans between two instants: where each begins and ends, and how much was worked before it and by its end."""

    low: int
    high: int
    begins: Sequence[int]
    ends: Sequence[int]
    before: Sequence[int]
    by: Sequence[int]

    def until(self, instant: int) -> int:
        place = bisect_right(self.begins, instant) - 1
        return self.before[place] + min(instant, self.ends[place]) - self.begins[place] if place >= 0 else 0


class Hours:
    """Working time by hours of the week, less holidays and rests."""

    def __init__(self, week: Week) -> None:
        self.week = week
        self._table = Table(0, 0, (), (), (), ())

    def worked(self, begin: int, end: int) -> int:
        table = self._covering(begin, end)
        return table.until(end) - table.until(begin)

    def reach(self, begin: int, amount: int) -> int | None:
        high = begin + amount
        while high <= begin + amount + NEVER:
            table = self._covering(begin, high)
            wanted = table.until(begin) + amount
            place = bisect_left(table.by, wanted)
            if place < len(table.by):
                return table.begins[place] + wanted - table.before[place]
            high = table.high + DAY_MICROS
        return None

    def spans(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        table = self._covering(begin, end)
        for place in range(bisect_right(table.ends, begin), bisect_left(table.begins, end)):
            yield max(begin, table.begins[place]), min(end, table.ends[place])

    def _covering(self, low: int, high: int) -> Table:
        """Made whole each time, and put in place in one go: a reader keeps the one that it has."""
        table = self._table
        if not table.low <= low <= high <= table.high:
            fresh = table.low == table.high
            low = low - STRETCH if fresh or low < table.low else table.low
            high = high + STRETCH if fresh or high > table.high else table.high
            table = self._table = tabled(low, high, self.week)
        return table


def tabled(low: int, high: int, week: Week) -> Table:
    first, last = (_day_of(instant, week.zone) for instant in (low, high))
    spans = list(_without(_merged(sorted(_spans(first - DAY, last, week))), week.rests))
    by: list[int] = []
    for begin, end in spans:
        by.append(end - begin + (by[-1] if by else 0))
    begins, ends = [begin for begin, _ in spans], [end for _, end in spans]
    return Table(low, high, begins, ends, [0, *by[:-1]], by)


def _day_of(instant: int, zone: str) -> date:
    return (EPOCH + instant * MICROSECOND).astimezone(ZoneInfo(zone)).date()


def _spans(first: date, last: date, week: Week) -> Iterator[tuple[int, int]]:
    """Of every day whose hours begin on it and that is no holiday. A shift that a change of the clocks swallows is left out."""
    zone, free = ZoneInfo(week.zone), named_holidays(week.holidays, first, last)
    for place in range((last - first).days + 1):
        day = first + place * DAY
        for begin, end in () if day in free else _of_day(day, week.hours, zone):
            if begin < end:
                yield begin, end


def _of_day(day: date, hours: Iterable[Shift], zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    if not hours:
        yield _at(day, time(0), zone), _at(day + DAY, time(0), zone)
    for shift in hours:
        if WEEKDAYS[day.weekday()] in shift.days:
            yield _at(day, shift.begin, zone), _at(day if shift.end > shift.begin else day + DAY, shift.end, zone)


def _at(day: date, at: time, zone: ZoneInfo) -> int:
    """Where clocks go back it is the first of both, where they go forward the hour is skipped."""
    return (datetime.combine(day, at, zone).astimezone(UTC) - EPOCH) // MICROSECOND


def named_holidays(place: str | None, first: date, last: date) -> dict[date, str]:
    """Public holidays of a country, or of a part of it, from `first` to `last`."""
    if place is None:
        return {}
    country, _, part = place.partition("-")
    years = range(first.year, last.year + 1)
    return {day: name for day, name in holidays.country_holidays(country, subdiv=part or None, years=years).items() if first <= day <= last}


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in order, those that touch or overlap as one."""
    held: tuple[int, int] | None = None
    for begin, end in spans:
        if held is not None and begin <= held[1]:
            held = (held[0], max(held[1], end))
        else:
            if held is not None:
                yield held
            held = (begin, end)
    if held is not None:
        yield held


def _without(spans: Iterable[tuple[int, int]], rests: Spans) -> Iterator[tuple[int, int]]:
    gone = list(_merged(sorted(rests)))
    for begin, end in spans:
        for away, back in gone:
            if begin < away < end:
                yield begin, away
            begin = max(begin, back) if away < end and begin < back else begin
        if begin < end:
            yield begin, end


def known_place(place: str) -> bool:
    """Whether there are holidays of this country, or of this part of it."""
    country, _, part = place.partition("-")
    known = holidays.list_supported_countries()
    return country in known and (not part or part in known[country])


ALWAYS = Always()


@lru_cache(256)
def calendar(week: Week) -> Calendar:
    return Hours(week) if week.hours or week.holidays or week.rests else ALWAYS
