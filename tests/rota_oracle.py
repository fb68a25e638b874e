"""Who is on call, worked out minute by minute as somebody would who watches the clock: nothing here is shared with the service."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def changes(zone: ZoneInfo, begin: datetime, end: datetime) -> list[datetime]:
    """Minutes (UTC) at which the offset is another one than a minute before."""
    hours = [begin + timedelta(hours=number) for number in range(int((end - begin) / timedelta(hours=1)))]
    near = [hour for hour in hours if hour.astimezone(zone).utcoffset() != (hour + timedelta(hours=1)).astimezone(zone).utcoffset()]
    minutes = [hour + number * MINUTE for hour in near for number in range(1, 61)]
    return [each for each in minutes if each.astimezone(zone).utcoffset() != (each - MINUTE).astimezone(zone).utcoffset()]


def sampled(zone: ZoneInfo, begin: datetime, end: datetime, handovers: Iterable[time], step: int = 47) -> list[datetime]:
    """Every minute around a change of the clock, two minutes around every handover, and else one minute in `step`."""
    found = {begin + number * step * MINUTE for number in range(int((end - begin) / MINUTE) // step)}
    for change in changes(zone, begin, end):
        found |= {change + number * MINUTE for number in range(-200, 200)}
    day = begin.date()
    while day <= end.date():
        for clock in handovers:
            at = datetime.combine(day, clock, zone).astimezone(UTC)
            found |= {at + number * MINUTE for number in (-1, 0, 1)}
        day += timedelta(days=1)
    return sorted(minute for minute in found if begin <= minute < end)


class Clock:
    """What the clock on the wall has shown at most, so far: after it was put back it is watched again when it is past that."""

    def __init__(self, zone: ZoneInfo, begin: datetime, end: datetime) -> None:
        self.zone = zone
        self.changes = changes(zone, begin - timedelta(days=2), end)

    def shows(self, at: datetime) -> datetime:
        now = at.astimezone(self.zone).replace(tzinfo=None)
        last = bisect_right(self.changes, at) - 1
        before = (self.changes[last] - MINUTE).astimezone(self.zone).replace(tzinfo=None) if last >= 0 else now
        return max(now, before)


class Turns:
    """One layer: counts handovers as the clock passes them."""

    def __init__(self, layer: dict[str, Any], hours: timedelta) -> None:
        self.layer = layer
        self.hours = hours
        self.turn = -1
        self.next = datetime.combine(layer["start"], layer.get("handover", time(8)))

    def person(self, now: datetime) -> str | None:
        while now >= self.next:
            self.turn += 1
            self.next += self.hours
        members: Sequence[str] = self.layer["members"]
        ends: date | None = self.layer.get("ends")
        if self.turn < 0 or not members or (ends and now.date() >= ends) or not self._holds(now):
            return None
        return members[self.turn % len(members)]

    def _holds(self, now: datetime) -> bool:
        since, until = self.layer.get("from", time(0)), self.layer.get("until", time(0))
        today, yesterday = (self._on(now.date() - timedelta(days=number)) for number in (0, 1))
        clock = now.time()
        if since < until:
            return today and since <= clock < until
        return (today and clock >= since) or (yesterday and clock < until)

    def _on(self, day: date) -> bool:
        return NAMES[day.weekday()] in (self.layer.get("weekdays") or NAMES)


def on_call(rota: dict[str, Any], hours: Sequence[timedelta], minutes: Sequence[datetime]) -> Iterator[str | None]:
    """For each minute, in order, whoever is on call. `hours`: the length of a turn of each layer."""
    zone = ZoneInfo(rota["time_zone"])
    clock = Clock(zone, minutes[0], minutes[-1])
    layers = [Turns(layer, length) for layer, length in zip(rota["layers"], hours, strict=True)]
    for minute in minutes:
        now = clock.shows(minute)
        told = [layer.person(now) for layer in layers]
        person = next((each for each in reversed(told) if each), None)
        for override in rota.get("overrides", ()):
            if override["from"] <= minute < override["until"] and override.get("instead_of") in (None, person):
                person = override["person"]
        yield person
