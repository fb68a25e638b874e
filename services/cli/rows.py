"""Rows of a CSV, NDJSON or XLSX file as people see them in it: the number of the row, and its filled cells by column name."""

import csv
import io
import json
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.utils.exceptions import InvalidFileException

from services.errors import Invalid

Cell = str | datetime
SEPARATORS = (";", ",", "\t")
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
LARGEST_FIELD = 1_000_000
DAMAGE = (
    BadZipFile,
    InvalidFileException,
    ParseError,
    zlib.error,
    EOFError,
    NotImplementedError,
    AttributeError,
    TypeError,
    LookupError,
    ValueError,
)
"""What openpyxl and zipfile raise on damaged workbooks, found by damaging thousands."""


class Row(NamedTuple):
    """`problem` says why the row cannot be used at all; the header of a table is row 1 when the file begins with it."""

    number: int
    cells: dict[str, Cell]
    problem: str = ""


def read_rows(path: Path, sheet: str | None = None) -> list[Row]:
    """Every row that holds anything. Raises `Invalid` where the file as a whole cannot be read."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise Invalid(f"{path} has none of the endings {', '.join(READERS)}; save it as one of these")
    try:
        return [row for row in reader(path, sheet) if row.cells or row.problem]
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror or error}") from error


def decoded(content: bytes) -> str:
    """Text in UTF-8, UTF-16 with a mark (what Excel calls Unicode text) or else Windows-1252."""
    if content.startswith(UTF16_MARKS):
        return _decoded(content, "utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _decoded(content, "cp1252")


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise Invalid("The file is neither UTF-8 nor Windows-1252 text; save it as UTF-8") from None


def separator_of(header: str) -> str:
    """The separator that gives the header line the most columns outside quotes."""
    return max(SEPARATORS, key=lambda separator: len(next(csv.reader([header], delimiter=separator), [])))


def cell(value: Any) -> Cell | None:
    """What a person sees in the cell: no trailing .0, nothing for blanks."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str("" if value is None else value).strip() or None


def _csv(path: Path, _sheet: str | None) -> Iterator[Row]:
    text = decoded(path.read_bytes())
    header = next((line for line in text.splitlines() if line.strip()), "")
    csv.field_size_limit(LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(header), strict=True)
    try:
        yield from table(enumerate(reader, start=1))
    except csv.Error as error:
        raise Invalid(f"{path}, line {reader.line_num}: {error}; look for a quotation mark that is not closed or not doubled") from error


def _ndjson(path: Path, _sheet: str | None) -> Iterator[Row]:
    for number, line in enumerate(decoded(path.read_bytes()).split("\n"), start=1):
        if line.strip():
            yield _object(number, line)


def _object(number: int, line: str) -> Row:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return Row(number, {}, "the line is not JSON")
    if not isinstance(content, dict):
        return Row(number, {}, 'the line is not a JSON object; write {"title": ..., ...}')
    if any(isinstance(value, dict | list) for value in content.values()):
        return Row(number, {}, "a value is a list or an object; only texts and numbers can be imported")
    found = {name: cell(value) for name, value in content.items()}
    return Row(number, {name: value for name, value in found.items() if value is not None})


def _xlsx(path: Path, sheet: str | None) -> Iterator[Row]:
    """Formulas count as the value that Excel last saw."""
    try:
        with warnings.catch_warnings(action="ignore"), path.open("rb") as stream:
            book = load_workbook(stream, read_only=True, data_only=True)
            yield from table(_sheet_of(book, sheet))
    except DAMAGE as error:
        raise Invalid(
            f"{path} is not a readable XLSX file ({error}); open it in a spreadsheet program and save it anew as .xlsx"
        ) from error


def _sheet_of(book: Any, name: str | None) -> Iterator[tuple[int, Sequence[Any]]]:
    if name is not None and name not in book.sheetnames:
        raise Invalid(f"There is no sheet {name!r}; the sheets are {', '.join(book.sheetnames)}")
    chosen = book[name] if name else book.active
    chosen.reset_dimensions()
    yield from enumerate(chosen.iter_rows(values_only=True), start=1)


def table(records: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[Row]:
    """The first record that holds anything names the columns."""
    header: list[str] = []
    for number, record in records:
        cells = [cell(value) for value in record]
        if not header and any(cells):
            header = _header(cells)
        elif any(cells):
            yield _row(number, header, cells)


def _header(cells: Sequence[Cell | None]) -> list[str]:
    """Nameless and repeated columns get a name of their own, so that none hides another."""
    names: list[str] = []
    for place, found in enumerate(cells, start=1):
        name = str(found or f"column {place}")
        names.append(f"{name} (column {place})" if name in names else name)
    return names


def _row(number: int, header: Sequence[str], cells: Sequence[Cell | None]) -> Row:
    found = {name: value for name, value in zip(header, cells, strict=False) if value is not None}
    broken = [name for name, value in found.items() if value in ERROR_CODES]
    if broken:
        return Row(number, found, f"the cell {broken[0]!r} holds the spreadsheet error {found[broken[0]]}")
    if any(cells[len(header) :]):
        return Row(number, found, "there are more cells than columns; put quotation marks around text that holds the separator")
    return Row(number, found)


Reader = Callable[[Path, str | None], Iterator[Row]]
READERS: dict[str, Reader] = {
    ".csv": _csv, ".tsv": _csv, ".txt": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson, ".xlsx": _xlsx, ".xlsm": _xlsx,
}  # fmt: skip
