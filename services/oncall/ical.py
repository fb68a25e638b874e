"""Reads a calendar in iCalendar format (RFC 5545): who is on call when. What it does not understand it names, and leaves out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.oncall import Person
from services.oncall.recurrence import Appointment, Rule

LINE = re.compile(r"""([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^":;]*))*):(.*)""")
PARAMETER = re.compile(r""";([A-Za-z0-9-]+)=("[^"]*"|[^":;]*)""")
LENGTH = re.compile(r"\+?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
UNDERSTOOD = {"FREQ", "INTERVAL", "BYDAY", "UNTIL", "COUNT", "WKST"}
LAST = time(23, 59, 59)


class Property(NamedTuple):
    name: str
    parameters: dict[str, str]
    value: str


class Calendar(NamedTuple):
    """`faults`: what is in it that nobody could be found for, or that is not understood."""

    appointments: tuple[Appointment, ...]
    faults: tuple[str, ...]


Fields = dict[str, list[Property]]
When = tuple[datetime, str | None]
"""Wall time and the zone that it is told in; None where it is that of the reader."""


def read_calendar(text: str, people: Mapping[str, Person]) -> Calendar:
    """The appointments of those whom `people` knows by key, name or mail address: as attendee, or else in the summary."""
    names = names_of(people)
    events = list(_events(text))
    found: list[Appointment] = []
    faults: list[str] = []
    for fields in events:
        try:
            if _text(fields, "STATUS").upper() != "CANCELLED":
                found.append(_but_for_the_moved(_appointment(fields, names), fields, events))
        except (ValueError, OverflowError) as error:
            faults.append(f"the appointment {_text(fields, 'SUMMARY')!r} ({_text(fields, 'DTSTART')}): {error}")
    return Calendar(tuple(found), tuple(faults))


def names_of(people: Mapping[str, Person]) -> dict[str, str]:
    """Everything by which a calendar may name a person, in lower case, with the person's key."""
    found: dict[str, str] = {}
    for key, person in people.items():
        targets = (*person.targets("page"), *person.targets("notify"))
        addresses = [address for channel, address in targets if channel == "mail"]
        found |= dict.fromkeys((name.lower() for name in (key, person.name, *addresses)), key)
    return found


def _events(text: str) -> Iterator[Fields]:
    """Properties of each VEVENT but those of what it holds, such as alarms."""
    inside: list[str] = []
    fields: Fields = {}
    for each in _properties(text):
        ended = inside.pop() if each.name == "END" and inside else None
        if ended == "VEVENT":
            yield fields
        if each.name == "BEGIN":
            inside.append(each.value.upper())
            fields = {} if inside[-1] == "VEVENT" else fields
        elif ended is None and inside and inside[-1] == "VEVENT":
            fields.setdefault(each.name, []).append(each)


def _properties(text: str) -> Iterator[Property]:
    """A line that begins with a blank goes on the one before."""
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        if match := LINE.fullmatch(line):
            parameters = {name.upper(): value.strip('"') for name, value in PARAMETER.findall(match[2])}
            yield Property(match[1].upper(), parameters, match[3])


def _appointment(fields: Fields, names: Mapping[str, str]) -> Appointment:
    if "RDATE" in fields:
        raise ValueError("RDATE is not read; make single appointments of its dates")
    begin, zone = _when(_first(fields, "DTSTART"))
    rule = _rule(fields["RRULE"][0].value, zone) if "RRULE" in fields else None
    without = frozenset(_in(zone, _when(each)) for each in _each_value(fields.get("EXDATE", ())))
    end = _end(fields, begin, zone)
    if end <= begin:
        raise ValueError("it does not end after it begins")
    return Appointment(_person(fields, names), begin, end, zone, rule, without)


def _person(fields: Fields, names: Mapping[str, str]) -> str:
    named = _attending(fields, names) or _summed_up(_text(fields, "SUMMARY").replace("\\,", ",").strip().lower(), names)
    if len(named) != 1:
        raise ValueError("it names more than one of [people]" if named else "it names nobody of [people]")
    return named.pop()


def _attending(fields: Fields, names: Mapping[str, str]) -> set[str]:
    told = [(each.value.lower().removeprefix("mailto:"), each.parameters.get("CN", "").lower()) for each in fields.get("ATTENDEE", ())]
    return {names[name] for both in told for name in both if name in names}


def _summed_up(summary: str, names: Mapping[str, str]) -> set[str]:
    if summary in names:
        return {names[summary]}
    return {key for name, key in names.items() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", summary)}


def _when(told: Property) -> When:
    value = told.value
    if "T" not in value:
        return datetime.strptime(value, "%Y%m%d"), None
    if value.endswith("Z"):
        return datetime.strptime(value, "%Y%m%dT%H%M%SZ"), "UTC"
    return datetime.strptime(value, "%Y%m%dT%H%M%S"), _zone(told.parameters.get("TZID"))


def _zone(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"its zone {name!r} is none of the tz database; let the calendar write for example Europe/Berlin") from None


def _in(zone: str | None, when: When) -> datetime:
    """A time that was told in another zone, on the clock of this one."""
    wall, own = when
    if own is None or zone is None or own == zone:
        return wall
    return wall.replace(tzinfo=ZoneInfo(own)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _end(fields: Fields, begin: datetime, zone: str | None) -> datetime:
    if "DTEND" in fields:
        return _in(zone, _when(fields["DTEND"][0]))
    if "DURATION" in fields:
        match = LENGTH.fullmatch(fields["DURATION"][0].value)
        if match is None:
            raise ValueError(f"its duration {fields['DURATION'][0].value!r} is none")
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return begin + timedelta(days=days, weeks=weeks, hours=hours, minutes=minutes, seconds=seconds)
    return begin + timedelta(days=1 if "T" not in _text(fields, "DTSTART") else 0)


def _rule(text: str, zone: str | None) -> Rule:
    told = dict(part.upper().partition("=")[::2] for part in text.split(";") if part)
    every = told.get("FREQ")
    if every not in ("DAILY", "WEEKLY") or not set(told) <= UNDERSTOOD:
        raise ValueError(f"its rule {text} is not read; daily and weekly ones with INTERVAL, BYDAY, UNTIL, COUNT and WKST are")
    days, interval = tuple(_day(day) for day in told.get("BYDAY", "").split(",") if day), int(told.get("INTERVAL", 1))
    times = int(told["COUNT"]) if "COUNT" in told else None
    if interval < 1 or times == 0:
        raise ValueError(f"its rule {text} recurs never")
    return Rule(_frequency(every), interval, days, _until(told.get("UNTIL"), zone), times, _day(told.get("WKST", "MO")))


def _frequency(every: str) -> Literal["DAILY", "WEEKLY"]:
    return "DAILY" if every == "DAILY" else "WEEKLY"


def _day(name: str) -> int:
    if name not in DAYS:
        raise ValueError(f"{name} is no weekday of a daily or weekly rule")
    return DAYS.index(name)


def _until(value: str | None, zone: str | None) -> datetime | None:
    """Of a day, its end."""
    if value is None:
        return None
    wall, own = _when(Property("UNTIL", {}, value))
    if own == "UTC":
        return wall.replace(tzinfo=UTC)
    return wall if "T" in value else datetime.combine(wall, LAST)


def _but_for_the_moved(appointment: Appointment, fields: Fields, events: Sequence[Fields]) -> Appointment:
    """One of a series that was moved or cancelled stands there on its own; the series goes on without it."""
    if "RECURRENCE-ID" in fields or "RRULE" not in fields:
        return appointment
    same = (other for other in events if "RECURRENCE-ID" in other and _text(other, "UID") == _text(fields, "UID"))
    return appointment.but(*(_in(appointment.zone, _when(other["RECURRENCE-ID"][0])) for other in same))


def _each_value(told: Sequence[Property]) -> Iterator[Property]:
    for each in told:
        yield from (each._replace(value=value) for value in each.value.split(","))


def _first(fields: Fields, name: str) -> Property:
    if name not in fields:
        raise ValueError(f"it has no {name}")
    return fields[name][0]


def _text(fields: Fields, name: str) -> str:
    return fields[name][0].value if name in fields else ""
