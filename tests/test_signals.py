"""What alerts look for: storms, repeats, floods, silence in running shifts, and a Sev1 that nobody takes."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from schemas import events as e
from schemas.golives import Shift
from services.ledger import Ledger
from services.stabilisation.progress import Sight
from services.stabilisation.signals import (
    LEAST_MEAN,
    MOST_ROUTES,
    floods,
    oldest_unattended_sev1,
    poisson_limit,
    repeats,
    shift_runs,
    silence,
    storm,
)
from services.stabilisation.view import View
from tests.small_golives import BEGIN, DAY, MINUTE, SOLVED, Stage

T = TypeVar("T")
KNOWN = {"score": 0.9, "title": "Printer", "workaround": "Restart it"}


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    stage = Stage(ledger)
    stage.declare(time_zone="UTC")
    stage.day(0)
    return stage


def of(signal: Callable[[View], T]) -> Callable[[Sight], T]:
    return lambda sight: signal(sight.view)


def test_a_storm_is_the_largest_group_that_grew_in_the_last_half_hour(stage: Stage) -> None:
    first, second = stage.ticket(), stage.ticket()
    assert stage.seen(of(storm)) == 0
    for parent, number in ((first, 2), (second, 4)):
        for _ in range(number):
            stage.does(stage.ticket(), e.TicketGrouped(parent=parent))
        stage.now += 10 * MINUTE
    assert stage.seen(of(storm)) == 5
    stage.now = BEGIN + 30 * MINUTE
    assert stage.seen(of(storm)) == 5
    stage.now = BEGIN + 40 * MINUTE
    assert stage.seen(of(storm)) == 0
    stage.does(stage.ticket(), e.TicketGrouped(parent=first))
    assert stage.seen(of(storm)) == 4


def test_what_leaves_a_group_or_is_solved_is_of_no_storm(stage: Stage) -> None:
    parent = stage.ticket()
    children = [stage.ticket() for _ in range(4)]
    for child in children:
        stage.does(child, e.TicketGrouped(parent=parent))
    stage.does(children[0], e.TicketUngrouped())
    assert stage.seen(of(storm)) == 4
    stage.does(children[1], SOLVED)
    assert stage.seen(of(storm)) == 3


def test_work_on_a_child_does_not_make_its_group_grow(stage: Stage) -> None:
    parent, child = stage.ticket(), stage.ticket()
    stage.does(child, e.TicketGrouped(parent=parent))
    stage.now += 40 * MINUTE
    stage.does(child, e.TicketAcknowledged())
    assert stage.seen(of(storm)) == 0
    stage.does(child, e.TicketUngrouped())
    stage.does(child, e.TicketGrouped(parent=parent))
    assert stage.seen(of(storm)) == 2


def test_repeats_are_of_the_known_error_that_was_met_most_in_24_hours(stage: Stage) -> None:
    for known, number in (("KE-1", 3), ("KE-2", 2)):
        for _ in range(number):
            made = stage.ticket(system=None)
            stage.classified(made, known_errors=({"known_error": known} | KNOWN, {"known_error": "KE-9"} | KNOWN))
        stage.now += 60 * MINUTE
    stage.ticket()
    assert stage.seen(of(repeats)) == 3
    stage.now = BEGIN + DAY
    assert stage.seen(of(repeats)) == 2
    stage.now = BEGIN + 2 * DAY
    assert stage.seen(of(repeats)) == 0


@given(st.floats(0.01, 300))
@settings(max_examples=300)
def test_the_limit_is_that_of_poisson_at_99_percent(mean: float) -> None:
    assert poisson_limit(mean) == poisson.ppf(0.99, mean)


@pytest.mark.parametrize(("before", "fresh", "flooded"), [(0, 3, False), (0, 4, True), (14, 6, False), (14, 7, True)])
def test_a_flood_is_more_in_a_day_than_chance_allows_after_the_week_before(stage: Stage, before: int, fresh: int, flooded: bool) -> None:
    assert poisson_limit(max(before / 7, LEAST_MEAN)) == fresh - flooded
    stage.day(0, hours=1)
    for _ in range(before):
        stage.ticket(system="erp")
    stage.day(7.5)
    for _ in range(fresh):
        stage.ticket(system="erp")
    assert stage.seen(of(floods)) == {"erp": flooded}
    stage.day(17)
    assert stage.seen(of(floods)) == {}


def test_tickets_of_no_system_are_a_route_of_their_own(stage: Stage) -> None:
    for _ in range(4):
        stage.ticket(system=None)
    stage.ticket(system="erp")
    assert stage.seen(of(floods)) == {"undecided": True, "erp": False}


def test_systems_that_people_make_up_add_no_series_without_end(stage: Stage) -> None:
    for number in range(MOST_ROUTES + 15):
        stage.ticket(system=f"system-{number:02}")
    stage.ticket(system="system-34")
    found = stage.seen(of(floods))
    assert len(found) == MOST_ROUTES + 1
    assert (found["other"], found["system-34"], "system-33" in found) == (True, False, False)


def test_silence_counts_running_shifts_only_and_from_the_golive_on(stage: Stage) -> None:
    begin = BEGIN + 7 * DAY
    shifts = (Shift(begin="06:00", end="14:00"), Shift(begin="22:00", end="02:00"))
    stage.declare(site="Lund", time_zone="UTC", starts_at=begin, shifts=shifts)
    silences, running = [], []
    for hours in (-3, 0, 5, 8, 12, 16, 17, 20, 24, 25):
        stage.now = begin + hours * 60 * MINUTE
        if hours == 17:
            stage.ticket(site="Lund")
        silences.append(stage.seen(of(silence), golive="GL-2") / 3600)
        running.append(stage.seen(of(shift_runs), golive="GL-2"))
    assert silences == [0, 0, 5, 8, 8, 8, 0, 3, 3, 4]
    assert running == [False, True, True, False, False, True, True, False, True, True]


def test_without_shifts_silence_is_the_time_since_the_last_submission(stage: Stage) -> None:
    stage.now += 90 * MINUTE
    assert stage.seen(of(silence)) == 90 * 60
    made = stage.ticket()
    stage.now += 10 * MINUTE
    stage.does(made, SOLVED)
    assert stage.seen(of(silence)) == 600


def test_a_sev1_is_unattended_until_it_is_in_work_and_again_since_its_reopening(stage: Stage) -> None:
    made = stage.ticket("sev1")
    ages = []
    for change in (e.TicketRouted(system="erp", team="erp"), e.TicketAcknowledged(), SOLVED, e.TicketReopened()):
        stage.now += 7 * MINUTE
        ages.append(stage.seen(of(oldest_unattended_sev1)) / 60)
        stage.does(made, change)
    stage.now += 4 * MINUTE
    ages.append(stage.seen(of(oldest_unattended_sev1)) / 60)
    assert ages == [7, 14, 0, 0, 4]


def test_the_oldest_unattended_sev1_counts_and_lesser_ones_do_not(stage: Stage) -> None:
    stage.ticket("sev2")
    stage.now += 5 * MINUTE
    raised = stage.ticket("sev3")
    stage.now += 5 * MINUTE
    stage.ticket("sev1", system=None)
    stage.now += 5 * MINUTE
    assert stage.seen(of(oldest_unattended_sev1)) == 300
    stage.does(raised, e.TicketReclassified(severity="sev1"))
    assert stage.seen(of(oldest_unattended_sev1)) == 600
