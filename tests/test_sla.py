"""`hypercare sla` and its routes: the arithmetic of a ticket's clocks, and policies that are adopted and never rewrite the past."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import events as e
from schemas.clocks import PolicyText
from schemas.entries import Attribution
from services.errors import Invalid
from services.golives import declare
from services.ledger import Ledger
from services.policies import SHIPPED, adopt_policy, shipped_policy
from services.stabilisation.in_time import late_clocks
from services.stabilisation.progress import Progress
from services.stabilisation.ticket_clocks import ticket_clocks
from tests.command_line import on_a_terminal, run
from tests.lived_golives import BEGIN, LEAD, TEXT, Clock, lived, served
from tests.lives import ENGINEER, happened, submitted

HOUR = timedelta(hours=1)
BECAUSE = ("--reason", "the plant runs by night now")
STRICT = PolicyText.model_validate({"calendars": {"always": {}}, "severities": {"sev2": {"calendar": "always", "resolution": 60}}})


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with closing(lived(tmp_path_factory.mktemp("plant"), 8)) as ledger, closing(ledger.database):
        yield ledger


@pytest.fixture(scope="module")
def url(plant: Ledger) -> Iterator[str]:
    with served(plant) as address:
        yield address


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    ledger.clock = clock = Clock(BEGIN)
    return clock


def sla(url: str, *words: object) -> Any:
    return run("sla", *words, "--url", url)


def adopted(ledger: Ledger, text: PolicyText = STRICT, by: Attribution = LEAD) -> int:
    return ledger.write(lambda draft: adopt_policy(draft, "Cork", text, by)).result().version


def test_the_shipped_file_is_a_policy() -> None:
    assert shipped_policy().text.severities["sev1"].acknowledgement == 300
    assert set(shipped_policy().text.severities) == {"sev1", "sev2", "sev3", "sev4"}


def test_every_line_of_the_arithmetic_is_shown(url: str, plant: Ledger) -> None:
    shown = sla(url, "explain", "HC-1").stdout
    told = ticket_clocks(plant, "HC-1")
    assert all(" ".join(line.split()) in " ".join(shown.split()) for state in told.clocks for line in state.lines)
    assert "the shipped policy (0)" in shown


SHOWN = """
import sys
sys.argv = ["hypercare", "sla", "explain", "HC-1", "--url", sys.argv[1]]
from services.cli import main
main()
"""


@pytest.mark.parametrize("columns", [80, 120])
def test_the_arithmetic_fits_the_screen(url: str, plant: Ledger, columns: int) -> None:
    program = SHOWN.replace("sys.argv[1]", repr(url))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(program, COLUMNS=str(columns), TERM="xterm")).splitlines()
    assert max(map(len, lines)) <= columns
    assert "times on the clock of Europe/Dublin and in UTC; parts of a second are cut off" in " ".join(lines)
    told = " ".join(" ".join(lines).split())
    assert all(line in told for state in ticket_clocks(plant, "HC-1").clocks for line in state.lines)


def test_the_command_tells_what_the_route_tells(url: str) -> None:
    found = json.loads(run("sla", "explain", "HC-2", "--url", url, "--json").stdout)
    assert [state["clock"] for state in found["clocks"]] == ["acknowledgement", "response", "workaround", "resolution"]
    assert found["zone"] == "Europe/Dublin"


def test_clocks_are_told_as_they_were_known(ledger: Ledger, clock: Clock) -> None:
    ticket = submitted(ledger, reported_severity="sev1").id
    clock.now = BEGIN + HOUR
    happened(ledger, ticket, e.TicketRouted(system="oee", team="oee"))
    happened(ledger, ticket, e.TicketAcknowledged())
    then, now = (ticket_clocks(ledger, ticket, at).clocks[0] for at in (BEGIN + timedelta(minutes=4), None))
    assert (then.phase, then.elapsed, now.phase, now.breached_at) == ("running", 240, "late", BEGIN + timedelta(minutes=5))


def test_a_ticket_that_is_not_there_is_not_found(url: str) -> None:
    assert "There was no ticket HC-99999" in sla(url, "explain", "HC-99999").stderr


def test_a_pause_is_told_with_its_reason(ledger: Ledger, clock: Clock) -> None:
    ticket = submitted(ledger, reported_severity="sev2").id
    for event in (e.TicketRouted(system="oee", team="oee"), e.TicketAcknowledged(), e.TicketPutOnHold(waiting_for="reporter")):
        happened(ledger, ticket, event)
    clock.now = BEGIN + HOUR
    happened(ledger, ticket, e.TicketResumed())
    lines = ticket_clocks(ledger, ticket).clocks[3].lines
    assert any(f"paused, it waits for the reporter: {ENGINEER.reason}" in line for line in lines)


def test_a_policy_is_adopted_with_a_reason_and_its_history_stays(plant: Ledger, url: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(SHIPPED.read_text("utf-8").replace("acknowledgement = 300", "acknowledgement = 600"), "utf-8")
    shown = sla(url, "adopt", "Cork", file, *BECAUSE).stdout
    assert "10 min" in shown
    assert "before: the shipped policy (0)" in shown
    assert "policy 1 by" in sla(url, "policy", "Cork").stdout
    assert "the shipped policy (0)" in sla(url, "policy", "Galway").stdout


FAULTS = {
    "no calendar": ('calendar = "always"', 'calendar = "moon"', "there is no calendar moon"),
    "a Sev1 that pauses": ('calendar = "always"', 'calendar = "always"\npause = 60', "never pause"),
    "warnings fall": ("[0.5, 0.8]", "[0.8, 0.5]", "warnings must rise"),
    "no country": ("[calendars.always]", '[calendars.always]\nholidays = "Ireland"', "calendars.always.holidays"),
    "no TOML": ("[calendars.always]", "[calendars.always", "is not TOML"),
    "a stray word": ("acknowledgement = 300", "acknowledge = 300", "severities.sev1.acknowledge"),
}


@pytest.mark.parametrize(("right", "wrong", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_file_names_its_field(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(SHIPPED.read_text("utf-8").replace(right, wrong, 1), "utf-8")
    ended = sla("http://127.0.0.1:9", "adopt", "Cork", file, *BECAUSE)
    assert ended.exit_code == 1
    assert said in ended.stderr


def test_holidays_of_nowhere_are_refused(ledger: Ledger) -> None:
    nowhere = PolicyText.model_validate({"calendars": {"c": {"holidays": "DE-XX"}}, "severities": {"sev2": {"calendar": "c"}}})
    with pytest.raises(Invalid, match="no holidays of DE-XX"):
        adopted(ledger, nowhere)


def test_the_same_policy_again_changes_nothing_and_another_needs_a_reason(ledger: Ledger) -> None:
    assert [adopted(ledger), adopted(ledger)] == [1, 1]
    with pytest.raises(Invalid, match="needs a reason"):
        adopted(ledger, shipped_policy().text, Attribution("ann", "hypercare_lead"))


def test_another_policy_moves_no_clock_that_runs(ledger: Ledger, clock: Clock) -> None:
    first = submitted(ledger, reported_severity="sev2").id
    clock.now += HOUR
    adopted(ledger)
    clock.now += HOUR
    second = submitted(ledger, reported_severity="sev2").id
    clock.now += timedelta(minutes=2)
    third = submitted(ledger, reported_severity="sev2").id
    told = [ticket_clocks(ledger, ticket).clocks[3] for ticket in (first, second, third)]
    assert [(each.policy, each.phase) for each in told] == [(0, "running"), (1, "late"), (1, "running")]


def test_the_figures_and_the_explanation_agree(plant: Ledger) -> None:
    with Progress().look(plant) as outline:
        view = outline.sight("GL-1").view
        late = {life.ticket: set(late_clocks(view, life)) for life in view.open}
    assert any(late.values())
    for ticket, clocks in late.items():
        states = ticket_clocks(plant, ticket, outline.at).clocks
        assert {each.clock for each in states if each.phase == "late" and each.stopped_at is None} == clocks, ticket


def counted(ledger: Ledger, clock: str) -> dict[str, tuple[int, int, int, int, int]]:
    """By severity: met, late, of these still open, pending, due soon."""
    with Progress().look(ledger) as outline:
        found = outline.sight("GL-1").figures.in_time
    return {each.severity: (each.met, each.late, each.late_open, each.pending, each.due_soon) for each in found if each.clock == clock}


def test_lowering_a_late_ticket_hides_it_from_no_figure(ledger: Ledger, clock: Clock) -> None:
    ledger.write(lambda draft: declare(draft, TEXT, LEAD)).result()
    ticket = submitted(ledger, reported_severity="sev1").id
    clock.now += timedelta(minutes=6)
    happened(ledger, ticket, e.TicketReclassified(severity="sev3"))
    assert counted(ledger, "acknowledgement") == {"sev1": (0, 1, 1, 0, 0), "sev2": (0,) * 5, "sev3": (0,) * 5, "sev4": (0,) * 5}
    assert counted(ledger, "resolution")["sev3"] == (0, 0, 0, 1, 0)


def test_figures_go_by_the_policy_of_the_site(ledger: Ledger, clock: Clock) -> None:
    adopted(ledger)
    ledger.write(lambda draft: declare(draft, TEXT, LEAD)).result()
    clock.now += HOUR
    submitted(ledger, reported_severity="sev2")
    clock.now += timedelta(seconds=50)
    assert counted(ledger, "acknowledgement") == {}
    assert counted(ledger, "resolution") == {"sev2": (0, 0, 0, 1, 1)}
    clock.now += timedelta(seconds=11)
    assert counted(ledger, "resolution") == {"sev2": (0, 1, 1, 0, 0)}
