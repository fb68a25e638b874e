"""The results file of an import: what a killed process leaves must be enough to go on."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.results import COLUMNS, Result, Results, harmless
from services.errors import Invalid

FIRST = Result(2, "created", "HC-1", "", "key-a")
SECOND = Result(3, "failed", "", "site: must not be blank", "key-b")
THIRD = Result(4, "known", "HC-2", "", "key-c")


def test_what_was_added_is_there_for_the_next_run(tmp_path: Path) -> None:
    Results(tmp_path / "r.csv").add([FIRST, SECOND, THIRD])
    again = Results(tmp_path / "r.csv")
    assert list(again.by_key.values()) == [FIRST, SECOND, THIRD]
    assert [again.done(key) for key in ("key-a", "key-b", "key-c", "key-d")] == [True, False, True, False]


@given(st.data())
def test_a_file_that_a_crash_cut_anywhere_holds_the_results_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cut") / "r.csv"
    Results(path).add([FIRST, SECOND, THIRD])
    whole = path.read_bytes()
    kept = whole[: data.draw(st.integers(0, len(whole)))]
    path.write_bytes(kept)
    results = Results(path)
    assert list(results.by_key.values()) == [FIRST, SECOND, THIRD][: max(kept.count(b"\n") - 1, 0)]
    results.add([FIRST, SECOND, THIRD])
    assert Results(path).by_key == {result.key: result for result in (FIRST, SECOND, THIRD)}


def test_the_last_result_of_a_row_counts_and_the_finished_file_has_a_line_per_row_in_order(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.csv")
    results.add([THIRD, SECOND, FIRST])
    results.add([SECOND._replace(status="created", ticket="HC-3", problem="")])
    results.finish({"key-a": 12, "key-b": 13, "key-c": 14})
    lines = list(csv.reader((tmp_path / "r.csv").read_text().splitlines()))
    assert lines[0] == list(COLUMNS)
    assert [line[:3] for line in lines[1:]] == [["12", "created", "HC-1"], ["13", "created", "HC-3"], ["14", "known", "HC-2"]]


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "@SUM(1)", "-2+3+cmd|'/C calc'!A0", "+1", "＝1+1"])
def test_a_problem_never_becomes_a_formula_of_a_spreadsheet(text: str) -> None:
    assert harmless(text) == f"'{text}"


def test_a_problem_is_kept_on_one_line(tmp_path: Path) -> None:
    Results(tmp_path / "r.csv").add([SECOND._replace(problem='one\r\ntwo\u2028three, "four"')])
    assert (tmp_path / "r.csv").read_bytes().count(b"\n") == 2
    assert Results(tmp_path / "r.csv").by_key["key-b"].problem == 'one\\r\\ntwo\\u2028three, "four"'


@pytest.mark.parametrize("content", ["Title;Site\nx;y\n", "row,status,ticket,problem,key\nnot a number,created,HC-1,,k\n", "row\n1\n"])
def test_a_file_that_is_no_results_file_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.csv"
    path.write_text(content)
    with pytest.raises(Invalid, match="not a results file"):
        Results(path)
    assert path.read_text() == content


def test_a_place_that_cannot_be_written_is_told_before_it_matters(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="--results"):
        Results(tmp_path / "no such folder" / "r.csv").add([FIRST])
    with pytest.raises(Invalid, match="--results"):
        Results(tmp_path / "no such folder" / "r.csv").finish({})
