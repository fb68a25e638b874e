"""The turns of a layer: arithmetic on the wall clock, so that a handover at 08:00 is at 08:00 in summer and in winter."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.golives import WEEKDAYS
from schemas.oncall import Layer
from services.oncall.spans import Span, joined, within
from services.oncall.wall import first_shown, shown

DAY = timedelta(days=1)
Wall = tuple[datetime, datetime]


def turns(layer: Layer, zone: ZoneInfo, begin: datetime, end: datetime) -> list[Span]:
    """Who the layer alone puts on call between two instants."""
    if not layer.members:
        return []
    pieces = (
        Span(first_shown(since, zone), first_shown(until, zone), member, layer.name)
        for turn, member in _turns(layer, shown(begin, zone), shown(end, zone) + DAY)
        for since, until in _hours(layer, *turn)
    )
    return joined(within(pieces, begin, end))


def _turns(layer: Layer, begin: datetime, end: datetime) -> Iterator[tuple[Wall, str]]:
    start = datetime.combine(layer.start, layer.handover)
    stop = min(end, datetime.combine(layer.ends, time())) if layer.ends else end
    number = max((begin - start) // layer.rotation, 0)
    while (since := start + number * layer.rotation) < stop:
        yield (since, min(since + layer.rotation, stop)), layer.members[number % len(layer.members)]
        number += 1


def _hours(layer: Layer, since: datetime, until: datetime) -> Iterator[Wall]:
    """The part of a turn in which the layer holds at all."""
    if not layer.weekdays and layer.begin is None:
        yield since, until
        return
    day = since.date() - DAY
    while day <= until.date():
        if not layer.weekdays or WEEKDAYS[day.weekday()] in layer.weekdays:
            begin, end = _hours_of(layer, datetime.combine(day, time()))
            if max(begin, since) < min(end, until):
                yield max(begin, since), min(end, until)
        day += DAY


def _hours_of(layer: Layer, midnight: datetime) -> Wall:
    begin, end = layer.begin or time(), layer.end or time()
    return datetime.combine(midnight, begin), datetime.combine(midnight + (DAY if end <= begin else 0 * DAY), end)


@lru_cache(64)
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)
