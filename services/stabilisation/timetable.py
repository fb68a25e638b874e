"""A calendar in words: its hours, the days on which nobody works, and which hours of a stretch it counts."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from schemas.clocks import CalendarText
from schemas.golives import WEEKDAYS, Shift
from services.calendars import named_holidays
from services.policies import Place, Terms
from services.times import moment

DAY = timedelta(days=1)
Window = tuple[datetime, datetime]


def hours_told(text: CalendarText, place: Place) -> str:
    """As "mon to fri 08:00 to 16:00, less the holidays of IE"."""
    shifts = place.shifts if text.shifts else text.hours
    told = ["; ".join(f"{_days(each)} {_wall(each.begin)} to {_wall(each.end)}" for each in shifts) or "day and night"]
    told += [f"on the clock of {text.time_zone}"] if text.time_zone not in (None, place.zone) else []
    told += [f"less the holidays of {text.holidays}"] if text.holidays else []
    told += ["less its shutdowns"] if text.shutdowns else []
    told += ["less holidays and shutdowns of go-lives"] if text.rests else []
    return ", ".join(told)


def _days(shift: Shift) -> str:
    if set(shift.days) == set(WEEKDAYS):
        return "every day"
    places = [WEEKDAYS.index(day) for day in WEEKDAYS if day in shift.days]
    together = len(places) > 2 and places[-1] - places[0] == len(places) - 1
    return f"{WEEKDAYS[places[0]]} to {WEEKDAYS[places[-1]]}" if together else ", ".join(WEEKDAYS[place] for place in places)


def rests_told(text: CalendarText, terms: Terms, place: Place, window: Window) -> Iterator[str]:
    """Every holiday and shutdown that the calendar leaves out and that lies in the window."""
    begin, end = window
    clock, own = ZoneInfo(place.zone), ZoneInfo(text.time_zone or place.zone)
    days = named_holidays(text.holidays, begin.astimezone(own).date(), end.astimezone(own).date())
    yield from (f"on {day:%a %Y-%m-%d}: {name}" for day, name in sorted(days.items()))
    rests = [(each.begin, each.end, each.title) for each in text.shutdowns]
    rests += [(each.begin, each.end, f"a holiday or shutdown of {each.told[0]}") for each in terms.rests] if text.rests else []
    for since, until, why in sorted(rests):
        if since < end and begin < until:
            yield f"from {moment(since, clock)} until {moment(until, clock)}: {why}"


def windows_told(windows: Iterable[Window], clock: tzinfo) -> str:
    """Days in a row with the same hours are told together: a day that is missing breaks the row."""
    rows: list[list[Window]] = []
    for begin, end in windows:
        here = (begin.astimezone(clock), end.astimezone(clock))
        if rows and _goes_on(rows[-1][-1], here):
            rows[-1].append(here)
        else:
            rows.append([here])
    return ", ".join(_row(row) for row in rows)


def _goes_on(before: Window, after: Window) -> bool:
    next_day = all((b.date() - a.date()) == DAY for a, b in zip(before, after, strict=True))
    return next_day and [each.time() for each in before] == [each.time() for each in after]


def _row(row: Sequence[Window]) -> str:
    (begin, end), (last, _) = row[0], row[-1]
    following = end.date() != begin.date()
    if len(row) > 1:
        until = f"{_wall(end.time())}{' on the next day' if following else ''}"
        return f"{begin:%a %Y-%m-%d} to {last:%a %Y-%m-%d} each {_wall(begin.time())} to {until}"
    return f"{begin:%a %Y-%m-%d} {_wall(begin.time())} to {f'{end:%a} ' if following else ''}{_wall(end.time())}"


def _wall(told: time) -> str:
    return f"{told:%H:%M:%S}".removesuffix(":00")
