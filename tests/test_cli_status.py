"""`hypercare status` and `hypercare report`: the verdict on a terminal and in a pipe, and reports in files."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.golive_figures import PlannedDay
from schemas.golives import GoLiveText, Snapshot
from services import golives as said
from services.cli.burndown import ASCII, BLOCKS, MOST_COLUMNS, ROWS, burndown_lines
from services.ledger import Ledger
from tests.command_line import on_a_terminal, run
from tests.lived_golives import BEGIN, DAY, LEAD, TEXT, lived, served, snapshot

ON_A_TERMINAL = "import sys; from services.cli import main; sys.argv = ['hypercare', {words}]; main()"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with closing(lived(tmp_path_factory.mktemp("plant"), 8, "Press|<script> \u202eevil 😀 stopped")) as ledger, closing(ledger.database):
        yield ledger


@pytest.fixture(scope="module")
def kept(plant: Ledger) -> Snapshot:
    return snapshot(plant)


@pytest.fixture(scope="module")
def url(plant: Ledger, kept: Snapshot) -> Iterator[str]:
    with served(plant) as address:
        yield address


def at(kept: Snapshot) -> str:
    return kept.as_of.isoformat()


def test_the_verdict_comes_first_and_every_number_is_the_apis(url: str, kept: Snapshot) -> None:
    shown = run("status", "Cork", "--url", url, "--as-of", at(kept)).stdout
    readiness, figures = kept.content["readiness"], kept.content["figures"]
    assert shown.index(readiness["light"].upper()) < shown.index("Forecast") < shown.index("Exit criteria")
    assert all(reason in shown for reason in readiness["reasons"])
    assert f"Exit criteria: {readiness['passed']} of {readiness['of']} hold" in shown
    assert f"\n{figures['open']['total']} open" in shown
    assert all(re.search(rf"{re.escape(each['id'])} .*{re.escape(each['value'])}", shown) for each in readiness["criteria"])


def test_a_pipe_gets_plain_ascii_drawings(url: str, kept: Snapshot) -> None:
    shown = run("status", "Cork", "--url", url, "--as-of", at(kept)).stdout
    assert "\x1b" not in shown
    assert "## open" in shown
    assert not set(shown) & {*BLOCKS.parts[1:], BLOCKS.others}


def test_a_terminal_gets_blocks_and_colours(url: str, kept: Snapshot) -> None:
    program = ON_A_TERMINAL.format(words=f"'status', 'Cork', '--url', {url!r}, '--as-of', {at(kept)!r}")
    shown = on_a_terminal(program, TERM="xterm-256color", COLUMNS="100", PYTHONIOENCODING="utf-8")
    assert "█" in shown
    assert "\x1b[1;31mRED" in shown


def test_a_terminal_that_wants_no_colour_or_knows_ascii_only_is_heeded(url: str, kept: Snapshot) -> None:
    program = ON_A_TERMINAL.format(words=f"'status', 'Cork', '--url', {url!r}, '--as-of', {at(kept)!r}")
    shown = on_a_terminal(program, TERM="xterm", COLUMNS="100", NO_COLOR="1", PYTHONIOENCODING="ascii")
    assert "█" not in shown
    assert "## open" in shown
    assert "[1;31m" not in shown
    assert "RED" in shown


def test_json_is_what_the_api_says(url: str, kept: Snapshot) -> None:
    (told,) = json.loads(run("status", "Cork", "--url", url, "--as-of", at(kept), "--json").stdout)
    assert told == kept.content


def test_waves_come_one_after_another(url: str, plant: Ledger) -> None:
    later = TEXT.model_dump() | {"name": "Filling", "wave": "2", "starts_at": BEGIN + 60 * DAY, "planned_end": BEGIN + 90 * DAY}
    plant.write(lambda draft: said.declare(draft, GoLiveText.model_validate(later), LEAD)).result()
    shown = run("status", "Cork", "--url", url).stdout
    assert shown.index("(GL-1, Cork, wave 1)") < shown.index("(GL-2, Cork, wave 2)")
    assert "no plan is approved" in shown


def test_a_site_without_a_golive_is_told_how_to_declare_one(url: str) -> None:
    ended = run("status", "Limerick", "--url", url)
    assert ended.exit_code == 1
    assert "hypercare golive declare" in ended.stderr


def test_where_nobody_answers_it_is_said_at_once() -> None:
    ended = run("status", "Cork", "--url", "http://127.0.0.1:1")
    assert ended.exit_code == 1
    assert "hypercare up" in ended.stderr


def test_an_instant_that_is_none_is_refused_with_its_field(url: str) -> None:
    ended = run("status", "Cork", "--url", url, "--as-of", "yesterday")
    assert ended.exit_code == 1
    assert "as_of" in ended.stderr


@pytest.mark.parametrize("ending", ["md", "html"])
def test_a_report_is_written_as_its_file_is_named(url: str, kept: Snapshot, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"status.{ending}"
    ended = run("report", "GL-1", "--url", url, "--kind", "executive", "--out", file)
    assert (ended.exit_code, ended.stdout) == (0, f"GL-1: executive in {file}\n")
    assert kept.digest in file.read_text("utf-8")
    assert ("<html" in file.read_text("utf-8")) == (ending == "html")


def test_a_report_in_a_pipe_is_its_bytes(url: str, kept: Snapshot) -> None:
    shown = run("report", "GL-1", "--url", url, "--day", kept.day).stdout
    assert shown.startswith("# Stand-up: MES wave 1, packaging\n")
    assert "Press\\|&lt;script&gt; \\\\u202eevil 😀 stopped" in shown


def test_a_report_on_a_terminal_cannot_act_on_it(url: str, kept: Snapshot) -> None:
    assert "\u202eevil" in kept.model_dump_json()
    shown = on_a_terminal(ON_A_TERMINAL.format(words=f"'report', 'GL-1', '--url', {url!r}"), TERM="xterm", PYTHONIOENCODING="utf-8")
    assert "# Stand-up" in shown
    assert not set(shown) & {"\u202e", "\x1b"}


def test_a_file_that_cannot_be_written_is_said(url: str, tmp_path: Path) -> None:
    ended = run("report", "GL-1", "--url", url, "--out", tmp_path / "nowhere" / "x.md")
    assert ended.exit_code == 1
    assert "cannot be written" in ended.stderr


def test_a_day_without_a_snapshot_is_said(url: str) -> None:
    ended = run("report", "GL-1", "--url", url, "--day", "2020-01-01")
    assert ended.exit_code == 1
    assert "one is taken every day" in ended.stderr


def days(*levels: int, planned: float | None = None) -> list[PlannedDay]:
    plan = None if planned is None else {"sev2": planned}
    opened = [{"sev2": level, "sev4": 4} for level in levels]
    return [PlannedDay(at=BEGIN + place * DAY, open=each, planned=plan, first_planned=None) for place, each in enumerate(opened)]


def test_columns_are_as_high_as_their_counts() -> None:
    drawn = burndown_lines(days(0, 4, 12, planned=8.0), ASCII)
    assert [line.split("|", 1)[1] for line in drawn[:ROWS]] == [
        "    ::", "    ::", "    ##", "----==", "  ::##", "  ::##", "::####", "::####",
    ]  # fmt: skip
    assert drawn[0].startswith(" 16 |")


def test_many_days_are_thinned_and_the_last_one_is_kept() -> None:
    drawn = burndown_lines(days(*range(150)), ASCII)
    assert max(len(line) for line in drawn) <= MOST_COLUMNS + 6
    assert f"{BEGIN + 149 * DAY:%d %b}" in drawn[-2]


def test_before_the_golive_nothing_is_drawn() -> None:
    assert burndown_lines([], BLOCKS) == []
