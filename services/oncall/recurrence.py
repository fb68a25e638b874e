"""Appointments of a calendar and when they recur: daily and weekly rules of RFC 5545 section 3.3.10, on the wall clock of their zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from services.oncall.rotation import zone_of
from services.oncall.spans import Span, covered
from services.oncall.wall import first_shown

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """`days` are weekdays, Monday 0, empty for that of the first. `until` is inclusive: naive on the wall clock, aware as an instant."""

    every: Literal["DAILY", "WEEKLY"]
    interval: int = 1
    days: tuple[int, ...] = ()
    until: datetime | None = None
    times: int | None = None
    monday: int = 0
    """Weekday on which a week begins."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """`begin` and `end` are wall times of `zone`; without one, of the rota's. On the night of a change it ends when the clock says so."""

    person: str
    begin: datetime
    end: datetime
    zone: str | None = None
    rule: Rule | None = None
    without: frozenset[datetime] = frozenset()

    def but(self, *begins: datetime) -> "Appointment":
        return replace(self, without=self.without | {*begins})


def appointed(appointments: Sequence[Appointment], zone: ZoneInfo, begin: datetime, end: datetime) -> list[Span]:
    """Whom the calendar puts on call around these instants; of two at once, the one that began later."""
    spans: list[Span] = []
    for span in sorted(each for appointment in appointments for each in _spans(appointment, zone, begin, end)):
        spans = covered(spans, [span])
    return spans


def _spans(appointment: Appointment, zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[Span]:
    own = zone_of(appointment.zone) if appointment.zone else zone
    last = end.astimezone(own).replace(tzinfo=None) + DAY
    length = appointment.end - appointment.begin
    for wall in takewhile(lambda wall: wall < last, _begins(appointment, own)):
        if wall in appointment.without:
            continue
        span = Span(first_shown(wall, own), first_shown(wall + length, own), appointment.person, "calendar")
        if span.end > begin and span.begin < end and span.begin < span.end:
            yield span


def _begins(appointment: Appointment, zone: ZoneInfo) -> Iterator[datetime]:
    rule = appointment.rule
    if rule is None:
        return iter((appointment.begin,))
    found = _daily(appointment.begin, rule) if rule.every == "DAILY" else _weekly(appointment.begin, rule)
    return islice(takewhile(lambda wall: not _over(rule, wall, zone), found), rule.times)


def _over(rule: Rule, wall: datetime, zone: ZoneInfo) -> bool:
    if rule.until is None:
        return False
    return first_shown(wall, zone) > rule.until.astimezone(UTC) if rule.until.tzinfo else wall > rule.until


def _daily(begin: datetime, rule: Rule) -> Iterator[datetime]:
    days = (begin + number * DAY for number in count(0, rule.interval))
    return (day for day in days if not rule.days or day.weekday() in rule.days)


def _weekly(begin: datetime, rule: Rule) -> Iterator[datetime]:
    first = begin - (begin.weekday() - rule.monday) % 7 * DAY
    offsets = sorted((day - rule.monday) % 7 for day in rule.days or (begin.weekday(),))
    days = (first + (number * 7 + offset) * DAY for number in count(0, rule.interval) for offset in offsets)
    return (day for day in days if day >= begin)
