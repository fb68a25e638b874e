"""The rules of the clocks, one by one: what starts, stops and pauses them, and what a change of mind does to them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import events as e
from schemas.clocks import CLOCKS, ClockState, PolicyText
from schemas.words import GxpFlag
from tests import clock_histories
from tests.clock_stories import BEGIN, REPORTER, RESOLVED, SITE, VENDOR, WINDOW, Life, graded

ROOT = Path(__file__).parent.parent
HOUR, DAY = 60, 24 * 60
HISTORIES = 1_000
PART = 250
DAY_AND_NIGHT: dict[str, Any] = {"calendars": {"always": {}}}
DECIDED: dict[str, Any] = {"gxp": "none", "decided_by": "floor", "prediction": {}, "model": "m", "rules": "r", "configuration": "c"}


def flat(pause: float = 3600, **severities: float) -> dict[str, Any]:
    """A policy by the wall clock, with minutes to resolve by severity."""
    told = {
        grade: {"calendar": "always", "pause": 0 if grade == "sev1" else pause, "resolution": 60 * number}
        for grade, number in severities.items()
    }
    return {"site": SITE, **DAY_AND_NIGHT, "severities": told}


def resolution(life: Life, minute: float) -> ClockState:
    return life.clocks(minute)["resolution"]


@pytest.mark.parametrize("part", range(HISTORIES // PART))
def test_live_clocks_equal_those_worked_out_anew_and_an_auditors(part: int) -> None:
    for seed in range(part * PART, (part + 1) * PART):
        clock_histories.check(seed)


def test_an_auditor_finds_a_clock_that_forgets_a_pause() -> None:
    life = Life("sev2").then(0, e.TicketAcknowledged()).then(1, REPORTER).then(61, e.TicketResumed())
    seen = clock_histories.audited(life.entries, life.minute(3 * DAY))["resolution"]
    assert seen.due == resolution(life, 100).due_at == life.minute(3 * DAY + HOUR)
    assert seen.due != resolution(Life("sev2").then(0, e.TicketAcknowledged()), 100).due_at


def test_a_clock_starts_when_the_problem_occurred() -> None:
    state = Life("sev1", occurred=-4).clocks(0)["acknowledgement"]
    assert (state.started, state.due_at) == (BEGIN - timedelta(minutes=4), BEGIN + timedelta(minutes=1))


def test_it_never_starts_later_than_the_report() -> None:
    assert Life("sev1", occurred=30).clocks(0)["acknowledgement"].started == BEGIN


def test_an_occurrence_long_ago_is_taken_for_thirty_days_at_most() -> None:
    assert Life("sev1", occurred=-400 * DAY).clocks(0)["response"].started == BEGIN - timedelta(days=30)


def test_due_itself_is_in_time_and_a_microsecond_later_is_late() -> None:
    life, moment = Life("sev1"), 1e-6 / 60
    assert life.clocks(5)["acknowledgement"].phase == "running"
    late = life.clocks(5 + moment)["acknowledgement"]
    assert (late.phase, late.breached_at, late.breached_as) == ("late", life.minute(5), "sev1")


def test_routing_time_is_inside() -> None:
    life = Life("sev1").then(10, e.TicketRouted(system="oee", team="oee"))
    assert life.clocks(10)["acknowledgement"].breached_at == life.minute(5)


@pytest.mark.parametrize(
    ("by", "stops"), [(("erik", "engineer"), True), (("service:bot", "service"), False), (("history:unknown", "history"), False)]
)
def test_only_a_person_acknowledges(by: tuple[str, str], stops: bool) -> None:
    clocks = Life("sev1").then(1, e.TicketAcknowledged(), by).clocks(2)
    assert [clocks[clock].phase for clock in ("acknowledgement", "response")] == (["met", "met"] if stops else ["running", "running"])


@pytest.mark.parametrize(
    ("by", "answers"),
    [
        (("erik", "engineer"), True),
        (("olga", "engineer"), False),
        (("otto", "operator"), False),
        (("dora", "support_desk"), False),
        (("service:bot", "service"), False),
    ],
)
def test_an_answer_comes_from_the_team_and_not_from_those_who_ask(by: tuple[str, str], answers: bool) -> None:
    state = Life("sev1").then(1, e.TicketCommented(text="which label?"), by).clocks(2)["response"]
    assert (state.stopped_at is not None) == answers


def test_a_workaround_answers_too_and_a_comment_acknowledges_nothing() -> None:
    clocks = Life("sev1").then(1, e.TicketCommented(text="seen")).then(3, e.TicketWorkedAround(workaround="by hand")).clocks(4)
    assert [clocks[clock].phase for clock in CLOCKS] == ["running", "met", "met", "running"]


def test_a_resolution_ends_every_clock() -> None:
    clocks = Life("sev1").then(4, RESOLVED).clocks(9)
    assert {state.phase for state in clocks.values()} == {"met"}


def test_a_raise_takes_the_target_anew_from_the_start() -> None:
    life = Life("sev2").site(-1, "PolicyAdopted", **flat(sev1=60, sev2=600)).then(90, graded("sev1"))
    before, after = resolution(life, 89), resolution(life, 90)
    assert (before.phase, before.due_at) == ("running", life.minute(600))
    assert (after.phase, after.breached_at, after.breached_as) == ("late", life.minute(60), "sev1")


def test_lowering_keeps_the_breach_and_takes_the_target_anew() -> None:
    life = Life("sev1").site(-1, "PolicyAdopted", **flat(sev1=60, sev3=600)).then(61, graded("sev3"))
    state = resolution(life, 62)
    assert (state.severity, state.due_at, state.breached_as, state.phase) == ("sev3", life.minute(600), "sev1", "late")
    in_time = Life("sev1").site(-1, "PolicyAdopted", **flat(sev1=60, sev3=600)).then(60, graded("sev3"))
    assert resolution(in_time, 62).phase == "running"


def test_the_gravest_missed_target_counts() -> None:
    life = Life("sev3").site(-1, "PolicyAdopted", **flat(sev1=60, sev3=100)).then(101, graded("sev1")).then(102, graded("sev3"))
    assert resolution(life, 103).breached_as == "sev1"


def test_what_a_ticket_is_called_after_its_clock_stopped_does_not_move_it() -> None:
    life = Life("sev3").then(30, e.TicketAcknowledged()).then(40, graded("sev1"))
    state = life.clocks(50)["acknowledgement"]
    assert (state.severity, state.phase) == ("sev3", "met")
    assert life.clocks(50)["response"].phase == "met"
    assert life.clocks(3 * HOUR)["workaround"].severity == "sev1"


def test_the_first_severity_counts_from_the_start() -> None:
    life = Life(None).then(7, e.TicketClassified(system="oee", severity="sev1", **DECIDED))
    assert life.clocks(6)["acknowledgement"].phase == "no_severity"
    assert life.clocks(7)["acknowledgement"].breached_at == life.minute(5)


def test_waiting_for_the_reporter_or_a_window_pauses_and_for_a_vendor_does_not() -> None:
    for hold, due in ((REPORTER, 630), (WINDOW, 630), (VENDOR, 600)):
        life = (
            Life("sev2")
            .site(-1, "PolicyAdopted", **flat(sev2=600))
            .then(1, e.TicketAcknowledged())
            .then(10, hold)
            .then(40, e.TicketResumed())
        )
        assert resolution(life, 41).due_at == life.minute(due)


def test_a_pause_is_capped_in_all() -> None:
    life = Life("sev2").site(-1, "PolicyAdopted", **flat(pause=45 * 60, sev2=600)).then(1, e.TicketAcknowledged())
    life.then(10, REPORTER).then(40, e.TicketResumed()).then(50, WINDOW)
    assert resolution(life, 51).due_at == life.minute(645)
    assert (resolution(life, 64).phase, resolution(life, 65).phase) == ("paused", "running")
    assert resolution(life, 100).paused == 45 * 60


def test_the_clocks_of_a_sev1_do_not_pause() -> None:
    life = Life("sev1").then(1, e.TicketAcknowledged()).then(10, REPORTER)
    assert resolution(life, 500).due_at == life.minute(DAY)
    with pytest.raises(ValueError, match="never pause"):
        PolicyText.model_validate(DAY_AND_NIGHT | {"severities": {"sev1": {"calendar": "always", "pause": 60, "resolution": 60}}})


def test_paused_time_survives_a_raise() -> None:
    life = Life("sev2").site(-1, "PolicyAdopted", **flat(sev1=60, sev2=600)).then(1, e.TicketAcknowledged())
    life.then(10, REPORTER).then(40, e.TicketResumed()).then(50, graded("sev1"))
    assert resolution(life, 51).due_at == life.minute(90)


def test_a_raise_ends_a_pause() -> None:
    life = Life("sev2").site(-1, "PolicyAdopted", **flat(sev1=60, sev2=600)).then(1, e.TicketAcknowledged())
    life.then(10, REPORTER).then(40, graded("sev1"))
    assert resolution(life, 41).due_at == life.minute(90)


def test_a_reopening_goes_on_with_the_old_clock() -> None:
    life = Life("sev2").site(-1, "PolicyAdopted", **flat(sev2=100)).then(60, RESOLVED).then(560, e.TicketReopened())
    assert (resolution(life, 500).phase, resolution(life, 560).due_at) == ("met", life.minute(600))
    assert (resolution(life, 600).elapsed, resolution(life, 601).phase) == (6_000, "late")


def test_an_acknowledgement_holds_over_a_reopening_and_a_missing_one_is_missed_again() -> None:
    acknowledged = Life("sev1").then(1, e.TicketAcknowledged()).then(3, RESOLVED).then(50, e.TicketReopened())
    assert acknowledged.clocks(90)["acknowledgement"].phase == "met"
    never = Life("sev1").then(3, RESOLVED).then(50, e.TicketReopened())
    assert never.clocks(52)["acknowledgement"].phase == "running"
    assert never.clocks(53)["acknowledgement"].breached_at == never.minute(52)


def test_what_is_cancelled_is_not_counted_unless_it_was_late_by_then() -> None:
    assert {state.phase for state in Life("sev1").then(4, e.TicketCancelled()).clocks(100).values()} == {"ended"}
    assert Life("sev1").then(6, e.TicketCancelled()).clocks(100)["acknowledgement"].phase == "late"


def test_warnings_tell_when_half_and_four_fifths_are_used_up() -> None:
    life = Life("sev1")
    assert [(each.share, each.at) for each in life.clocks(1)["acknowledgement"].warnings] == [
        (0.5, life.minute(2.5)),
        (0.8, life.minute(4)),
    ]


def test_another_policy_holds_for_the_clocks_that_start_from_then_on() -> None:
    changed = Life("sev2", occurred=-10).site(-20, "PolicyAdopted", **flat(sev2=100)).site(-5, "PolicyAdopted", **flat(sev2=1))
    state = resolution(changed, 50)
    assert (state.policy, state.target, state.phase) == (1, 6_000, "running")
    assert resolution(Life("sev2").site(-5, "PolicyAdopted", **flat(sev2=1)), 2).phase == "late"


def test_a_zone_that_is_told_later_moves_no_clock() -> None:
    where = {"golive": "GL-1", "name": "w", "site": SITE, "starts_at": BEGIN, "planned_end": BEGIN + timedelta(days=40)}
    life = (
        Life("sev3")
        .site(-9, "GoLiveDeclared", **where, time_zone="Europe/Dublin")
        .site(9, "GoLiveDeclared", **where, time_zone="Asia/Kolkata")
    )
    assert life.clocks(10)["acknowledgement"].due_at == life.minute(4 * HOUR)
    assert Life("sev3").clocks(10)["acknowledgement"].due_at == life.minute(4 * HOUR)


def test_a_shutdown_counts_from_when_it_was_planned_until_it_is_dropped() -> None:
    rest = {
        "golive": "GL-1",
        "scope_event": "SE-1",
        "kind": "shutdown",
        "title": "power",
        "at": BEGIN - timedelta(hours=2),
        "until": BEGIN + timedelta(hours=5),
    }
    planned = Life("sev3").site(HOUR, "ScopeEventPlanned", **rest)
    assert planned.clocks(30)["acknowledgement"].due_at == planned.minute(4 * HOUR)
    assert planned.clocks(HOUR)["acknowledgement"].due_at == planned.minute(8 * HOUR)
    dropped = planned.site(2 * HOUR, "ScopeEventDropped", golive="GL-1", scope_event="SE-1")
    assert dropped.clocks(3 * HOUR)["acknowledgement"].due_at == planned.minute(5 * HOUR)
    assert Life("sev1").site(1, "ScopeEventPlanned", **rest).clocks(2)["acknowledgement"].due_at == planned.minute(5)


def test_a_shift_through_the_night_that_clocks_skip_an_hour_of_is_an_hour_shorter() -> None:
    hours = [{"begin": "22:00", "end": "06:00"}]
    calendars = {"night": {"hours": hours, "time_zone": "Europe/Dublin"}}
    policy = {"site": SITE, "calendars": calendars, "severities": {"sev2": {"calendar": "night", "resolution": 8 * 3600}}}
    for begin, due in (
        (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (datetime(2026, 10, 24, 21, tzinfo=UTC), datetime(2026, 10, 25, 5, tzinfo=UTC)),
    ):
        life = Life("sev2", begin=begin).site(-1, "PolicyAdopted", **policy)
        assert resolution(life, 1).due_at == due
    spring = Life("sev2", begin=datetime(2026, 3, 28, 22, tzinfo=UTC)).site(-1, "PolicyAdopted", **policy)
    assert resolution(spring, 8 * HOUR).elapsed == 7 * 3600


def test_the_pieces_of_a_clock_add_up() -> None:
    life = Life("sev2", occurred=-20).then(1, e.TicketAcknowledged()).then(10, REPORTER).then(40, e.TicketResumed()).then(50, RESOLVED)
    life.then(80, e.TicketReopened()).then(90, VENDOR)
    state = resolution(life, 100)
    assert sum(span.counted for span in state.spans) == state.elapsed == (20 + 10 + 10 + 20) * 60
    assert [(span.end - span.begin).total_seconds() - span.counted for span in state.spans] == [0, 0, 0, 1800, 0, 1800, 0, 0]
    assert "paused, it waits for the reporter: so agreed" in "\n".join(state.lines)
    assert state.lines[-1] == "in time and still running, with 2 d 23 h left"


def test_a_flag_moves_no_clock() -> None:
    flag: GxpFlag = "potential"
    life = Life("sev2").then(5, e.TicketReclassified(gxp=flag))
    assert resolution(life, 6).due_at == life.minute(3 * DAY)


def example() -> tuple[str, ...]:
    """A Sev2 of a night shift over the change to summer time, with an hour of waiting for the reporter."""
    begin = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    night = [{"begin": "22:00", "end": "06:00"}]
    where = {"golive": "GL-1", "name": "wave 1", "site": SITE, "starts_at": begin, "planned_end": begin + timedelta(days=42)}
    life = Life("sev2", begin=begin).site(-DAY, "GoLiveDeclared", **where, time_zone="Europe/Dublin", shifts=night)
    life.then(10, e.TicketRouted(system="oee", team="oee")).then(15, e.TicketAcknowledged())
    life.then(2.5 * HOUR, REPORTER).then(3.5 * HOUR, e.TicketResumed())
    return life.clocks(26.5 * HOUR)["workaround"].lines


def test_the_worked_example_of_the_page_is_what_the_clocks_say() -> None:
    page = (ROOT / "docs" / "clocks.md").read_text("utf-8")
    assert "\n".join(example()) in page
    assert "```text\n" + "\n".join(example()[-8:]) + "\n```" in (ROOT / "README.md").read_text("utf-8")
