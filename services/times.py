"""How durations and instants are written for people."""

from datetime import UTC, datetime, tzinfo

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
EVERY_UNIT = len(UNITS)


def lasting(seconds: float | None, units: int = 2, days: bool = True) -> str:
    """As "2 d 4 h": so many units, the rest cut off. Without `days` in hours at most: for time of which 24 hours are no day."""
    if seconds is None:
        return "-"
    rest = int(seconds)
    parts: list[tuple[int, str]] = []
    for size, name in UNITS if days else UNITS[1:]:
        number, rest = divmod(rest, size)
        parts += [(number, name)] if number or parts else []
    return " ".join(f"{number} {name}" for number, name in parts[:units] if number) or "0 s"


def moment(instant: datetime, zone: tzinfo) -> str:
    """By the clock on the wall of the zone, UTC beside it; parts of a second are cut off."""
    here, there = instant.astimezone(zone), instant.astimezone(UTC)
    shown = f"{here:%a %Y-%m-%d %H:%M:%S %Z}"
    if here.tzname() == "UTC":
        return shown
    return f"{shown} ({there:{'%H:%M:%S' if here.date() == there.date() else '%a %Y-%m-%d %H:%M:%S'}} UTC)"
