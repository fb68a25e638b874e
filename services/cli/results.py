"""What became of each row of an import: a CSV beside the file, so that the import can go on where it stopped."""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from services.cli.terminal import visible
from services.errors import Invalid

COLUMNS = ("row", "status", "ticket", "problem", "key")
FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")


class Result(NamedTuple):
    """`status`: created, known (was there before) or failed. `key`: the row's Idempotency-Key."""

    row: int
    status: str
    ticket: str
    problem: str
    key: str


class Results:
    """A line is on the disk before the next rows are sent; a line that a crash cut off counts as not written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_key: dict[str, Result] = {result.key: result for result in _read(path)}

    def done(self, key: str) -> bool:
        return key in self.by_key and self.by_key[key].status != "failed"

    def add(self, results: Iterable[Result]) -> None:
        added = list(results)
        self.by_key |= {result.key: result for result in added}
        with self._opened() as stream:
            stream.write(_lines(added))
            stream.flush()
            os.fsync(stream.fileno())

    def finish(self, rows: dict[str, int]) -> None:
        """Write the file anew, a line per row in the file's order. `rows`: key to row."""
        beside = self.path.with_name(self.path.name + ".new")
        final = [self.by_key[key]._replace(row=row) for key, row in sorted(rows.items(), key=lambda item: item[1]) if key in self.by_key]
        try:
            beside.write_bytes(_lines([COLUMNS, *final]))
            beside.replace(self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _opened(self) -> io.BufferedRandom:
        try:
            stream = self.path.open("r+b" if self.path.exists() else "w+b")
        except OSError as error:
            raise _unwritable(self.path, error) from error
        whole = stream.read().rpartition(b"\n")[0]
        stream.seek(len(whole) + 1 if whole else 0)
        stream.truncate()
        if not whole:
            stream.write(_lines([COLUMNS]))
        return stream


def _unwritable(path: Path, error: OSError) -> Invalid:
    return Invalid(f"{path} cannot be written ({error.strerror}); name another file with --results. Rows sent so far are not sent twice")


def _lines(results: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([harmless(str(value)) for value in result] for result in results)
    return text.getvalue().encode()


def harmless(text: str) -> str:
    """On one line, and nothing that a spreadsheet program would take for a formula (OWASP: CSV injection)."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(FORMULA_STARTS) else shown


def _read(path: Path) -> Iterator[Result]:
    if not path.exists():
        return
    try:
        whole = path.read_bytes().rpartition(b"\n")[0].decode()
        lines = csv.DictReader(io.StringIO(whole), strict=True)
        yield from (_result(line) for line in lines)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise Invalid(f"{path} is not a results file of this program; move it away or name another with --results") from error


def _result(line: dict[str, str]) -> Result:
    return Result(int(line["row"]), line["status"], line["ticket"], line["problem"], line["key"])
