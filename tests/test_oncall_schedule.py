"""Who is on call is exact to the minute, also on the nights on which the clock is changed."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.golives import WEEKDAYS
from schemas.oncall import Override, Rota
from services.oncall.schedule import Duty, Roster, next_duty, on_call, on_layer, schedule
from services.oncall.spans import Span, gaps
from services.oncall.wall import first_shown, shown
from tests import rota_oracle

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
BERLIN = ZoneInfo("Europe/Berlin")
START = date(2026, 1, 5)
MISSING = datetime(2026, 3, 29, 2, 30)
DOUBLED = datetime(2026, 10, 25, 2, 30)
HANDOVERS = (time(0), time(2, 15), time(2, 30), time(2, 45), time(14, 30), time(22))


def layer(name: str = "first", rotation: str = "weekly", members: Sequence[str] = ("anna", "ben"), **more: Any) -> dict[str, Any]:
    return {"name": name, "rotation": rotation, "members": tuple(members), "start": START, **more}


def rota(*layers: dict[str, Any], zone: str = "Europe/Berlin", **more: Any) -> dict[str, Any]:
    return {"time_zone": zone, "layers": layers, **more}


def roster(*layers: dict[str, Any], zone: str = "Europe/Berlin", **more: Any) -> Roster:
    return Roster(Rota.model_validate(rota(*layers, zone=zone, **more)))


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def who(known: Roster, at: datetime) -> str | None:
    duty = on_call(known, at)
    return duty.person if duty else None


def people_of(spans: Sequence[Span], minutes: Sequence[datetime]) -> list[str | None]:
    begins = [span.begin for span in spans]
    found = [spans[place - 1] if (place := bisect_right(begins, minute)) else None for minute in minutes]
    return [span.person if span and minute < span.end else None for span, minute in zip(found, minutes, strict=True)]


def expected(told: dict[str, Any], minutes: Sequence[datetime]) -> list[str | None]:
    return list(rota_oracle.on_call(told, [each.rotation for each in Rota.model_validate(told).layers], minutes))


def override(begin: datetime, days: float, person: str, instead_of: str | None = None) -> dict[str, Any]:
    return {"from": begin, "until": begin + timedelta(days=days), "person": person, "instead_of": instead_of, "reason": "away that week"}


def busy(zone: str) -> dict[str, Any]:
    """Layers that hand over in the missing and the doubled hour, with hours of their own, gaps, and overrides over both changes."""
    return rota(
        layer("floor", "12h", ("anna", "ben", "cleo"), handover=time(2, 30)),
        layer("nights", "daily", ("dora", "emil"), handover=time(2, 15), **{"from": time(22), "until": time(2, 45)}),
        layer("weekends", "2w", ("fritz", "gina"), weekdays=("sat", "sun"), ends=date(2027, 9, 1)),
        layer("later", "3d", ("hugo",), start=date(2027, 5, 1), weekdays=("wed",), **{"from": time(6), "until": time(6)}),
        layer("nobody", "weekly", ()),
        zone=zone,
        overrides=[
            override(datetime(2026, 3, 7, tzinfo=UTC), 2, "ivo"),
            override(datetime(2026, 10, 24, 13, 7, tzinfo=UTC), 9, "jana", instead_of="anna"),
            override(datetime(2027, 4, 3, 15, 31, tzinfo=UTC), 0.02, "kurt", instead_of="emil"),
            override(datetime(2025, 12, 30, tzinfo=UTC), 3, "lisa"),
        ],
    )


@pytest.mark.parametrize("zone", ZONES)
def test_two_years_are_as_somebody_sees_them_who_watches_the_clock(zone: str) -> None:
    told = busy(zone)
    minutes = rota_oracle.sampled(ZoneInfo(zone), BEGIN, END, HANDOVERS, step=29)
    found = people_of(schedule(Roster(Rota.model_validate(told)), BEGIN, END), minutes)
    assert found == expected(told, minutes)


@pytest.mark.parametrize("zone", ZONES)
def test_a_question_about_one_minute_agrees_with_the_whole_schedule(zone: str) -> None:
    known = Roster(Rota.model_validate(busy(zone)))
    spans = schedule(known, BEGIN, END)
    near = [
        change + timedelta(minutes=number) for change in rota_oracle.changes(ZoneInfo(zone), BEGIN, END) for number in range(-90, 91, 9)
    ]
    minutes = [BEGIN + timedelta(minutes=number) for number in range(0, 1_000_000, 9_973)] + near
    assert [who(known, minute) for minute in minutes] == people_of(spans, minutes)
    duties = [(minute, on_call(known, minute)) for minute in minutes]
    ends = {span.end for span in spans}
    assert all(duty is None or duty.until in ends for _, duty in duties)


def test_the_check_would_see_a_handover_that_is_a_minute_off_and_a_zone_without_summer() -> None:
    told = busy("Europe/Berlin")
    minutes = rota_oracle.sampled(BERLIN, BEGIN, END, HANDOVERS)
    right = expected(told, minutes)
    spans = schedule(Roster(Rota.model_validate(told)), BEGIN, END)
    night = next(place for place, span in enumerate(spans) if span.begin == berlin("2027-02-10T22:00"))
    late = [*spans[:night], spans[night]._replace(begin=spans[night].begin + timedelta(minutes=1)), *spans[night + 1 :]]
    winter = schedule(Roster(Rota.model_validate(told | {"time_zone": "Etc/GMT-1"})), BEGIN, END)
    assert people_of(late, minutes) != right
    assert people_of(winter, minutes) != right


clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
layers = st.fixed_dictionaries(
    {
        "rotation": st.sampled_from(("1h", "7h", "12h", "daily", "3d", "weekly", "2w")),
        "members": st.lists(st.sampled_from("abcde"), max_size=4),
        "handover": clocks,
        "start": st.dates(date(2026, 3, 1), date(2026, 4, 5)),
        "ends": st.none() | st.dates(date(2026, 3, 20), date(2026, 4, 20)),
        "weekdays": st.lists(st.sampled_from(WEEKDAYS), max_size=3),
        "from": clocks,
        "until": clocks,
    }
)
overrides = st.builds(
    lambda begin, days, person, instead_of: override(BEGIN + timedelta(minutes=begin), days, person, instead_of),
    st.integers(120_000, 135_000),
    st.sampled_from((0.01, 0.3, 1, 4.97)),
    st.sampled_from("abx"),
    st.none() | st.sampled_from("abc"),
)


@given(st.lists(layers, min_size=1, max_size=3), st.lists(overrides, max_size=3), st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_any_rota_is_as_somebody_sees_it_who_watches_the_clock(made: list[dict[str, Any]], over: list[dict[str, Any]], zone: str) -> None:
    told = rota(*({"name": f"l{place}"} | each for place, each in enumerate(made)), zone=zone, overrides=over)
    begin, end = datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 4, 8, tzinfo=UTC)
    minutes = rota_oracle.sampled(ZoneInfo(zone), begin, end, [each["handover"] for each in made], step=31)
    assert people_of(schedule(Roster(Rota.model_validate(told)), begin, end), minutes) == expected(told, minutes)


def test_a_handover_keeps_its_time_on_the_wall_in_summer_and_in_winter() -> None:
    known = roster(layer(rotation="daily"))
    begins = {span.begin.astimezone(BERLIN).time() for span in schedule(known, BEGIN + timedelta(days=9), END)[1:]}
    assert begins == {time(8)}


def test_a_handover_in_the_missing_hour_happens_when_the_clock_jumps() -> None:
    known = roster(layer(rotation="daily", handover=time(2, 30)))
    jump = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert first_shown(MISSING, BERLIN) == jump
    assert who(known, jump - timedelta(minutes=1)) != who(known, jump)


def test_a_handover_in_the_doubled_hour_happens_once_the_first_time() -> None:
    known = roster(layer(rotation="daily", handover=time(2, 30)))
    night = schedule(known, berlin("2026-10-25T01:00"), berlin("2026-10-25T04:00"))
    assert [span.begin for span in night[1:]] == [berlin("2026-10-25T02:30", fold=0).astimezone(UTC)]
    assert first_shown(DOUBLED, BERLIN) == first_shown(DOUBLED.replace(fold=1), BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_the_clock_shows_no_earlier_time_when_it_is_put_back() -> None:
    minutes = [datetime(2026, 10, 24, 23, tzinfo=UTC) + timedelta(minutes=number) for number in range(240)]
    shows = [shown(minute, BERLIN) for minute in minutes]
    assert shows == sorted(shows)
    assert shows[-1] == datetime(2026, 10, 25, 3, 59)


def test_a_shift_of_an_hour_lasts_two_where_the_hour_is_doubled_and_is_left_out_where_it_is_missing() -> None:
    known = roster(layer(rotation="1h", handover=time(0), members=("a", "b", "c", "d", "e")))
    spring = schedule(known, berlin("2026-03-29T01:00"), berlin("2026-03-29T04:00"))
    autumn = schedule(known, berlin("2026-10-25T01:00"), berlin("2026-10-25T04:00"))
    assert [span.end - span.begin for span in spring] == [timedelta(hours=1)] * 2
    assert [span.end - span.begin for span in autumn] == [timedelta(hours=1), timedelta(hours=2), timedelta(hours=1)]


def test_later_layers_cover_earlier_ones_and_a_layer_without_members_covers_nothing() -> None:
    known = roster(layer("second", members=("ben",)), layer("first", members=("anna",), weekdays=("mon",)), layer("third", members=()))
    assert (who(known, berlin("2026-02-02T12:00")), who(known, berlin("2026-02-03T12:00"))) == ("anna", "ben")
    assert on_layer(known, "second", berlin("2026-02-02T12:00")) == "ben"
    assert on_layer(known, "third", berlin("2026-02-02T12:00")) is None


def test_hours_that_go_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    known = roster(layer(members=("anna",), weekdays=("fri",), **{"from": time(18), "until": time(6)}))
    assert [who(known, berlin(text)) for text in ("2026-02-06T05:00", "2026-02-06T19:00", "2026-02-07T05:59", "2026-02-07T06:00")] == [
        None, "anna", "anna", None,
    ]  # fmt: skip


def test_an_override_holds_for_whom_it_names_and_without_a_name_for_whoever_it_is() -> None:
    begin = berlin("2026-02-02T08:00")
    layers = (layer(rotation="daily", members=("anna", "ben")),)
    for_ben = roster(*layers, overrides=[override(begin, 4, "cleo", "ben")])
    for_all = roster(*layers, overrides=[override(begin, 4, "cleo")])
    days = [begin + timedelta(days=number, hours=1) for number in range(5)]
    assert [who(for_ben, day) for day in days] == ["anna", "cleo", "anna", "cleo", "anna"]
    assert [who(for_all, day) for day in days] == ["cleo"] * 4 + ["anna"]


def test_an_override_made_later_covers_one_of_the_file_and_is_named() -> None:
    begin = berlin("2026-02-02T08:00")
    said = {"rota": "r", "by": "olga", "reason": "swapped", "made_at": BEGIN, "id": "OV-1", "person": "dora"}
    made = Override.model_validate(said | {"from": begin, "until": begin + timedelta(hours=2)})
    known = roster(layer(), overrides=[override(begin, 1, "cleo")])._replace(overrides=(made,))
    assert on_call(known, begin) == Duty("dora", "override OV-1", made.end)
    assert next_duty(known, Duty("dora", "override OV-1", made.end)) == Duty("cleo", "override", begin.astimezone(UTC) + timedelta(days=1))


def test_until_when_is_told_beyond_turns_that_change_nothing() -> None:
    alone = roster(layer(rotation="daily", members=("anna",)))
    assert on_call(alone, berlin("2026-02-02T12:00")) == Duty("anna", "first", None)
    ending = roster(layer(rotation="daily", members=("anna",), ends=date(2026, 3, 2)))
    assert on_call(ending, berlin("2026-02-02T12:00")) == Duty("anna", "first", berlin("2026-03-02T00:00"))


def test_gaps_are_told() -> None:
    known = roster(layer(weekdays=("mon", "tue", "wed", "thu", "fri")))
    begin, end = berlin("2026-02-02T00:00"), berlin("2026-02-16T00:00")
    found = gaps(schedule(known, begin, end), begin.astimezone(UTC), end.astimezone(UTC))
    assert found == [
        (berlin("2026-02-07T00:00").astimezone(UTC), berlin("2026-02-09T00:00").astimezone(UTC)),
        (berlin("2026-02-14T00:00").astimezone(UTC), berlin("2026-02-16T00:00").astimezone(UTC)),
    ]
    assert gaps([], begin, end) == [(begin, end)]
