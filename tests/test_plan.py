"""A plan of open tickets is what its shape says, day by day; the gap to it is what a pencil counts."""

from functools import partial
from math import exp, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.golives import Gate, Gates, Plan, Rates, ScopeEventText, Slope
from services import golives as said
from services.ledger import Ledger
from services.stabilisation.gap import grows
from services.stabilisation.plan import LONGEST, planned, planned_arrivals, planned_open
from services.stabilisation.view import DAY as MICROS
from tests.small_golives import BEGIN, DAY, HEAD, HOUR, LEAD, SOLVED, Stage

RATES = st.builds(
    Rates, problems=st.floats(0, 500), decay=st.floats(0.01, 2), floor=st.floats(0, 5), capacity=st.floats(0.1, 20)
)  # fmt: skip
COURSES = (Rates(problems=60, capacity=3), Slope(peak=15, target=3, days=42), Gates(gates=(Gate(day=14, open=9),)))


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    return Stage(ledger)


def by_hand(course: Rates, days: int) -> float:
    level = 0.0
    for day in range(days):
        found = course.problems * (exp(-course.decay * day) - exp(-course.decay * (day + 1)))
        level = max(0.0, level + found + course.floor - course.capacity)
    return level


@given(RATES, st.integers(0, 120), st.floats(0, 1))
def test_rates_equal_a_sum_by_hand_and_are_straight_between_midnights(course: Rates, day: int, part: float) -> None:
    here, there = by_hand(course, day), by_hand(course, day + 1)
    assert planned(course, float(day)) == pytest.approx(here, abs=1e-9)
    assert planned(course, day + part) == pytest.approx(here + part * (there - here), abs=1e-6)


def test_rates_rise_first_and_fall_then_as_a_golive_does() -> None:
    levels = [planned(COURSES[0], float(day)) for day in range(60)]
    peak = levels.index(max(levels))
    assert (levels[0], levels[-1]) == (0, 0)
    assert 5 <= peak <= 10
    assert levels[: peak + 1] == sorted(levels[: peak + 1])
    assert levels[peak:] == sorted(levels[peak:], reverse=True)


@given(RATES, st.integers(1, 400))
def test_arrivals_of_the_days_add_up_to_the_integral(course: Rates, days: int) -> None:
    whole = course.problems * (1 - exp(-course.decay * days)) + course.floor * days
    assert sum(planned_arrivals(course, day) for day in range(days)) == pytest.approx(whole)


def test_with_more_work_than_hands_the_plan_only_grows() -> None:
    assert planned(Rates(problems=0, floor=4, capacity=3), 100.0) == pytest.approx(100)


@pytest.mark.parametrize(("day", "level"), [(0, 15), (10.5, 12), (21, 9), (42, 3), (60, 3), (5_000, 3)])
def test_linear_is_straight_and_level_from_there(day: float, level: float) -> None:
    assert planned(Slope(peak=15, target=3, days=42), day) == pytest.approx(level)


@pytest.mark.parametrize(("day", "level"), [(0, 20), (6.999, 20), (7, 10), (13.999, 10), (14, 3), (99, 3)])
def test_gates_are_steps_and_before_the_first_its_own_level_holds(day: float, level: float) -> None:
    assert planned(Gates(gates=(Gate(day=3, open=20), Gate(day=7, open=10), Gate(day=14, open=3))), day) == level


@pytest.mark.parametrize("course", COURSES, ids=["rates", "linear", "gates"])
def test_before_the_golive_nothing_is_planned_to_be_open(course: Rates | Slope | Gates) -> None:
    assert planned_open(Plan(by_severity={"sev2": course}), -0.001) == {"sev2": 0}


@pytest.mark.parametrize("course", COURSES, ids=["rates", "linear", "gates"])
def test_a_plan_never_ends(course: Rates | Slope | Gates) -> None:
    assert planned(course, LONGEST * 3.0) == planned(course, LONGEST * 4.0) >= 0


@pytest.mark.parametrize("days", [(7, 3), (7, 7)])
def test_gates_come_in_order_one_a_day(days: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="in the order of their days"):
        Gates(gates=tuple(Gate(day=day, open=1) for day in days))


def approved(stage: Stage, plan: Plan, version: int = 1) -> None:
    stage.write(lambda draft: said.propose_plan(draft, "GL-1", plan, LEAD))
    stage.write(lambda draft: said.approve_plan(draft, "GL-1", version, HEAD))


def test_the_gap_is_over_the_planned_severities_only(stage: Stage) -> None:
    stage.declare()
    stage.day(1)
    made = [stage.ticket(severity) for severity in ("sev1", "sev2", "sev2", "sev3", None)]
    found = stage.seen(lambda sight: sight.burndown)
    assert (found.gap, found.relative_gap, found.growth_3d, found.required_per_day) == (None, None, None, None)
    approved(stage, Plan(by_severity={"sev2": Slope(peak=8, target=0, days=8), "sev3": Gates(gates=(Gate(day=0, open=1),))}))
    stage.day(2)
    stage.does(made[1], SOLVED)
    found = stage.seen(lambda sight: sight.burndown)
    assert found.gap == (1 + 1) - (6 + 1)
    assert found.relative_gap == pytest.approx(-5 / 7)
    assert found.growth_3d == found.gap
    assert found.noise_3d == pytest.approx(2 * sqrt(5 + 1))
    assert found.closures_per_day == pytest.approx(1 / 7)


def test_what_it_takes_a_day_is_what_is_open_and_still_planned_to_come_less_the_target(stage: Stage) -> None:
    stage.declare(planned_end=BEGIN + 10 * DAY)
    rates = Rates(problems=40, decay=0.2, floor=1, capacity=5)
    approved(stage, Plan(by_severity={"sev3": rates}))
    stage.day(4)
    for _ in range(7):
        stage.ticket("sev3")
    found = stage.seen(lambda sight: sight.burndown.required_per_day)
    coming = 40 * (exp(-0.2 * 4) - exp(-0.2 * 10)) + 6
    assert found == pytest.approx((7 - by_hand(rates, 10) + coming) / 6)
    stage.day(10)
    assert stage.seen(lambda sight: sight.burndown.required_per_day) is None


def test_the_gap_grows_only_by_more_than_chance_may_do(stage: Stage) -> None:
    stage.declare()
    approved(stage, Plan(by_severity={"sev3": Gates(gates=(Gate(day=0, open=0),))}))
    stage.day(5)
    for number in range(1, 7):
        stage.ticket("sev3")
        assert stage.seen(lambda sight: grows(sight.view, sight.view.at)) is (number > 2 * sqrt(number))
    stage.day(8.5)
    assert stage.seen(lambda sight: grows(sight.view, sight.view.at)) is False
    assert stage.seen(lambda sight: grows(sight.view, sight.view.at - 3 * MICROS)) is True


def test_the_first_plan_stays_beside_the_one_that_holds(stage: Stage) -> None:
    stage.declare()
    first, second = (Plan(by_severity={"sev3": Slope(peak=peak, target=0, days=10)}) for peak in (10, 20))
    approved(stage, first)
    stage.day(5)
    assert {each.first_planned is None for each in stage.seen(lambda sight: sight.burndown.days)} == {True}
    approved(stage, second, 2)
    found = stage.seen(lambda sight: sight.burndown)
    assert found.plan_version == 2
    assert [(each.planned, each.first_planned) for each in found.days[-1:]] == [({"sev3": 10.0}, {"sev3": 5.0})]


def test_days_begin_at_site_midnights_after_the_golive_and_end_now(stage: Stage) -> None:
    stage.declare(time_zone="America/New_York", starts_at=BEGIN + 4 * DAY)
    assert stage.seen(lambda sight: sight.burndown.days) == ()
    stage.day(8)
    found = [each.at for each in stage.seen(lambda sight: sight.burndown.days)]
    midnights = [BEGIN + 5 * DAY - HOUR, BEGIN + 6 * DAY - HOUR, BEGIN + 7 * DAY - 2 * HOUR, BEGIN + 8 * DAY - 2 * HOUR]
    assert found == [BEGIN + 4 * DAY, *midnights, BEGIN + 8 * DAY]


def test_scope_events_stand_as_marks_in_the_order_of_time(stage: Stage) -> None:
    stage.declare()
    for days, title in ((20, "Line 6"), (3, "Patch")):
        event = ScopeEventText(kind="patch", title=title, at=BEGIN + days * DAY)
        stage.write(partial(said.plan_scope_event, golive="GL-1", text=event, by=LEAD))
    marks = stage.seen(lambda sight: sight.burndown.marks)
    assert [(each.kind, each.title) for each in marks] == [
        ("golive", "wave 1"), ("patch", "Patch"), ("patch", "Line 6"), ("planned_end", "planned end"),
    ]  # fmt: skip
