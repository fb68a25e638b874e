"""`hypercare import-history`: every row its own result, tickets whole or not at all, and nothing twice."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.cli.client import Caller, Client
from services.cli.history import MOST_AT_ONCE, send, stories
from services.cli.importer import Item
from services.errors import Forbidden, Invalid, TooLarge
from services.ledger import Ledger
from services.stabilisation.figures import figures
from tests.command_line import on_a_terminal, run
from tests.fronts import Asked, Front, problem, serving
from tests.histories import agree
from tests.lives import entries_of, ticket_of
from tests.pasts import Row, noted, past, random_past, row

PROGRAM = "from services.cli import main; main()"
EXAMPLE = Path(__file__).parent.parent / "docs" / "history-format.md"


@pytest.fixture
def front(ledger: Ledger) -> Iterator[Front]:
    with serving(Front(ledger)) as served:
        yield served


def written(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    return path


def results(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.with_name(path.name + ".results.csv").read_text("utf-8").splitlines()))


def summary(front: Front, path: Path, *options: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(run("import-history", path, "--url", front.url, "--json", *options).stdout)
    return loaded


def test_a_file_becomes_its_tickets_and_the_figures_are_those_of_its_rows(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    rows = random_past(2, 60)
    told = summary(front, written(tmp_path / "old.ndjson", rows))
    assert (told["rows"], told["created"], told["failed"]) == (len(rows), len(rows), 0)
    agree(figures(ledger), lambda instant: noted(rows, instant))
    assert str(entries_of(ledger)[0].reason).endswith(" from old")


def test_the_documented_example_is_taken_as_it_stands(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "incidents.csv"
    path.write_text(EXAMPLE.read_text("utf-8").split("```csv\n")[1].split("```")[0], "utf-8")
    assert summary(front, path)["created"] == 5
    assert [ticket_of(ledger, name).state for name in ("HC-1", "HC-2")] == ["closed", "submitted"]


def test_run_again_it_sends_nothing_and_without_its_results_it_doubles_nothing(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    rows = random_past(4, 20)
    path = written(tmp_path / "old.ndjson", rows)
    summary(front, path)
    asked, entries = len(front.asked), len(entries_of(ledger))
    assert summary(front, path)["done before"] == len(rows)
    assert len(front.asked) == asked
    random.Random(1).shuffle(rows)
    again = written(tmp_path / "again.ndjson", [*rows, *rows[:5]])
    assert summary(front, again, "--source", "old")["known"] == len(rows) + 5
    assert len(entries_of(ledger)) == entries


def test_a_later_file_adds_what_is_new_to_the_same_tickets(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    rows = past("A", "submitted", "acknowledged", "resolved")
    summary(front, written(tmp_path / "monday.ndjson", rows[:2]), "--source", "jira")
    told = summary(front, written(tmp_path / "friday.ndjson", rows), "--source", "jira")
    assert (told["created"], told["known"]) == (1, 2)
    assert ticket_of(ledger, "HC-1").state == "resolved"


def test_rows_of_a_ticket_wait_for_a_wrong_one_and_go_in_when_it_is_mended(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    text = "ticket,type,occurred_at,title,site,reporter\nA,submitted,{},x,Cork,olga\nA,resolved,2026-03-01T08:00:00Z,,,\nB,closed,{},,,\n"
    path.write_text(text.format("01.03.2026", "2026-03-01T08:00:00Z"))
    result = run("import-history", path, "--url", front.url)
    assert result.exit_code == 1
    assert "row 3: waits for row 2 of the same ticket" in result.stderr
    assert "row 4: old has told of no B yet" in result.stderr
    assert entries_of(ledger) == []
    path.write_text(text.format("2026-03-01T07:00:00Z", "2026-03-01T08:00:00Z"))
    assert run("import-history", path, "--url", front.url).exit_code == 1
    assert [(each["row"], each["status"]) for each in results(path)] == [("2", "created"), ("3", "created"), ("4", "failed")]


def test_times_without_offset_need_a_zone_and_severities_may_have_other_names(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "alt.csv"
    path.write_text("Ticket;Type;Occurred_At;Title;Site;Reporter;Severity\nA;submitted;01.03.2026 08:00;x;Köln;olga;Hoch\n")
    result = run("import-history", path, "--url", front.url)
    assert "--time-zone" in result.stderr
    assert summary(front, path, "--time-zone", "Europe/Berlin")["created"] == 1
    ticket = ticket_of(ledger, "HC-1")
    assert (ticket.submitted_at.isoformat(), ticket.reported_severity) == ("2026-03-01T07:00:00+00:00", "sev2")


def test_a_dry_run_tells_what_would_fail_and_sends_nothing(front: Front, tmp_path: Path) -> None:
    path = written(tmp_path / "old.ndjson", [*past("A", "submitted"), row("A", "mended", 1), {"ticket": "A", "mood": "good"}])
    result = run("import-history", path, "--url", front.url, "--dry-run")
    assert result.exit_code == 1
    assert "3 rows failed" in result.stderr
    assert "Not used: mood" in result.stderr
    assert (front.asked, path.with_name("old.ndjson.results.csv").exists()) == ([], False)


def test_a_missing_column_or_a_nameless_source_is_told_before_anything_is_sent(front: Front, tmp_path: Path) -> None:
    path = written(tmp_path / "old.ndjson", [{"ticket": "A", "when": "now"}])
    assert "There is no column type, occurred_at" in run("import-history", path, "--url", front.url).stderr
    good = written(tmp_path / "good.ndjson", past("A", "submitted"))
    assert run("import-history", good, "--url", front.url, "--source", "x" * 101).exit_code == 2
    assert front.asked == []


def test_killed_half_way_it_goes_on_and_ends_with_the_same_history(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    rows = random_past(6, 700)
    path = written(tmp_path / "long.ndjson", rows)
    assert len(rows) > 1.5 * MOST_AT_ONCE
    words = [sys.executable, "-c", PROGRAM, "import-history", str(path), "--url", front.url]
    killed: list[int] = []

    def kill_at_the_second_request(asked: Asked) -> None:
        if len(front.asked) == 2 and not killed:
            killed.append(importing.pid)
            os.kill(importing.pid, signal.SIGKILL)

    front.before = kill_at_the_second_request
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as importing:
        assert importing.wait(60) == -signal.SIGKILL
    assert 0 < len(results(path)) <= MOST_AT_ONCE
    told = summary(front, path)
    assert (told["created"] + told["known"], told["failed"]) == (len(rows), 0)
    assert 0 < told["known"] <= MOST_AT_ONCE
    agree(figures(ledger), lambda instant: noted(rows, instant))


def test_a_ticket_is_not_cut_in_two_by_the_end_of_a_request(front: Front, tmp_path: Path) -> None:
    rows = [each for number in range(400) for each in past(f"T{number}", "submitted", "acknowledged", "resolved")]
    summary(front, written(tmp_path / "long.ndjson", sorted(rows, key=lambda each: str(each["occurred_at"]))))
    sent = [{event["ticket"] for event in asked.content["events"]} for asked in front.asked]
    assert [len(asked.content["events"]) for asked in front.asked] == [999, 201]
    assert not sent[0] & sent[1]


@pytest.mark.parametrize("error", [TooLarge, Invalid])
def test_a_request_that_is_refused_as_a_whole_is_sent_in_halves(front: Front, ledger: Ledger, error: Any) -> None:
    items = [Item(number, f"k{number}", past(f"T{number}", "submitted")[0], "") for number in range(4)]
    front.failures.extend([problem(error("all")), problem(error("half")), problem(error("one"))])
    with Client(Caller(front.url)) as client:
        receipts = send(client, "old", stories(items))
    assert [receipt.problem for receipt in receipts] == ["one", "", "", ""]
    assert len(entries_of(ledger)) == 3


def test_when_the_api_refuses_the_caller_it_stops_and_says_how_to_go_on(front: Front, tmp_path: Path) -> None:
    front.failures.append(problem(Forbidden("This role may not report")))
    result = run("import-history", written(tmp_path / "old.ndjson", past("A", "submitted")), "--url", front.url)
    assert result.exit_code == 1
    assert "This role may not report" in result.stderr
    assert "0 of 1 rows are done" in result.stderr


def test_it_shows_its_progress_on_a_terminal(front: Front, tmp_path: Path) -> None:
    words = ["import-history", str(written(tmp_path / "old.ndjson", past("A", "submitted"))), "--url", front.url]
    assert "moving in" in on_a_terminal(f"import sys; sys.argv[1:] = {words!r}; {PROGRAM}", TERM="xterm")
