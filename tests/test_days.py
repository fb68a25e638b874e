"""A site's own days, stand-ups and shifts, held against a clock on its wall that is read minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.golives import WEEKDAYS, GoLive, GoLiveText, ScopeEvent, Shift
from services.golives import shipped_criteria
from services.stabilisation.days import days_until, instant_of, local_date, rests, running_between, runs, standups
from tests.small_golives import text

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ZONES = ("Europe/Dublin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago")
"""With changes at night, at midnight, of half an hour, and none."""
CHANGES = {
    "Europe/Dublin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Africa/Cairo": (date(2026, 4, 24), date(2026, 10, 29)),
}
"""When clocks go forward, and back."""


def site(zone: str, *shifts: Shift, standup: time = time(6)) -> GoLiveText:
    begin = datetime(2026, 1, 5, 6, tzinfo=UTC)
    return text(time_zone=zone, starts_at=begin, planned_end=begin + 400 * DAY, shifts=shifts, standup=standup)


def wall(told: GoLiveText, instant: datetime) -> datetime:
    return instant.astimezone(ZoneInfo(told.time_zone))


def on_the_wall(told: GoLiveText, instant: datetime) -> bool:
    """Whether a shift runs, as somebody says who looks at the clock and at the roster."""
    now = wall(told, instant)
    today, before = (WEEKDAYS[(now.date() - number * DAY).weekday()] for number in (0, 1))
    for shift in told.shifts:
        if shift.end > shift.begin:
            running = today in shift.days and shift.begin <= now.time() < shift.end
        else:
            running = (today in shift.days and now.time() >= shift.begin) or (before in shift.days and now.time() < shift.end)
        if running:
            return True
    return False


@pytest.mark.parametrize("zone", CHANGES)
def test_site_days_last_23_and_25_hours_where_the_clocks_change(zone: str) -> None:
    told, (forward, back) = site(zone), CHANGES[zone]
    lengths = {day: instant_of(told, day + DAY) - instant_of(told, day) for day in (forward, forward + DAY, back, back + DAY)}
    assert list(lengths.values()) == [23 * HOUR, 24 * HOUR, 25 * HOUR, 24 * HOUR]


@given(st.sampled_from(ZONES), st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_day_begins_with_its_first_instant(zone: str, day: date) -> None:
    told = site(zone)
    first = instant_of(told, day)
    assert (local_date(told, first), local_date(told, first - MINUTE)) == (day, day - DAY)


def test_what_the_clock_skips_or_says_twice_has_one_instant() -> None:
    told = site("Europe/Dublin")
    forward, back = CHANGES["Europe/Dublin"]
    assert wall(told, instant_of(told, forward, time(1, 30))).time() == time(2, 30)
    assert instant_of(told, back, time(1, 30)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_days_go_from_day_0_to_the_one_that_holds_the_instant() -> None:
    told = site("America/New_York")
    begin = told.starts_at
    assert days_until(told, begin - DAY) == []
    assert days_until(told, begin) == [date(2026, 1, 5)]
    midnight = datetime(2026, 1, 7, 5, tzinfo=UTC)
    assert [len(days_until(told, midnight + step)) for step in (-timedelta(microseconds=1), timedelta(0))] == [2, 3]


@pytest.mark.parametrize("zone", CHANGES)
def test_a_standup_is_at_the_same_time_of_the_wall_through_the_year(zone: str) -> None:
    told = site(zone)
    found = list(standups(told, told.starts_at + 365 * DAY))
    assert {wall(told, instant).time() for _, instant in found} == {time(6)}
    assert [day for day, _ in found] == [found[0][0] + number * DAY for number in range(len(found))]
    assert all(told.starts_at < instant for _, instant in found)
    assert {after[1] - before[1] for before, after in pairwise(found)} == {23 * HOUR, 24 * HOUR, 25 * HOUR}


def test_the_instant_of_the_golive_itself_is_no_standup_and_one_that_comes_now_is() -> None:
    told = site("UTC")
    first = told.starts_at + DAY
    assert list(standups(told, first - timedelta(microseconds=1))) == []
    assert list(standups(told, first)) == [(date(2026, 1, 6), first)]


def test_a_standup_in_the_hour_that_is_skipped_or_told_twice_comes_once_a_day() -> None:
    told = site("Europe/Dublin", standup=time(1, 30))
    found = list(standups(told, told.starts_at + 365 * DAY))
    assert len({day for day, _ in found}) == len(found) == 365
    assert [instant for _, instant in found] == sorted(instant for _, instant in found)


SHIFTS = st.builds(
    Shift,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True).map(tuple),
    begin=st.sampled_from([time(0), time(6), time(14), time(17, 30), time(22)]),
    end=st.sampled_from([time(0), time(6), time(14), time(17, 30), time(22)]),
)
NIGHT = Shift(begin=time(22), end=time(6))


@given(st.sampled_from(sorted(CHANGES)), st.lists(SHIFTS, min_size=1, max_size=3), st.booleans(), st.integers(-50, 20))
@example("Europe/Dublin", [NIGHT], True, -30)
@example("Europe/Dublin", [NIGHT], False, -30)
@example("Africa/Cairo", [Shift(begin=time(0), end=time(0))], True, -30)
@settings(max_examples=25, deadline=None)
def test_shifts_run_as_the_clock_on_the_wall_says(zone: str, shifts: list[Shift], forward: bool, hours: int) -> None:
    """Around a change of the clocks, minute by minute, for 30 hours."""
    told = site(zone, *shifts)
    begin = instant_of(told, CHANGES[zone][not forward]) + hours * HOUR
    minutes = [begin + number * MINUTE for number in range(30 * 60)]
    expected = [on_the_wall(told, minute) for minute in minutes]
    assert [runs(told, minute) for minute in minutes[::7]] == expected[::7]
    assert running_between(told, begin, begin + 30 * HOUR) == sum(expected) * MINUTE


def test_a_night_shift_is_an_hour_shorter_or_longer_where_the_clocks_change() -> None:
    told = site("Europe/Dublin", NIGHT)
    for day, hours in zip(CHANGES["Europe/Dublin"], (7, 9), strict=True):
        noon = instant_of(told, day, time(12))
        assert running_between(told, noon - 24 * HOUR, noon) == hours * HOUR


def test_a_planted_fault_is_found_by_the_clock_on_the_wall() -> None:
    told, late = site("Europe/Dublin", NIGHT), site("Europe/Dublin", Shift(begin=time(22), end=time(6, 1)))
    begin = instant_of(told, CHANGES["Europe/Dublin"][0])
    minutes = [begin + number * MINUTE for number in range(24 * 60)]
    assert running_between(late, begin, begin + DAY) != sum(on_the_wall(told, minute) for minute in minutes) * MINUTE


@given(
    st.sampled_from(ZONES),
    st.lists(SHIFTS, max_size=3),
    st.lists(st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 30)), min_size=3, max_size=3).map(sorted),
)
@settings(max_examples=60, deadline=None)
def test_time_in_shifts_adds_up(zone: str, shifts: list[Shift], instants: list[datetime]) -> None:
    told = site(zone, *shifts)
    first, second, third = (instant.replace(tzinfo=UTC) for instant in instants)
    parts = running_between(told, first, second) + running_between(told, second, third)
    assert parts == running_between(told, first, third) <= third - first
    assert running_between(told, third, first) == timedelta(0)


def test_overlapping_shifts_are_counted_once_and_without_any_always_runs() -> None:
    early, day = Shift(begin=time(6), end=time(14)), Shift(begin=time(8), end=time(17))
    begin = datetime(2026, 1, 14, tzinfo=UTC)
    assert running_between(site("UTC", early, day), begin, begin + DAY) == 11 * HOUR
    assert running_between(site("UTC", early, early, day), begin, begin + DAY) == 11 * HOUR
    assert running_between(site("UTC"), begin, begin + DAY) == DAY
    assert runs(site("UTC"), begin)


@pytest.mark.parametrize(("kind", "hours", "length", "free"), [
    ("holiday", 0, 24, [0]), ("shutdown", 0, 72, [0, 1, 2]), ("holiday", 6, None, [0]), ("holiday", 13, None, [1]),
    ("holiday", 13, 20, []), ("holiday", 12, 1, [0]), ("shutdown", 0, 12, []), ("line", 0, 24, []), ("patch", 0, 72, []),
])  # fmt: skip
def test_nobody_works_on_a_day_whose_noon_a_holiday_or_shutdown_holds(kind: str, hours: int, length: int | None, free: list[int]) -> None:
    told, begin = site("UTC"), datetime(2026, 1, 10, tzinfo=UTC)
    at = begin + hours * HOUR
    event = {"id": "SE-1", "kind": kind, "title": "x", "at": at, "until": None if length is None else at + length * HOUR}
    events = (ScopeEvent.model_validate(event),)
    golive = GoLive(id="GL-1", text=told, declared_at=told.starts_at, criteria=shipped_criteria(), scope_events=events)
    assert [place for place in range(-2, 6) if rests(golive, begin.date() + place * DAY)] == free
