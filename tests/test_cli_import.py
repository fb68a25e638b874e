"""`hypercare import`: every row its own result, whatever happens in between, and never a second ticket."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from openpyxl import Workbook
from sqlalchemy import select

from schemas.tables import TICKETS
from services.cli.client import Caller, Client
from services.cli.importer import CHUNK, Item, send
from services.db import Database
from services.errors import Forbidden, Invalid, TooLarge
from services.ledger import Ledger
from tests.command_line import on_a_terminal, run
from tests.fronts import Asked, Front, problem, serving
from tests.processes import Process, until

PROGRAM = "from services.cli import main; main()"


@pytest.fixture
def front(ledger: Ledger) -> Iterator[Front]:
    with serving(Front(ledger)) as served:
        yield served


def titles(ledger: Ledger) -> list[str]:
    with ledger.database.read() as connection:
        return sorted(connection.execute(select(TICKETS.c.title)).scalars())


def table(path: Path, rows: int) -> Path:
    lines = [f"Problem {number};Köln;olga" for number in range(1, rows + 1)]
    path.write_text("\n".join(["Titel;Werk;Melder", *lines]), "utf-8")
    return path


def results(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.with_name(path.name + ".results.csv").read_text("utf-8").splitlines()))


def summary(front: Front, path: Path, *options: str) -> dict[str, Any]:
    result = run("import", path, "--url", front.url, "--json", *options)
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_every_row_becomes_a_ticket_and_gets_a_line_in_the_results(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = table(tmp_path / "week1.csv", 3)
    result = run("import", path, "--url", front.url)
    assert result.exit_code == 0
    assert titles(ledger) == ["Problem 1", "Problem 2", "Problem 3"]
    assert [(line["row"], line["status"], line["ticket"]) for line in results(path)] == [
        ("2", "created", "HC-1"),
        ("3", "created", "HC-2"),
        ("4", "created", "HC-3"),
    ]
    assert "Titel is title" in result.stderr


def test_an_import_run_again_sends_nothing_and_makes_nothing(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = table(tmp_path / "week1.csv", 3)
    run("import", path, "--url", front.url)
    asked = len(front.asked)
    assert summary(front, path)["done before"] == 3
    assert len(front.asked) == asked
    assert len(titles(ledger)) == 3


def test_without_its_results_file_an_import_makes_no_ticket_twice_either(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = table(tmp_path / "week1.csv", 3)
    run("import", path, "--url", front.url)
    renamed = path.rename(tmp_path / "week1-copy.csv")
    assert summary(front, renamed)["known"] == 3
    assert len(titles(ledger)) == 3


def test_rows_that_say_the_same_are_tickets_of_their_own_but_only_once(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "twins.ndjson"
    path.write_text('{"title": "Printer", "site": "Cork", "reporter": "olga"}\n' * 2)
    assert summary(front, path)["created"] == 2
    path.with_name("twins.ndjson.results.csv").unlink()
    assert summary(front, path)["known"] == 2
    assert len(titles(ledger)) == 2


def test_a_source_record_stays_one_ticket_when_its_text_was_edited(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "tool.csv"
    for title in ("Printer down", "Printer down on line 3"):
        path.write_text(f"Number,Titel,Site,Melder\nINC1,{title},Cork,olga\n")
        told = summary(front, path, "--set", "source_system=servicenow")
    assert told["known"] == 1
    assert titles(ledger) == ["Printer down"]


def test_bad_rows_fail_alone_and_are_tried_again_when_mended(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_text(
        "Titel;Werk;Melder;Schweregrad\nGood;Köln;olga;Hoch\n;Köln;olga;Hoch\nBad severity;Köln;olga;schlimm\nGood too;Köln;olga;\n"
    )
    result = run("import", path, "--url", front.url)
    assert result.exit_code == 1
    assert "2 rows failed" in result.stderr
    assert titles(ledger) == ["Good", "Good too"]
    assert [line["status"] for line in results(path)] == ["created", "failed", "failed", "created"]
    path.write_text(path.read_text().replace("schlimm", "sev3").replace("\n;Köln", "\nNow titled;Köln"))
    assert summary(front, path) | {"results": ""} == {
        "rows": 4, "created": 4, "known": 0, "failed": 0, "done before": 2, "results": "", "problems": [],
    }  # fmt: skip


def test_a_workbook_and_a_csv_of_the_same_rows_make_the_same_tickets(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    book = Workbook()
    for row in (("Titel", "Werk", "Melder", "Auftrag"), ("Wiegen", "Köln", "olga", 70018823.0)):
        book.worksheets[0].append(row)
    book.save(tmp_path / "a.xlsx")
    (tmp_path / "a.csv").write_bytes("Melder;Titel;Werk;Auftrag\nolga;Wiegen;Köln;70018823\n".encode("cp1252"))
    assert summary(front, tmp_path / "a.xlsx")["created"] == 1
    assert summary(front, tmp_path / "a.csv")["known"] == 1


def test_a_missing_column_is_told_before_anything_is_sent(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("Titel;Laune\nx;y\n")
    result = run("import", path, "--url", front.url)
    assert result.exit_code == 1
    assert "--set site=" in result.stderr
    assert "--set reporter=" in result.stderr
    assert front.asked == []
    assert summary(front, path, "--set", "site=Cork", "--set", "reporter=desk")["created"] == 1


def test_a_dry_run_tells_what_would_fail_and_sends_nothing(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "dry.csv"
    path.write_text("Titel;Werk;Melder;Datum\nx;Köln;olga;2026-03-01 06:15\n")
    result = run("import", path, "--url", front.url, "--dry-run")
    assert result.exit_code == 1
    assert "--time-zone" in result.stderr
    assert run("import", path, "--dry-run", "--time-zone", "Europe/Berlin").exit_code == 0
    assert front.asked == []
    assert not path.with_name("dry.csv.results.csv").exists()


@pytest.mark.parametrize("words", [["--time-zone", "Mars/Base"], ["--set", "colour=red"]])
def test_an_option_that_means_nothing_is_a_usage_error(tmp_path: Path, words: list[str]) -> None:
    assert run("import", table(tmp_path / "t.csv", 1), *words).exit_code == 2


def test_an_import_that_is_killed_half_way_goes_on_and_ends_with_the_same_set(front: Front, ledger: Ledger, tmp_path: Path) -> None:
    path = table(tmp_path / "long.csv", 3 * CHUNK)
    words = [sys.executable, "-c", PROGRAM, "import", str(path), "--url", front.url]
    killed: list[int] = []

    def kill_at_the_second_request(asked: Asked) -> None:
        if len(front.asked) == 2 and not killed:
            killed.append(importing.pid)
            os.kill(importing.pid, signal.SIGKILL)

    front.before = kill_at_the_second_request
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as importing:
        assert importing.wait(60) == -signal.SIGKILL
    assert len(results(path)) == CHUNK
    told = summary(front, path)
    assert told["done before"] == CHUNK
    assert len(titles(ledger)) == len(set(titles(ledger))) == 3 * CHUNK
    assert [line["row"] for line in results(path)] == [str(row) for row in range(2, 3 * CHUNK + 2)]
    assert len({line["ticket"] for line in results(path)}) == 3 * CHUNK


def test_an_api_that_dies_after_the_commit_and_comes_back_makes_no_ticket_twice(database: Database, tmp_path: Path) -> None:
    path = table(tmp_path / "long.csv", 2 * CHUNK)
    settings = {"database_url": f"sqlite:///{tmp_path / 'hypercare.db'}"}
    with Process(["services", "up", "api"], settings | {"fault": "api-after-commit"}, tmp_path / "log") as dying:
        words = [sys.executable, "-c", PROGRAM, "import", str(path), "--url", dying.url, "--json"]
        dying.ready()
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as importing:
            until(lambda: dying.ended, "the end of the API after its first commit")
            with Process(["services", "up", "api"], settings, tmp_path / "log2", dying.port):
                told, _ = importing.communicate(timeout=60)
    summed = json.loads(told)
    assert (importing.returncode, summed["failed"], summed["created"] + summed["known"]) == (0, 0, 2 * CHUNK)
    assert summed["known"] >= 1
    with database.read() as connection:
        made = connection.execute(select(TICKETS.c.title)).scalars().all()
    assert len(made) == len(set(made)) == 2 * CHUNK


def test_an_import_shows_its_progress_on_a_terminal_only(front: Front, tmp_path: Path) -> None:
    program = f"import sys; sys.argv[1:] = ['import', {str(table(tmp_path / 't.csv', 3))!r}, '--url', {front.url!r}]; {PROGRAM}"
    assert "importing" in on_a_terminal(program, TERM="xterm")
    assert "importing" not in run("import", table(tmp_path / "u.csv", 3), "--url", front.url).output


def test_when_the_api_refuses_the_caller_the_import_stops_and_says_how_to_go_on(front: Front, tmp_path: Path) -> None:
    front.failures.append(problem(Forbidden("This role may not report")))
    result = run("import", table(tmp_path / "t.csv", 2), "--url", front.url)
    assert result.exit_code == 1
    assert "This role may not report" in result.stderr
    assert "0 of 2 rows are done" in result.stderr


@pytest.mark.parametrize("error", [TooLarge, Invalid])
def test_a_request_that_is_refused_as_a_whole_is_sent_in_halves(front: Front, ledger: Ledger, error: Any) -> None:
    items = [Item(row, f"k{row}", {"title": f"p{row}", "site": "Cork", "reporter": "olga"}, "") for row in range(4)]
    front.failures.extend([problem(error("all")), problem(error("half")), problem(error("one"))])
    with Client(Caller(front.url)) as client:
        receipts = send(client, items)
    assert [receipt.problem for receipt in receipts] == ["one", "", "", ""]
    assert titles(ledger) == ["p1", "p2", "p3"]


def test_hostile_text_of_a_file_reaches_the_ledger_or_a_result_but_not_the_terminal(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "hostile.csv"
    path.write_text("Titel;Werk;Melder;\u202eeve\n\u202egnp.exe;Köln;olga;x\n\x1b[2J;Köln;olga;x\n")
    result = run("import", path, "--url", front.url)
    assert "\\u202eeve" in result.stderr
    assert not {"\u202e", "\x1b"} & set(result.output)
    assert "control character" in results(path)[1]["problem"]


def test_an_empty_file_is_no_error(front: Front, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("Titel;Werk\n")
    assert summary(front, tmp_path / "empty.csv")["rows"] == 0


def test_interrupting_an_import_keeps_what_is_done(front: Front, tmp_path: Path) -> None:
    path = table(tmp_path / "long.csv", 2 * CHUNK)

    def interrupt(asked: Asked) -> None:
        if len(front.asked) == 2:
            os.kill(importing.pid, signal.SIGINT)

    front.before = interrupt
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "import", str(path), "--url", front.url], stderr=subprocess.PIPE, text=True
    ) as importing:
        _, told = importing.communicate(timeout=60)
    assert importing.returncode == 130
    assert f"{CHUNK} of {2 * CHUNK} rows are done" in told


def test_an_api_that_is_away_for_a_moment_is_no_failure(front: Front, tmp_path: Path) -> None:
    front.failures.append(Response(status_code=503, headers={"Retry-After": "0"}))
    assert summary(front, table(tmp_path / "t.csv", 1))["created"] == 1
