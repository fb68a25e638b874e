"""The forecast in the site's own dates: what holds, holds today, slips compare like with like, and the model is told site days."""

import asyncio
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from math import exp
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.course import Wave
from models.forecast import forecast
from schemas import events as e
from schemas.golive_figures import TargetForecast
from schemas.golives import CriteriaText, ExposureText, ScopeEventText
from services import golives as said
from services.golives import shipped_criteria
from services.ledger import Draft, Ledger
from services.stabilisation.days import rests
from services.stabilisation.golive_series import SERIES, told
from services.stabilisation.keeper import Keeper
from services.stabilisation.outlook import ENOUGH_DAYS, course_of, exit_of, outlook, slip, wave_of
from services.stabilisation.progress import Progress, Sight
from services.stabilisation.reading import read
from services.tickets import record, submit
from tests.lives import DESK
from tests.lives import told as submission
from tests.small_golives import BEGIN, DAY, HOUR, LEAD, SOLVED, Stage

FORECAST = next(each for each in SERIES if each.name == "golive_forecast")
GRADES = ("sev2", "sev3", "sev3", "sev4", None)
NO_SEV1_WANTED = {"sev1_free": {"days": 0.0}}


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    return Stage(ledger)


def adopted(stage: Stage, limits: dict[str, dict[str, float]], golive: str = "GL-1") -> None:
    """The shipped criteria with other limits, and without those that cannot be forecast."""
    kept = [each for each in shipped_criteria().criteria if each.measure in ("sev1_free", "sev2_held", "sev3_low", "arrivals_normal")]
    changed = tuple(each.model_copy(update={"limits": each.limits | limits.get(each.measure, {})}) for each in kept)
    criteria = CriteriaText(criteria=changed)
    stage.write(lambda draft: said.adopt_criteria(draft, golive, criteria, LEAD))


def days(stage: Stage, first: int, last: int, site: str = "Cork", begin: datetime = BEGIN, ended: int = 6) -> None:
    """Tickets come ever more seldom; so many of them are resolved in the evening of each day, those that wait longest first."""

    def command(draft: Draft) -> None:
        waiting: list[str] = []
        for day in range(first, last):
            came = round(14 * exp(-0.1 * day) + 1)
            for number in range(came):
                draft.now = begin + day * DAY + (1 + 10 * number / came) * HOUR
                waiting.append(submit(draft, submission(site=site, reported_severity=GRADES[number % 5]), DESK)[0].id)
            draft.now = begin + day * DAY + 12 * HOUR
            for _ in range(min(ended, len(waiting))):
                ticket = waiting.pop(0)
                record(draft, ticket, e.TicketRouted(system="lims", team="lims"), LEAD)
                record(draft, ticket, SOLVED, LEAD)

    stage.write(command)


def target(stage: Stage, name: str = "exit", at: datetime | None = None) -> TargetForecast:
    return next(each for each in stage.seen(lambda sight: sight.forecast, at).targets if each.target == name)


def series(sight: Sight) -> dict[tuple[str, ...], float]:
    return {labels[3:]: number for labels, number in told(FORECAST, [read(sight)])}


ZONES = [("Europe/Dublin", 1), ("America/Los_Angeles", 1), ("Pacific/Auckland", 8), ("Asia/Kolkata", 18)]


@pytest.mark.parametrize(("zone", "hours"), ZONES)
def test_what_holds_is_forecast_for_today_at_the_site(stage: Stage, zone: str, hours: float) -> None:
    stage.declare(time_zone=zone)
    adopted(stage, NO_SEV1_WANTED)
    stage.day(3, hours=hours)
    found = target(stage)
    today = stage.seen(lambda sight: read(sight).today)
    assert (found.state, found.p50, found.p85) == ("holds", today, today)
    assert stage.seen(series)["exit", "p50"] == stage.seen(series)["exit", "p85"] == 0
    assert found.late_days == (today - (BEGIN + 42 * DAY).astimezone(ZoneInfo(zone)).date()).days


def test_a_date_is_the_models_days_after_the_last_whole_day(stage: Stage) -> None:
    stage.declare()
    days(stage, 0, 16)
    stage.day(15, hours=14)
    found = target(stage)
    course = stage.seen(lambda sight: course_of(sight.view))
    assert course is not None
    answer = forecast(course, stage.seen(lambda sight: exit_of(sight.golive)))
    assert answer.state == found.state == "date"
    assert answer.p50 is not None
    assert (answer.today, found.p50) == (14, date(2026, 3, 16) + answer.p50 * DAY)
    assert found.late_days == (found.p85 - date(2026, 4, 13)).days if found.p85 else found.late_days is None
    assert stage.seen(series)["exit", "p50"] == answer.p50 - 1
    assert stage.seen(lambda sight: sight.forecast.fan[0].day) == date(2026, 3, 16)


def test_while_it_holds_it_does_not_slip_and_when_it_ceases_to_hold_it_does(stage: Stage) -> None:
    stage.declare()
    adopted(stage, NO_SEV1_WANTED)
    keeper = Keeper(stage.ledger, Progress())
    for day in (1, 2, 3):
        stage.day(day)
        asyncio.run(keeper.take_due())
        found = target(stage)
        assert (found.state, found.slip_days) == ("holds", None if day == 1 else 0)
    days(stage, 3, 13, ended=4)
    stage.day(11)
    asyncio.run(keeper.take_due())
    later = [target(stage, at=BEGIN + day * DAY) for day in range(4, 12)]
    assert {each.state for each in later} > {"holds"}
    for before, each in pairwise(later):
        assert (each.slip_days is None) == (each.p50 is None or before.p50 is None)


@pytest.mark.parametrize(("state", "before", "now", "days_later"), [
    ("date", 20, 24, 4), ("date", 20, 20, 0), ("date", 20, 18, -2), ("holds", 9, 10, 0), ("holds", 12, 10, -3), ("holds", 8, 10, 0),
])  # fmt: skip
def test_a_slip_compares_ends_of_days(stage: Stage, state: str, before: int, now: int, days_later: int) -> None:
    from_snapshot, today = date(2026, 3, before), date(2026, 3, now)
    found = TargetForecast.model_validate({"target": "exit", "state": state, "reason": "", "p50": today, "p85": today})
    assert slip(from_snapshot, found) == days_later
    assert slip(None, found) is None


def test_before_the_first_day_is_over_it_is_too_early(stage: Stage) -> None:
    stage.declare()
    for hours in (-30, 0, 12):
        stage.day(0, hours=hours)
        assert {each.state for each in stage.seen(lambda sight: sight.forecast).targets} == {"too_early"}


def test_the_model_is_told_whole_site_days_and_ungraded_tickets_as_sev3(stage: Stage) -> None:
    stage.declare(time_zone="Asia/Kolkata")
    for day, hours, severity in ((0, 1, None), (0, 12.4, "sev1"), (0, 12.5, "sev2"), (1, 3, None), (2, 13, "sev4")):
        stage.day(day, hours=hours)
        made = stage.ticket(severity)
    stage.does(made, SOLVED)
    stage.day(2, hours=12.6)
    course = stage.seen(lambda sight: course_of(sight.view), stage.now)
    assert course is not None
    assert course.arrivals == ((1, 0, 1, 0), (0, 1, 1, 0), (0, 0, 0, 0))
    assert course.open == (1, 1, 2, 0)
    assert (course.weekday, course.days) == (0, 3)


def _planned(stage: Stage, **fields: Any) -> None:
    event = ScopeEventText.model_validate({"title": "x"} | fields)
    stage.write(lambda draft: said.plan_scope_event(draft, "GL-1", event, LEAD))


def test_days_of_rest_are_the_same_for_the_forecast_and_for_production_days(stage: Stage) -> None:
    stage.declare()
    _planned(stage, kind="holiday", at=BEGIN + 4 * DAY)
    _planned(stage, kind="shutdown", at=BEGIN + 9 * DAY - 6 * HOUR, until=BEGIN + 11 * DAY - 6 * HOUR)
    _planned(stage, kind="holiday", at=BEGIN + 20 * DAY + 14 * HOUR, until=BEGIN + 21 * DAY)
    _planned(stage, kind="line", at=BEGIN + 6 * DAY, tickets=9)
    stage.day(3)
    course, golive = stage.seen(lambda sight: (course_of(sight.view), sight.golive))
    assert course is not None
    assert course.rest == {day for day in range(60) if rests(golive, (BEGIN + day * DAY).date())} == {4, 9, 10}
    assert [(each.day, each.kind, each.tickets) for each in course.events if each.kind == "scope"] == [(6, "scope", 9)]
    assert {each.day for each in course.events if each.kind == "holiday"} == course.rest


def test_what_of_the_criteria_can_be_forecast_comes_from_their_limits(stage: Stage) -> None:
    stage.declare(normal_arrivals=5)
    shipped = stage.seen(lambda sight: exit_of(sight.golive))
    assert (shipped.sev1_free_days, shipped.most_sev2, shipped.most_open, shipped.most_arrivals) == (10, 3, 18, 6)
    adopted(stage, {"sev1_free": {"days": 4.0}, "sev3_low": {"most": 30.0}})
    changed = stage.seen(lambda sight: exit_of(sight.golive))
    assert (changed.sev1_free_days, changed.most_open) == (4, 33)


def test_a_later_golive_learns_from_one_that_lasted_long_enough(stage: Stage) -> None:
    stage.declare()
    days(stage, 0, 40)
    second = BEGIN + 40 * DAY
    stage.declare(site="Lund", wave="2", starts_at=second, planned_end=second + 40 * DAY)
    days(stage, 0, 5, "Lund", second)
    short, whole = (stage.seen(lambda sight: wave_of(sight.view, 2.0), BEGIN + span * DAY) for span in (ENOUGH_DAYS - 1, 40))
    assert short is None
    assert isinstance(whole, Wave)
    assert whole.scale == 2.0
    stage.now = second + 5 * DAY
    with_waves, without = stage.seen(lambda sight: (sight.forecast, outlook(sight.view, ())), golive="GL-2")
    assert without.fit is None
    assert "tickets" in without.targets[0].reason
    assert with_waves.fit is not None


def test_the_scale_of_an_earlier_wave_is_that_of_the_people(stage: Stage) -> None:
    stage.declare()
    days(stage, 0, 40)
    begin = BEGIN + 40 * DAY
    stage.declare(site="Lund", starts_at=begin, planned_end=begin + timedelta(days=40))
    for site, users in (("Cork", 50), ("Lund", 150)):
        report = ExposureText(site=site, day=date(2026, 4, 1), rostered_users=users)
        stage.write(partial(said.report_exposure, text=report, by=LEAD))
    (wave,) = stage.seen(lambda sight: sight.waves(), golive="GL-2")
    assert wave.scale == 3.0
    assert stage.seen(lambda sight: sight.waves()) == []
