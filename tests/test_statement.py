"""The arithmetic of a clock as people read it: pieces that add up, both clocks beside each other, rests by name, and a verdict."""

import re
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas import events as e
from schemas.clocks import CLOCKS, CalendarText, ClockState
from services.policies import NOWHERE
from services.stabilisation.timetable import hours_told
from services.times import EVERY_UNIT, lasting, moment
from tests.clock_stories import REPORTER, RESOLVED, SITE, Life, graded
from tests.command_line import on_a_terminal

NIGHTS = {"hours": [{"days": ["sat", "mon"], "begin": "22:00", "end": "06:00"}], "time_zone": "Asia/Aden"}
DUBLIN = ZoneInfo("Europe/Dublin")
HOUR, DAY = 60, 24 * 60
SIZES = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
FRIDAY = datetime(2026, 3, 27, 15, 12, 5, 400_123, tzinfo=UTC)
IRISH = {"holidays": "IE", "rests": True}
POLICY: dict[str, Any] = {
    "site": SITE,
    "calendars": {
        "office": {"hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "begin": "08:00", "end": "16:00"}], **IRISH},
        "plant": {"hours": [{"begin": "06:00", "end": "22:00"}], **IRISH},
    },
    "severities": {
        "sev2": {"calendar": "plant", "pause": 8 * 3600, "resolution": 72 * 3600},
        "sev3": {"calendar": "office", "pause": 5 * 86_400, "resolution": 80 * 3600},
    },
}


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "-"), (0.9, "0 s"), (119, "1 min 59 s"), (600, "10 min"), (7_500, "2 h 5 min"), (200_000, "2 d 7 h")]
)
def test_durations_are_told_in_two_units(seconds: float | None, said: str) -> None:
    assert lasting(seconds) == said


def test_a_duration_may_be_told_to_the_second_and_without_days() -> None:
    assert lasting(187_803.99, EVERY_UNIT) == "2 d 4 h 10 min 3 s"
    assert lasting(187_803.99, EVERY_UNIT, days=False) == "52 h 10 min 3 s"
    assert lasting(86_405, 2) == "1 d"


def test_an_instant_is_told_on_both_clocks_and_with_both_days_where_they_differ() -> None:
    assert moment(datetime(2026, 3, 29, 0, 59, 59, 999_999, UTC), DUBLIN) == "Sun 2026-03-29 00:59:59 GMT (00:59:59 UTC)"
    assert moment(datetime(2026, 3, 29, 23, 30, tzinfo=UTC), DUBLIN) == "Mon 2026-03-30 00:30:00 IST (Sun 2026-03-29 23:30:00 UTC)"
    assert moment(datetime(2026, 3, 29, tzinfo=timezone(timedelta(hours=2))), UTC) == "Sat 2026-03-28 22:00:00 UTC"


def disputed() -> Life:
    """A Sev3 over a change of the clocks, a night of waiting, a raise and Easter, none of it at a whole second."""
    where = {"golive": "GL-1", "name": "wave 1", "site": SITE, "starts_at": FRIDAY, "planned_end": FRIDAY + timedelta(days=42)}
    life = Life("sev3", begin=FRIDAY).site(-DAY, "GoLiveDeclared", **where, time_zone="Europe/Dublin").site(-DAY, "PolicyAdopted", **POLICY)
    life.then(8.11, e.TicketRouted(system="oee", team="oee")).then(29.4, e.TicketAcknowledged())
    life.then(18.8 * HOUR + 1 / 7, REPORTER).then(32.3 * HOUR + 1 / 7, e.TicketResumed())
    return life.then(6.76 * DAY + 1 / 3, graded("sev2"))


def resolution(days: float) -> ClockState:
    return disputed().clocks(days * DAY)["resolution"]


def seconds(told: str) -> int:
    return sum(int(number) * SIZES[unit] for number, unit in re.findall(r"(\d+) (d|h|min|s)\b", told))


def pieces(state: ClockState) -> list[tuple[int, int]]:
    """What each line adds, and the sum that it shows."""
    found = (re.search(r"\+ ([\d dhmins]+) = ([\d dhmins]+):", line) for line in state.lines)
    return [(seconds(each[1]), seconds(each[2])) for each in found if each]


@pytest.mark.parametrize("seed", range(40))
def test_the_pieces_that_are_shown_add_up_and_never_contradict_the_verdict(seed: int) -> None:
    dice = Random(seed)
    life, minute = Life("sev2", occurred=-dice.uniform(0, 9)).then(0.5, e.TicketAcknowledged()), 1.0
    for event in (REPORTER, e.TicketResumed(), RESOLVED, e.TicketReopened()) * 3:
        life.then(minute, event)
        minute += dice.uniform(0.01, 400)
    for state in life.clocks(minute).values():
        shown = pieces(state)
        assert [total for _, total in shown] == [sum(added for added, _ in shown[: place + 1]) for place in range(len(shown))]
        if state.target is not None and state.elapsed is not None:
            assert shown[-1][1] == int(state.elapsed + 1e-7)
            assert (state.phase == "late") <= (shown[-1][1] >= int(state.target))


def test_a_piece_tells_which_hours_of_it_the_calendar_counts() -> None:
    told = "\n".join(resolution(11).lines)
    assert "Fri 2026-03-27 15:41:29 to 22:00, Sat 2026-03-28 06:00 to 10:00:13" in told
    assert "Sun 2026-03-29 to Thu 2026-04-02 each 06:00 to 22:00" in told
    assert "Sat 2026-04-04 to Sun 2026-04-05 each 06:00 to 22:00, Tue 2026-04-07 06:00 to" in told
    assert "nobody works on Mon 2026-04-06: Easter Monday" in told
    assert "meanwhile the clock was put forward by 1 h" in told


def test_a_raise_tells_what_was_promised_before_it() -> None:
    before, after = resolution(6), resolution(11)
    assert before.due_at is not None
    told = f"as a sev3 it was 80 h, due {moment(before.due_at, DUBLIN)}"
    assert [line.endswith(told) for line in after.lines if line.startswith("raised from sev3 to sev2")] == [True]
    assert "target 72 h for a sev2 by policy 1" in after.lines
    assert "calendar plant: every day 06:00 to 22:00, less the holidays of IE, less holidays and shutdowns of go-lives" in after.lines


def test_a_pause_tells_its_reason_its_most_and_its_length() -> None:
    assert any(
        "paused, it waits for the reporter: so agreed (5 d at most for a sev3); 13 h 30 min not counted" in line
        for line in resolution(2).lines
    )


def test_the_verdict_tells_how_much_is_left_or_how_late_it_is() -> None:
    assert resolution(2).lines[-1].startswith("in time and still running, with 7")
    assert resolution(1).lines[-1].startswith("in time and paused, with 7")
    late = resolution(11)
    assert late.lines[-1] == f"LATE by {lasting(pieces(late)[-1][1] - 72 * 3600, EVERY_UNIT, days=False)}"
    stopped = Life("sev1").then(5.001, RESOLVED).clocks(9)["acknowledgement"]
    assert stopped.lines[-1] == "was LATE by less than a second"


def test_a_target_that_was_missed_before_a_ticket_was_lowered_is_told_as_such() -> None:
    state = Life("sev1").then(6, graded("sev3")).clocks(7)["acknowledgement"]
    assert state.lines[-1] == "LATE as a sev1: as such it was due Mon 2026-03-02 08:05:00 UTC"


def test_a_rest_of_a_go_live_and_a_shutdown_are_told_with_who_says_so() -> None:
    life = disputed().site(9 * DAY, "ScopeEventPlanned", golive="GL-1", scope_event="SE-1", kind="shutdown", title="Boiler",
                           at=FRIDAY + timedelta(days=10), until=FRIDAY + timedelta(days=12))  # fmt: skip
    assert any("a holiday or shutdown of GL-1" in line for line in life.clocks(13 * DAY)["resolution"].lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ({}, "day and night"),
        (NIGHTS, "mon, sat 22:00 to 06:00, on the clock of Asia/Aden"),
        ({"shifts": True, "holidays": "DE-BY"}, "day and night, less the holidays of DE-BY"),
    ],
)
def test_a_calendar_is_told_in_words(text: dict[str, Any], told: str) -> None:
    assert hours_told(CalendarText.model_validate(text), NOWHERE) == told


def test_every_clock_of_a_ticket_that_nobody_graded_says_so() -> None:
    assert all("nobody has graded the ticket: no target yet" in Life(None).clocks(3)[clock].lines for clock in CLOCKS)


LONG = """
from services.cli.terminal import console, hanging
console().print(hanging("from Sat 2026-03-28 23:30:00 GMT (23:30:00 UTC) + 84 h 30 min 1 s = 95 h 17 min 55 s: it was in work \\u202e"))
"""


@pytest.mark.parametrize(("columns", "lines"), [(80, 2), (120, 1)])
def test_a_long_line_goes_on_under_itself_and_a_number_keeps_its_unit(columns: int, lines: int) -> None:
    shown = on_a_terminal(LONG, COLUMNS=str(columns), TERM="xterm").splitlines()
    assert (len(shown), max(map(len, shown)) <= columns) == (lines, True)
    assert all(line.startswith("      ") for line in shown[1:])
    assert not any(re.search(r"\d$", line) for line in shown[:-1])
    assert "\u202e" not in "".join(shown)
