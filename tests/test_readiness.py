"""Each exit criterion passes and fails on a history of a few tickets, and names them; the guard after the exit, and the phases."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from schemas import events as e
from schemas.golive_events import CriterionAttested, CriterionWaived
from schemas.golive_figures import CriterionVerdict, Readiness
from schemas.golives import ExposureText, Phase, ScopeEventText
from services import golives as said
from services.ledger import Ledger
from services.stabilisation.days import standups
from services.stabilisation.keeper import keeping, taken_now
from services.stabilisation.readiness import HOLDING
from tests.golive_lives import declared, lived
from tests.golive_lives import text as any_text
from tests.lives import ENGINEER, QA
from tests.small_golives import BEGIN, DAY, HEAD, LEAD, MINUTE, SOLVED, VENDOR, Stage

WORKAROUND = e.TicketWorkedAround(workaround="Print at line 4")


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    stage = Stage(ledger)
    stage.declare(time_zone="UTC")
    stage.day(0, hours=1)
    return stage


def told(stage: Stage, criterion: str) -> CriterionVerdict:
    return next(each for each in stage.seen(lambda sight: sight.readiness.criteria) if each.id == criterion)


def stands(stage: Stage, criterion: str) -> tuple[str, tuple[str, ...]]:
    found = told(stage, criterion)
    return found.verdict, found.tickets


def test_no_sev1_is_open_and_none_occurred_on_ten_production_days(stage: Stage) -> None:
    assert "not 10 production days yet" in told(stage, "no_sev1").value
    stage.day(2)
    made = stage.ticket("sev1")
    stage.day(12, hours=17.9)
    assert stands(stage, "no_sev1") == ("fail", (made,))
    stage.does(made, SOLVED)
    assert stands(stage, "no_sev1") == ("fail", (made,))
    stage.day(12, hours=18)
    assert stands(stage, "no_sev1") == ("pass", ())
    easter = ScopeEventText(kind="holiday", title="Easter", at=BEGIN + 4 * DAY)
    stage.write(lambda draft: said.plan_scope_event(draft, "GL-1", easter, LEAD))
    assert stands(stage, "no_sev1") == ("fail", (made,))
    stage.day(13, hours=18)
    assert stands(stage, "no_sev1") == ("pass", ())


def test_a_sev1_counts_from_when_it_occurred_also_where_it_is_raised_later(stage: Stage) -> None:
    stage.day(2)
    early, late = stage.ticket("sev3"), stage.ticket("sev3", occurred_at=BEGIN - 5 * DAY)
    stage.day(5)
    assert stage.seen(lambda sight: sight.figures.last_sev1_at) is None
    stage.does(early, e.TicketReclassified(severity="sev1"))
    assert stage.seen(lambda sight: sight.figures.last_sev1_at) == BEGIN + 2 * DAY
    assert stage.seen(lambda sight: sight.figures.last_sev1_at, BEGIN + 4 * DAY) is None
    stage.does(late, e.TicketReclassified(severity="sev1"))
    for ticket in (early, late):
        stage.does(ticket, SOLVED)
    stage.day(12)
    assert stands(stage, "no_sev1") == ("fail", (early,))
    stage.day(13)
    assert stands(stage, "no_sev1") == ("pass", ())


def test_few_sev2_are_open_each_with_workaround_owner_and_date(stage: Stage) -> None:
    made = [stage.ticket("sev2") for _ in range(4)]
    for ticket in made:
        stage.does(ticket, e.TicketAssigned(assignee="ines", due_at=BEGIN + 9 * DAY))
        stage.does(ticket, WORKAROUND)
    stage.day(1)
    assert stands(stage, "sev2_held") == ("fail", tuple(made))
    stage.does(made[0], SOLVED)
    stage.day(5.9)
    assert stands(stage, "sev2_held") == ("fail", tuple(made[1:]))
    stage.day(6, seconds=1)
    assert stands(stage, "sev2_held") == ("pass", tuple(made[1:]))
    stage.does(made[1], e.TicketAssigned(assignee="ines"))
    bare = stage.ticket("sev3")
    stage.does(bare, e.TicketReclassified(severity="sev2"))
    stage.does(made[2], SOLVED)
    assert stands(stage, "sev2_held") == ("fail", (made[1], bare))


def test_few_sev3_are_open_or_few_for_those_who_end_them_and_none_is_old(stage: Stage) -> None:
    made = [stage.ticket("sev3") for _ in range(15)]
    assert stands(stage, "sev3_low") == ("pass", tuple(made))
    made.append(stage.ticket("sev3"))
    assert stands(stage, "sev3_low") == ("fail", tuple(made))
    for number in range(23):
        assert stands(stage, "sev3_low")[0] == "fail", number
        stage.does(stage.ticket("sev4"), SOLVED)
    assert stands(stage, "sev3_low")[0] == "pass"
    for ticket in made[1:]:
        stage.does(ticket, SOLVED)
    stage.day(20, hours=1)
    assert stands(stage, "sev3_low") == ("pass", (made[0],))
    stage.now += MINUTE
    assert stands(stage, "sev3_low") == ("fail", (made[0],))


def _arrive(stage: Stage, days: Sequence[float]) -> None:
    for day in days:
        stage.day(day)
        stage.ticket("sev4", system=None)


def test_arrivals_are_normal_and_do_not_rise(stage: Stage) -> None:
    _arrive(stage, [0.5 * number + 0.1 for number in range(28)])
    stage.day(14, microseconds=-1)
    assert "not 14 days yet" in told(stage, "arrivals_normal").value
    stage.day(14)
    assert told(stage, "arrivals_normal").verdict == "pass"
    _arrive(stage, [14.1] * 18)
    risen = told(stage, "arrivals_normal")
    assert (risen.verdict, risen.value[:9]) == ("fail", "4.4 a day")
    stage.day(22)
    _arrive(stage, [22.0] * 34)
    assert told(stage, "arrivals_normal").value[:9] == "4.9 a day"
    stage.day(40)
    assert told(stage, "arrivals_normal").verdict == "pass"


def test_as_many_end_as_arrive_on_four_of_five_days(stage: Stage) -> None:
    assert told(stage, "burning_down").verdict == "pass"
    made = [stage.ticket("sev4") for _ in range(3)]
    stage.day(3)
    assert (told(stage, "burning_down").verdict, told(stage, "burning_down").value) == ("fail", "2 of 5 days")
    for ticket in made:
        stage.does(ticket, SOLVED)
    values = []
    for day in (3, 4, 5, 6):
        stage.day(day, hours=2)
        values.append((told(stage, "burning_down").value, told(stage, "burning_down").verdict))
    assert values == [("2 of 5 days", "fail"), ("2 of 5 days", "fail"), ("3 of 5 days", "fail"), ("4 of 5 days", "pass")]


def test_little_of_what_was_resolved_comes_back(stage: Stage) -> None:
    assert told(stage, "few_reopened").verdict == "unknown"
    made = [stage.ticket("sev4") for _ in range(20)]
    for ticket in made:
        stage.does(ticket, SOLVED)
    stage.does(made[3], e.TicketReopened())
    assert stands(stage, "few_reopened") == ("pass", (made[3],))
    stage.day(5)
    stage.does(made[9], e.TicketReopened())
    assert stands(stage, "few_reopened") == ("fail", (made[3], made[9]))
    stage.day(15)
    assert stands(stage, "few_reopened") == ("pass", ())


def test_the_gravest_are_in_time(stage: Stage) -> None:
    assert told(stage, "in_time").verdict == "unknown"
    for _ in range(5):
        made = stage.ticket("sev1")
        stage.does(made, e.TicketAcknowledged())
        stage.does(made, SOLVED)
    stage.ticket("sev2")
    stage.now += 15 * MINUTE
    assert (told(stage, "in_time").verdict, told(stage, "in_time").value) == ("pass", "10 of 10 times in time")
    stage.now += timedelta(microseconds=1)
    assert (told(stage, "in_time").verdict, told(stage, "in_time").value) == ("pass", "10 of 11 times in time")
    stage.day(4)
    assert (told(stage, "in_time").verdict, told(stage, "in_time").value) == ("fail", "10 of 12 times in time")
    stage.day(14, hours=2)
    assert told(stage, "in_time").verdict == "pass"


def test_own_staff_solves_nearly_all(stage: Stage) -> None:
    assert told(stage, "own_staff").verdict == "unknown"
    for number in range(20):
        stage.does(stage.ticket("sev4"), SOLVED, VENDOR if number == 7 else ENGINEER)
    assert told(stage, "own_staff").verdict == "pass"
    stage.does(stage.ticket("sev4"), SOLVED, VENDOR)
    assert (told(stage, "own_staff").verdict, told(stage, "own_staff").value) == ("fail", "19 of 21 (90%)")
    stage.day(8)
    assert told(stage, "own_staff").verdict == "pass"


def _reported(stage: Stage, day: int, done: int | None, right: int | None) -> None:
    report = ExposureText(site="Cork", day=(BEGIN + day * DAY).date(), batches_completed=done, batches_right_first_time=right)
    stage.write(lambda draft: said.report_exposure(draft, report, LEAD))


def test_enough_batches_were_completed_right_first_time(stage: Stage) -> None:
    _reported(stage, -1, 50, 50)
    _reported(stage, 0, None, None)
    assert told(stage, "batches").verdict == "unknown"
    _reported(stage, 0, 9, 9)
    assert told(stage, "batches").verdict == "fail"
    _reported(stage, 1, 1, 0)
    stage.day(0, hours=17.9)
    assert (told(stage, "batches").verdict, told(stage, "batches").value) == ("fail", "9 completed, 9 right first time")
    stage.day(0, hours=18)
    assert (told(stage, "batches").verdict, told(stage, "batches").value) == ("pass", "10 completed, 9 right first time")
    _reported(stage, 1, 2, 0)
    assert told(stage, "batches").verdict == "fail"


def test_every_flag_is_assessed_and_linked_and_every_workaround_accepted(stage: Stage) -> None:
    made = stage.ticket("sev3", system=None)
    assert stands(stage, "gxp_assessed") == ("pass", ())
    stage.classified(made, gxp="potential")
    stage.does(made, e.TicketRouted(system="lims", team="lims"))
    steps: list[tuple[e.Event, Any, str]] = [
        (e.TicketReclassified(gxp="confirmed"), QA, "fail"),
        (e.TicketLinked(quality_record="DEV-1"), QA, "pass"),
        (WORKAROUND, ENGINEER, "fail"),
        (e.TicketWorkaroundAccepted(), QA, "pass"),
        (WORKAROUND, ENGINEER, "fail"),
        (SOLVED, ENGINEER, "pass"),
    ]
    assert stands(stage, "gxp_assessed") == ("fail", (made,))
    for event, by, verdict in steps:
        stage.does(made, event, by)
        assert stands(stage, "gxp_assessed") == (verdict, (made,) if verdict == "fail" else ()), event


@pytest.mark.parametrize("criterion", ["changes_documented", "support_ready"])
def test_what_nothing_counts_a_person_attests(stage: Stage, criterion: str) -> None:
    assert told(stage, criterion).verdict == "unknown"
    for holds, verdict in ((True, "pass"), (False, "fail"), (True, "pass")):
        word = CriterionAttested(golive="GL-1", criterion=criterion, holds=holds, evidence="minutes of week 12")
        stage.write(partial(said.attest, golive="GL-1", event=word, by=HEAD))
        assert (told(stage, criterion).verdict, told(stage, criterion).value) == (verdict, "bob (site_head): minutes of week 12")


def test_evidence_has_an_address_and_a_waived_criterion_that_holds_passes(stage: Stage) -> None:
    made = [stage.ticket("sev2") for _ in range(2)]
    assert told(stage, "sev2_held").tickets_url == f"/v1/tickets?id={made[0]}&id={made[1]}"
    for criterion in ("sev2_held", "gxp_assessed"):
        waiver = CriterionWaived(golive="GL-1", criterion=criterion, until=BEGIN + DAY)
        stage.write(partial(said.waive, golive="GL-1", event=waiver, by=LEAD))
    assert told(stage, "sev2_held").verdict == "waived"
    assert (told(stage, "gxp_assessed").verdict, told(stage, "gxp_assessed").note) == ("pass", None)


@pytest.mark.parametrize("seed", [3, 8])
def test_since_when_equals_a_look_at_every_standup(ledger: Ledger, seed: int) -> None:
    stage = Stage(ledger)
    golive = declared(ledger, any_text(hypercare_only=()))
    lived(ledger, "Cork", seed, steps=70, hours=14)
    waiver = CriterionWaived(golive="GL-1", criterion="batches", until=BEGIN + 400 * DAY)
    stage.write(lambda draft: said.waive(draft, "GL-1", waiver, LEAD))
    lived(ledger, "Cork", seed + 100, steps=30, hours=14)
    now, found, sittings = stage.seen(lambda sight: (sight.outline.at, sight.readiness, sight.sittings))
    instants = [*(instant for _, instant in standups(golive.text, now)), now]
    naive = [stage.afresh(lambda sight: sight.readiness, instant) for instant in instants]
    assert [each.verdicts for each in sittings] == [tuple(each.verdict for each in looked.criteria) for looked in naive]
    for place, criterion in enumerate(found.criteria):
        assert criterion.since == _since(instants, [looked.criteria[place].verdict == criterion.verdict for looked in naive])
    assert found.would_have_passed_on == next((at for at, looked in zip(instants, naive, strict=True) if looked.all_hold), None)
    assert found.passed == sum(each.verdict in HOLDING for each in found.criteria)


def _since(instants: Sequence[datetime], holds: Sequence[bool]) -> datetime:
    last = max((place for place, each in enumerate(holds) if not each), default=-1)
    return instants[last + 1]


def _calm(stage: Stage) -> Readiness:
    """Everything holds: few batches are waived, and people attest the rest."""
    for criterion in ("batches", "changes_documented", "support_ready"):
        waiver = CriterionWaived(golive="GL-1", criterion=criterion, until=BEGIN + 60 * DAY)
        stage.write(partial(said.waive, golive="GL-1", event=waiver, by=LEAD))
    return stage.seen(lambda sight: sight.readiness)


def test_all_hold_since_the_standup_at_which_the_last_one_came_to_hold(stage: Stage) -> None:
    assert (_calm(stage).all_hold, _calm(stage).since) == (False, None)
    stage.day(20)
    found = stage.seen(lambda sight: sight.readiness)
    assert (found.all_hold, found.since, found.would_have_passed_on) == (True, BEGIN + 14 * DAY, BEGIN + 14 * DAY)
    stage.ticket("sev1")
    found = stage.seen(lambda sight: sight.readiness)
    assert (found.all_hold, found.since, found.would_have_passed_on) == (False, None, BEGIN + 14 * DAY)
    assert "no_sev1" in [each.id for each in found.weakest]


def ended(stage: Stage) -> None:
    golive, snapshot = stage.seen(lambda sight: (sight.golive, taken_now(sight)))
    stage.write(keeping(golive, snapshot))
    stage.write(lambda draft: said.exit_golive(draft, "GL-1", snapshot.snapshot, LEAD))


def phase(stage: Stage, at: datetime | None = None) -> Phase:
    return stage.seen(lambda sight: sight.figures.phase, at)


def test_phases_follow_each_other(stage: Stage) -> None:
    assert phase(stage, BEGIN - timedelta(microseconds=1)) == "planned"
    assert phase(stage, BEGIN) == "hypercare"
    stage.day(42)
    assert phase(stage) == "hypercare"
    stage.now += MINUTE
    assert phase(stage) == "overdue"
    ended(stage)
    assert phase(stage) == "guarded"
    stage.day(56)
    assert phase(stage) == "guarded"
    stage.now += MINUTE
    assert phase(stage) == "exited"
    stage.write(lambda draft: said.reenter(draft, "GL-1", LEAD))
    assert (phase(stage), phase(stage, BEGIN + 50 * DAY)) == ("overdue", "guarded")


def test_a_sev1_that_occurs_after_the_exit_is_a_relapse_until_the_guard_is_over(stage: Stage) -> None:
    stage.day(20)
    ended(stage)
    stage.day(21)
    stage.ticket("sev1", occurred_at=BEGIN + 19 * DAY)
    assert phase(stage) == "guarded"
    made = stage.ticket("sev1")
    found = stage.seen(lambda sight: sight.readiness)
    assert (phase(stage), found.light, found.relapse) == ("relapsed", "red", f"a Sev1 occurred after the exit: {made}")
    assert found.reasons[0] == found.relapse
    stage.day(34, microseconds=-1)
    assert phase(stage) == "relapsed"
    stage.day(34)
    assert (phase(stage), stage.seen(lambda sight: sight.relapse)) == ("exited", None)
    stage.write(lambda draft: said.reenter(draft, "GL-1", LEAD))
    assert phase(stage) == "hypercare"


@pytest.mark.parametrize(("before", "after", "relapsed"), [(0, 10, False), (0, 11, True), (14, 21, False), (14, 22, True)])
def test_half_more_arrivals_than_at_the_exit_are_a_relapse(stage: Stage, before: int, after: int, relapsed: bool) -> None:
    _arrive(stage, [19.0] * before)
    stage.day(20)
    ended(stage)
    _arrive(stage, [27.5] * after)
    assert (phase(stage) == "relapsed") is relapsed
