"""Working time is exact: it adds up, it never runs backwards, and what it reaches it has reached, over every change of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.golives import Shift
from services.calendars import ALWAYS, EPOCH, Calendar, Week, calendar, known_place, named_holidays

HOUR = 3_600_000_000
OFFICE = (Shift(days=("mon", "tue", "wed", "thu", "fri"), begin=time(8), end=time(16)),)
NIGHTS = (Shift(begin=time(22), end=time(6, 30)), Shift(days=("sun",), begin=time(1, 30), end=time(9)))
WEEKS = [
    Week("Europe/Dublin", OFFICE, "IE"),
    Week("America/New_York", NIGHTS),
    Week("Australia/Lord_Howe", NIGHTS, None, ((1_774_700_000_000_000, 1_774_800_000_000_000),)),
    Week("Europe/Berlin", (), "DE-BY"),
    Week("UTC", (Shift(begin=time(6), end=time(14)), Shift(begin=time(13), end=time(22)))),
]
CALENDARS: list[Calendar] = [ALWAYS, *map(calendar, WEEKS)]
LOW, HIGH = ((datetime(2026, month, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) for month in (3, 12))
instants = st.integers(LOW, HIGH)
calendars = st.sampled_from(CALENDARS)


def at(*when: int, zone: str = "UTC") -> int:
    return (datetime(*when, tzinfo=ZoneInfo(zone)) - EPOCH) // timedelta(microseconds=1)  # type: ignore[misc, arg-type]


@settings(deadline=None, max_examples=300)
@given(calendars, st.lists(instants, min_size=3, max_size=3).map(sorted))
def test_working_time_adds_up(hours: Calendar, edges: list[int]) -> None:
    low, middle, high = edges
    assert hours.worked(low, middle) + hours.worked(middle, high) == hours.worked(low, high)


@settings(deadline=None, max_examples=300)
@given(calendars, st.lists(instants, min_size=3, max_size=3).map(sorted))
def test_working_time_never_runs_backwards_and_never_outruns_time(hours: Calendar, edges: list[int]) -> None:
    low, middle, high = edges
    assert 0 <= hours.worked(low, middle) <= hours.worked(low, high) <= high - low


@settings(deadline=None, max_examples=300)
@given(calendars, instants, st.integers(1, 500 * HOUR))
def test_what_is_reached_was_worked_and_not_a_moment_earlier(hours: Calendar, begin: int, amount: int) -> None:
    reached = hours.reach(begin, amount)
    assert reached is not None
    assert (hours.worked(begin, reached), hours.worked(begin, reached - 1)) == (amount, amount - 1)


@settings(deadline=None, max_examples=200)
@given(calendars, instants, st.integers(1, 200 * HOUR), st.integers(1, 200 * HOUR))
def test_more_work_is_reached_later(hours: Calendar, begin: int, less: int, more: int) -> None:
    first, second = (hours.reach(begin, amount) for amount in (less, less + more))
    assert first is not None
    assert second is not None
    assert first < second


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(WEEKS), instants, st.integers(0, 40 * 24 * HOUR))
def test_the_order_of_questions_changes_no_answer(week: Week, begin: int, length: int) -> None:
    asked = calendar.__wrapped__(week)
    asked.worked(begin, begin)
    assert asked.worked(begin, begin + length) == calendar(week).worked(begin, begin + length)


@settings(deadline=None, max_examples=300)
@given(calendars, st.lists(instants, min_size=2, max_size=2, unique=True).map(sorted))
def test_the_spans_that_are_worked_are_in_order_and_add_up_to_the_working_time(hours: Calendar, edges: list[int]) -> None:
    spans = list(hours.spans(*edges))
    flat = [edges[0], *(edge for span in spans for edge in span), edges[1]]
    assert flat == sorted(flat)
    assert sum(end - begin for begin, end in spans) == hours.worked(*edges)
    assert all(begin < end for begin, end in spans)


def test_holidays_are_told_by_name_and_only_those_of_the_time_that_is_asked_for() -> None:
    assert named_holidays("IE", date(2026, 4, 1), date(2026, 4, 30)) == {date(2026, 4, 6): "Easter Monday"}
    assert named_holidays(None, date(2026, 1, 1), date(2026, 12, 31)) == {}


def test_a_day_on_which_clocks_change_is_an_hour_shorter_or_longer() -> None:
    berlin = calendar(Week("Europe/Berlin", (Shift(begin=time(0), end=time(0)),)))
    for month, day, hours in ((3, 28, 24), (3, 29, 23), (10, 24, 24), (10, 25, 25)):
        low = at(2026, month, day, zone="Europe/Berlin")
        following = date(2026, month, day) + timedelta(days=1)
        assert berlin.worked(low, at(following.year, following.month, following.day, zone="Europe/Berlin")) == hours * HOUR


def test_a_public_holiday_is_no_working_day() -> None:
    dublin = CALENDARS[1]
    assert dublin.worked(at(2026, 3, 17), at(2026, 3, 18)) == 0
    assert dublin.worked(at(2026, 3, 18), at(2026, 3, 19)) == 8 * HOUR


def test_a_holiday_of_a_part_of_a_country_counts_there() -> None:
    bavaria, germany = CALENDARS[4], calendar(Week("Europe/Berlin", (), "DE"))
    low, high = (at(2026, 1, day, zone="Europe/Berlin") for day in (6, 7))
    assert (bavaria.worked(low, high), germany.worked(low, high)) == (0, 24 * HOUR)


def test_shifts_that_overlap_count_once() -> None:
    assert CALENDARS[5].worked(at(2026, 5, 4), at(2026, 5, 5)) == 16 * HOUR


def test_a_shift_whose_begin_and_end_a_change_swallows_is_left_out() -> None:
    short = calendar(Week("Europe/Berlin", (Shift(begin=time(2, 15), end=time(2, 45)),)))
    assert short.worked(at(2026, 3, 29), at(2026, 3, 30)) == HOUR // 2
    turned = calendar(Week("Europe/Berlin", (Shift(begin=time(2, 30), end=time(3)),)))
    assert turned.worked(at(2026, 3, 29), at(2026, 3, 30)) == 0


def test_what_never_comes_is_not_waited_for() -> None:
    never = calendar(Week("UTC", (Shift(days=(), begin=time(8), end=time(9)),)))
    assert never.reach(at(2026, 1, 1), 1) is None


@pytest.mark.parametrize(("place", "known"), [("IE", True), ("DE-BY", True), ("DE-XX", False), ("XX", False)])
def test_a_place_without_holidays_is_known_for_one(place: str, known: bool) -> None:
    assert known_place(place) == known


def test_a_shift_that_begins_in_a_repeated_hour_begins_at_the_first_of_both() -> None:
    early = calendar(Week("Europe/Berlin", (Shift(begin=time(2, 30), end=time(5)),)))
    assert early.worked(at(2026, 10, 25), at(2026, 10, 26)) == 7 * HOUR // 2


@pytest.mark.parametrize("told", [21_600, "06:00Z", "06:00+01:00", "24:00", "6:00", None, "06:00:00.1234567"])
def test_a_time_of_a_shift_is_one_of_the_wall_clock(told: object) -> None:
    with pytest.raises(ValueError, match=r"06:00|hour"):
        Shift.model_validate({"begin": told, "end": "14:00"})
