"""The clock on the wall, which jumps twice a year. A handover happens when it first shows the handover's time, or a later one.

So a handover in the missing hour happens when the clock jumps, and one in the doubled hour the first time; nothing goes back the second
time. Wall times are naive datetimes, instants are aware. Zones by PEP 495 and PEP 615.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

TICK = timedelta(microseconds=1)


def shown(at: datetime, zone: ZoneInfo) -> datetime:
    """The latest time that the clock has shown by `at`."""
    local = at.astimezone(zone)
    if not local.fold:
        return local.replace(tzinfo=None)
    first_pass = local.replace(fold=0).astimezone(UTC)
    change = _change(first_pass, at.astimezone(UTC), zone)
    return (change - TICK).astimezone(zone).replace(tzinfo=None)


def first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) at which the clock shows `wall` or a later time."""
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    return _change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), found, zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """When between two instants the clock was changed, to the second: offsets change on whole seconds."""
    low, high = int(before.timestamp()), int(after.timestamp())
    old = before.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        unchanged = datetime.fromtimestamp(middle, zone).utcoffset() == old
        low, high = (middle, high) if unchanged else (low, middle)
    return datetime.fromtimestamp(high, UTC)
