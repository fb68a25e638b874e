"""A forecast gives dates that come true as often as it says, says honestly when it has none, and hears what people plan."""

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import calendar
from models.course import HORIZON, NOTHING_GRAVE, Counts, Course, ScopeEvent, Wave
from models.errors import CourseInvalid
from models.forecast import Forecast, forecast
from models.prior import WEAK, prior_of
from models.standing import standing
from models.throughput import throughput
from tests.simulated_golives import STUDY_EXIT, Site, golive, happened, with_half_the_capacity, with_spike

CALM = Site(seed=1, defects=300, decay=0.09, floor=1.5, dispersion=1.2, weekend=0.45, capacity=12, weekday=0, mix=(0.01, 0.12, 0.45, 0.42))


def level(days: int, counts: Counts, closed: Counts, waiting: Counts) -> Course:
    none = (0, 0, 0, 0)
    return Course((counts,) * days, (closed,) * days, (none,) * days, waiting)


def of(of_site: Site, days: int) -> Course:
    return happened(of_site).course(days)


def dated(told: Forecast) -> tuple[int, int]:
    assert told.state == "date", told.reason
    assert told.p50 is not None
    assert told.p85 is not None
    return told.p50, told.p85


# What it says


def test_a_date_comes_with_what_it_was_made_of() -> None:
    told = forecast(of(CALM, 21), STUDY_EXIT)
    p50, p85 = dated(told)
    assert 0 < p50 <= p85 <= HORIZON
    assert told.fitted is not None
    assert told.fitted.shape == "exponential"
    assert told.fitted.decay == pytest.approx(0.09, rel=0.5)
    assert told.remaining is not None
    assert 20 < told.remaining < 200
    assert told.today == 20
    assert (
        told.reason == f"What can be forecast of the exit will hold in 50 of 100 cases within {p50} days, in 85 of 100 within {p85} days."
    )


def test_the_fan_begins_with_what_is_open_and_widens_in_order() -> None:
    course = of(CALM, 21)
    fan = forecast(course, STUDY_EXIT).fan
    assert fan[0] == (20, *[sum(course.open)] * 3)
    assert [day.day for day in fan] == [*range(20, 20 + len(fan))]
    assert all(day.p15 <= day.median <= day.p85 for day in fan)
    assert fan[7].p85 - fan[7].p15 > 0


def test_the_same_course_gives_the_same_forecast_bit_for_bit() -> None:
    course = replace(of(CALM, 18), rest=frozenset([40, 8, 72]))
    again = replace(course, rest=frozenset([72, 40, 8]))
    assert forecast(course, STUDY_EXIT) == forecast(again, STUDY_EXIT)
    told = subprocess.run(
        [sys.executable, "-c", "from tests.test_models_forecast import *; print(repr(forecast(of(CALM, 18), STUDY_EXIT)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == repr(forecast(of(CALM, 18), STUDY_EXIT)) + "\n"


def test_what_holds_today_needs_no_date() -> None:
    told = forecast(level(20, (0, 0, 2, 1), (0, 0, 2, 1), (0, 1, 5, 4)))
    assert (told.state, told.p50, told.p85) == ("holds", 0, 0)


def test_no_ticket_on_the_first_days_does_not_end_hypercare() -> None:
    assert forecast(level(9, (0, 0, 1, 1), (0, 0, 1, 1), (0, 0, 0, 0))).state == "too_early"
    assert forecast(level(10, (0, 0, 1, 1), (0, 0, 1, 1), (0, 0, 0, 0))).state == "holds"


def test_what_is_grave_is_gone_before_the_whole_exit_holds() -> None:
    course = of(replace(CALM, mix=(0.05, 0.4, 0.3, 0.25)), 14)
    assert dated(forecast(course, NOTHING_GRAVE))[0] < dated(forecast(course, STUDY_EXIT))[0]


def test_a_stricter_exit_is_reached_later() -> None:
    course = of(CALM, 21)
    strict = replace(STUDY_EXIT, most_open=5, most_arrivals=3.0)
    assert dated(forecast(course, strict))[0] > dated(forecast(course, STUDY_EXIT))[0]


# When it says nothing


def test_a_few_days_are_too_early() -> None:
    told = forecast(of(CALM, 6), STUDY_EXIT)
    assert (told.state, told.p50, told.p85, told.fan) == ("too_early", None, None, ())
    assert "7 whole days" in told.reason


def test_arrivals_that_do_not_fall_are_too_early() -> None:
    told = forecast(level(14, (0, 2, 7, 6), (0, 2, 4, 4), (0, 0, 40, 30)))
    assert told.state == "too_early"
    assert told.trend is not None
    assert told.trend > -1.645
    assert "grow fewer" in told.reason


def test_a_fit_that_moved_much_since_yesterday_is_too_early() -> None:
    calm = of(CALM, 18)
    told = forecast(replace(calm, arrivals=(*calm.arrivals[:-1], (0, 4, 20, 13))), STUDY_EXIT)
    assert told.state == "too_early"
    assert told.moved is not None
    assert told.moved >= 0.1
    assert "in a day" in told.reason


def test_a_team_that_cannot_keep_up_never_gets_there_and_hears_what_it_would_need() -> None:
    told = forecast(of(replace(CALM, capacity=2.0), 28), STUDY_EXIT)
    assert (told.state, told.p50) == ("never", None)
    assert told.unreached is not None
    assert told.unreached > 0.5
    assert "it would need" in told.reason
    closes, needs = (int(word) for word in told.reason.replace(".", "").split() if word.isdigit() and word not in ("180", "60"))
    assert closes < needs


def test_the_throughput_that_is_asked_for_gets_there() -> None:
    needed = int(forecast(of(replace(CALM, capacity=2.0), 28), STUDY_EXIT).reason.rsplit("need ", 1)[1].split(".")[0])
    open_now = of(replace(CALM, capacity=2.0), 28)
    fast = (0, 0, round(needed / 7), 0)
    p50, _ = dated(forecast(replace(open_now, closed=(fast,) * 28), STUDY_EXIT))
    assert 30 <= p50 <= 90


def test_where_new_tickets_level_off_too_high_more_people_are_not_the_answer() -> None:
    told = forecast(of(replace(CALM, floor=12.0, capacity=40.0), 60), STUDY_EXIT)
    assert told.state == "never"
    assert "more people will not help" in told.reason
    assert "it would need" not in told.reason


def test_where_sev1_keep_coming_it_says_so() -> None:
    told = forecast(of(replace(CALM, capacity=40.0, floor=4.0, mix=(0.25, 0.1, 0.35, 0.3)), 35), replace(STUDY_EXIT, sev1_free_days=20))
    assert told.state == "never"
    assert "new Sev1" in told.reason


# What it hears


def test_half_the_throughput_comes_later() -> None:
    usual, halved = (dated(forecast(of(each, 21), STUDY_EXIT)) for each in (CALM, with_half_the_capacity(CALM, 0)))
    assert halved[0] > usual[0] + 10


def test_a_team_that_was_halved_is_believed_within_a_week() -> None:
    usual, halved = (dated(forecast(of(each, 21), STUDY_EXIT)) for each in (CALM, with_half_the_capacity(CALM, 14)))
    assert halved[0] > usual[0]


def test_a_planned_scope_event_moves_the_date() -> None:
    course = of(CALM, 21)
    without, with_event = (forecast(replace(course, events=events), STUDY_EXIT) for events in ((), (ScopeEvent(25, tickets=120),)))
    assert dated(with_event)[0] > dated(without)[0] + 5


def test_a_scope_event_that_is_over_is_not_counted_twice() -> None:
    course = of(with_spike(CALM, 12, 100), 21)
    p50, _ = dated(forecast(course, STUDY_EXIT))
    again, _ = dated(forecast(replace(course, events=(ScopeEvent(12, tickets=100),)), STUDY_EXIT))
    assert abs(again - p50) <= 2


def test_on_a_shutdown_nothing_comes_and_nothing_is_closed() -> None:
    shut = tuple(ScopeEvent(day, "shutdown") for day in range(23, 30))
    told = forecast(replace(of(CALM, 21), events=shut), STUDY_EXIT)
    during = [day[1:] for day in told.fan if 22 <= day.day <= 29]
    assert len(set(during)) == 1
    assert dated(told)[0] > dated(forecast(of(CALM, 21), STUDY_EXIT))[0]


def test_a_public_holiday_in_the_past_is_not_a_fall() -> None:
    course = of(CALM, 14)
    quiet = replace(course, arrivals=(*course.arrivals[:9], (0, 0, 2, 1), *course.arrivals[10:]))
    known, unknown = (forecast(replace(quiet, rest=rest), STUDY_EXIT).fitted for rest in (frozenset([9]), frozenset[int]()))
    assert known is not None
    assert unknown is not None
    assert known.dispersion < unknown.dispersion


def test_an_earlier_wave_shortens_the_time_without_a_date() -> None:
    wave = Wave(total=300, decay=0.09, floor=2.0)
    courses = [golive(seed).course(9) for seed in range(2000, 2020)]
    alone = [forecast(course, STUDY_EXIT, 50).state for course in courses]
    taught = [forecast(replace(course, earlier=(wave,)), STUDY_EXIT, 50).state for course in courses]
    assert taught.count("date") >= alone.count("date") + 4


def test_an_earlier_wave_gives_a_date_within_the_first_week() -> None:
    course = of(CALM, 5)
    assert forecast(course, STUDY_EXIT).state == "too_early"
    assert forecast(replace(course, earlier=(Wave(300, 0.09, 2.0),)), STUDY_EXIT).state == "date"


def test_the_prior_of_waves_is_their_mean_at_this_sites_exposure() -> None:
    prior = prior_of([Wave(200, 0.05, 1.0, scale=2.0), Wave(200, 0.2, 3.0)])
    assert (prior.total, prior.floor) == (300, 2.5)
    assert prior.decay == pytest.approx(0.1)
    assert prior.decay_spread < WEAK.decay_spread
    assert prior_of([]) is WEAK


def test_capacity_shows_only_where_work_was_waiting() -> None:
    busy, idle = (0, 0, 10, 0), (0, 0, 1, 0)
    course = Course((busy,) * 5 + (idle,) * 9, (busy,) * 5 + (idle,) * 9, ((0, 0, 0, 0),) * 14, (0, 0, 0, 0))
    assert throughput(course, WEAK).worked.max() == 10
    waiting = replace(course, arrivals=((0, 0, 40, 0), *course.arrivals[1:]), closed=(*course.closed[:-1], (0, 0, 31, 0)))
    assert set(throughput(waiting, WEAK).worked.tolist()) == {10, 1}


def test_the_gravest_are_closed_first() -> None:
    now = standing(level(1, (1, 1, 1, 1), (0, 0, 0, 0), (2, 2, 2, 2)), 2)
    now.pass_day(np.zeros((2, 4), np.int64), np.array([3, 7]))
    assert now.open.tolist() == [[0, 1, 2, 2], [0, 0, 0, 1]]


def test_days_are_worked_or_rest_or_stopped() -> None:
    course = replace(
        level(1, (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)), weekday=4, rest=frozenset([3]), events=(ScopeEvent(1, "shutdown"),)
    )
    days = calendar(course, 5)
    assert days.worked.tolist() == [True, False, False, False, True]
    assert days.rest.tolist() == [False, False, True, True, False]
    assert days.stopped.tolist() == [False, True, False, False, False]


# What it is given


@pytest.mark.parametrize(
    "wrong",
    [
        {"closed": ()},
        {"arrivals": ((0, -1, 0, 0),)},
        {"open": (0, 0, 0, -4)},
        {"weekday": 7},
        {"earlier": (Wave(0.0, 0.1, 1.0),)},
    ],
)
def test_a_course_that_contradicts_itself_is_refused_with_advice(wrong: dict[str, object]) -> None:
    with pytest.raises(CourseInvalid, match=r": (give|leave)"):
        replace(level(1, (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)), **wrong)  # type: ignore[arg-type]


FEW = st.tuples(*[st.integers(0, 40)] * 4)


@given(
    st.lists(st.tuples(FEW, FEW, FEW), min_size=1, max_size=40),
    FEW,
    st.integers(0, 6),
    st.frozensets(st.integers(0, 60), max_size=60),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_course_gets_an_answer(
    days: list[tuple[Counts, ...]], waiting: Counts, weekday: int, rest: frozenset[int], known: bool
) -> None:
    arrivals, closed, reopened = (tuple(part) for part in zip(*days, strict=True))
    told = forecast(Course(arrivals, closed, reopened, waiting, weekday, rest, earlier=(Wave(200, 0.1, 2),) * known), paths=20)
    assert told.reason
    assert (told.p50 is not None) == (told.state in ("date", "holds"))


@pytest.mark.parametrize("days", [7, 60, 400])
def test_one_forecast_of_a_thousand_paths_takes_less_than_a_second(days: int) -> None:
    course = level(days, (0, 1, 5, 4), (0, 1, 4, 3), (0, 5, 60, 50))
    begun = time.process_time()
    forecast(course)
    assert time.process_time() - begun < 1.0


def test_scipy_is_not_needed() -> None:
    code = "import sys, models.forecast; print([name for name in ('scipy', 'sklearn') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
