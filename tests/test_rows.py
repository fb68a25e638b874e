"""Rows of files as people make them: spreadsheets of several programs, encodings of several decades."""

import csv
import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from services.cli.rows import Row, cell, decoded, read_rows, separator_of, table
from services.errors import Invalid

WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(lambda text: text == text.strip())
FILLED = WORDS.filter(lambda text: not text.startswith("#"))
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]


def written(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def workbook(path: Path, *rows: tuple[Any, ...]) -> Path:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_csv_is_read_in_every_usual_encoding_and_separator(tmp_path: Path, encoding: str, separator: str) -> None:
    content = f"Titel{separator}Werk\r\nWaage hängt{separator}Köln\r\n"
    assert read_rows(written(tmp_path / "t.csv", content, encoding)) == [Row(2, {"Titel": "Waage hängt", "Werk": "Köln"})]


def test_a_comma_in_a_quoted_heading_does_not_make_the_comma_the_separator() -> None:
    assert separator_of('"Area, line, cell";Title;Site') == ";"


def test_text_that_is_in_no_known_encoding_is_refused_with_advice() -> None:
    with pytest.raises(Invalid, match="save it as UTF-8"):
        decoded(b"\x81\x8d\x8f")


@given(st.lists(st.lists(FILLED, min_size=3, max_size=3), min_size=1, max_size=10), st.sampled_from([";", ",", "\t"]))
def test_what_a_spreadsheet_writes_as_csv_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], separator: str
) -> None:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\r\n").writerows([["a", "b", "c"], *rows])
    path = written(tmp_path_factory.mktemp("csv") / "t.csv", stream.getvalue())
    assert [list(row.cells.values()) for row in read_rows(path)] == rows


@given(st.lists(st.dictionaries(FILLED, FILLED, min_size=1), max_size=10))
def test_what_a_program_writes_as_ndjson_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> None:
    path = written(tmp_path_factory.mktemp("ndjson") / "t.ndjson", "\n".join(json.dumps(row) for row in rows))
    assert [row.cells for row in read_rows(path)] == rows


@given(st.binary(max_size=300), st.sampled_from([".csv", ".ndjson", ".xlsx"]))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"t{ending}"
    path.write_bytes(content)
    assert understood(path)


@given(st.integers(0, 4_800), st.integers(1, 255), st.booleans())
def test_no_damage_to_a_workbook_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, place: int, flip: int, cut: bool) -> None:
    path = workbook(tmp_path_factory.mktemp("any") / "t.xlsx", ("Title", "Site"), ("Stop", "Cork"))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= flip
    path.write_bytes(content[:place] if cut else content)
    assert understood(path)


def understood(path: Path) -> bool:
    """Read, or refused in words."""
    try:
        return all(row.cells or row.problem for row in read_rows(path))
    except Invalid as refused:
        return bool(str(refused))


def test_line_breaks_in_a_cell_stay_and_rows_are_counted_as_a_spreadsheet_counts(tmp_path: Path) -> None:
    content = 'Title;Body\nfirst;"two\nlines"\n\n;\nsecond;x\n'
    assert read_rows(written(tmp_path / "t.csv", content)) == [
        Row(2, {"Title": "first", "Body": "two\nlines"}),
        Row(5, {"Title": "second", "Body": "x"}),
    ]


def test_a_quotation_mark_that_is_never_closed_swallows_nothing_unseen(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="not closed"):
        read_rows(written(tmp_path / "t.csv", 'Title;Body\nfirst;"open\nsecond;x\n'))


def test_a_row_with_more_cells_than_columns_is_a_problem_of_that_row_only(tmp_path: Path) -> None:
    first, second = read_rows(written(tmp_path / "t.csv", "Title,Site\nStops, then starts,Cork\nFine,Cork\n"))
    assert "more cells than columns" in first.problem
    assert second == Row(3, {"Title": "Fine", "Site": "Cork"})


def test_nameless_and_repeated_columns_hide_nothing() -> None:
    (row,) = table([(1, ["Title", None, "Title"]), (2, ["a", "b", "c"])])
    assert row.cells == {"Title": "a", "column 2": "b", "Title (column 3)": "c"}


def test_rows_above_the_heading_that_hold_nothing_are_skipped() -> None:
    assert list(table([(1, [None, ""]), (2, ["Title"]), (3, [None]), (4, ["x"])])) == [Row(4, {"Title": "x"})]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{not json", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"title": {"de": "x"}}', "a list or an object"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_a_broken_line_of_ndjson_is_a_problem_of_that_line_only(tmp_path: Path, line: str, problem: str) -> None:
    rows = read_rows(written(tmp_path / "t.jsonl", f'{{"title": "a"}}\n{line}\n\n{{"title": "b", "order": 70018823, "body": null}}\n'))
    assert [row.number for row in rows] == [1, 2, 4]
    assert problem in rows[1].problem
    assert rows[2].cells == {"title": "b", "order": "70018823"}


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (70018823.0, "70018823"),
        (70018823, "70018823"), (1.5, "1.5"), (True, "true"), ("  x ", "x"), ("", None), (None, None), ("  ", None),
        (datetime(2026, 3, 1, 6, 15), datetime(2026, 3, 1, 6, 15)), (date(2026, 3, 1), datetime(2026, 3, 1)), ("0042", "0042"),
    ],
)  # fmt: skip
def test_a_cell_is_what_a_person_sees_in_it(value: Any, seen: Any) -> None:
    assert cell(value) == seen


def test_a_workbook_gives_numbers_dates_and_formula_values_as_people_see_them(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "t.xlsx", ("Title", "Order", "At", "Site"), ("Stop", 70018823.0, datetime(2026, 3, 1, 6, 15), "Cork"), (), ("Next",)
    )
    assert read_rows(path) == [
        Row(2, {"Title": "Stop", "Order": "70018823", "At": datetime(2026, 3, 1, 6, 15), "Site": "Cork"}),
        Row(4, {"Title": "Next"}),
    ]


def test_a_spreadsheet_error_is_a_problem_of_its_row_only(tmp_path: Path) -> None:
    first, second = read_rows(workbook(tmp_path / "t.xlsx", ("Title", "Site"), ("#N/A", "Cork"), ("Fine", "Cork")))
    assert "spreadsheet error #N/A" in first.problem
    assert second.problem == ""


def test_another_sheet_is_read_by_name_and_a_wrong_name_lists_the_right_ones(tmp_path: Path) -> None:
    book = Workbook()
    book.create_sheet("Woche 1").append(["Title"])
    book["Woche 1"].append(["here"])
    book.save(tmp_path / "t.xlsx")
    assert read_rows(tmp_path / "t.xlsx", "Woche 1") == [Row(2, {"Title": "here"})]
    with pytest.raises(Invalid, match="Woche 1"):
        read_rows(tmp_path / "t.xlsx", "Week 1")


def test_other_files_are_refused_with_the_endings_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"\.xlsx"):
        read_rows(written(tmp_path / "t.xls", ""))
    with pytest.raises(Invalid, match="cannot be read"):
        read_rows(tmp_path / "none.csv")
    with pytest.raises(Invalid, match="save it anew"):
        read_rows(written(tmp_path / "t.xlsx", "PK but no workbook"))
