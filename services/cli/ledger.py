"""`hypercare ledger`: verify, export and anchor the chain."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection
from typer import Argument, Option

from services.anchors import append_anchor
from services.cli.options import flat
from services.cli.storage import migrated_database
from services.cli.terminal import Output, complain
from services.errors import Conflict, Invalid, Misconfigured
from services.ledger import Row, line_of, read_entries, read_head
from services.settings import load_settings
from services.verifier import Verdict, read_anchors, verify

app = typer.Typer(add_completion=False, no_args_is_help=True)

PAGE = 1_000
UNREADABLE = b""

Anchors = Annotated[Path | None, Option("--anchors", help="Heads kept outside the database; without it HYPERCARE_ANCHORS_FILE.")]
Export = Annotated[Path | None, Option("--export", help="An exported ledger; no database is needed then.", exists=True, dir_okay=False)]


@app.callback()
def _ledger() -> None:
    """Verify, export and anchor the ledger."""


@app.command("verify")
@flat
def verify_ledger(output: Output, export: Export = None, anchors: Anchors = None) -> None:
    """Prove that no entry was changed, taken out or put in; else name the first that is wrong. Exit code 1 then."""
    verdict = _of_export(export, _anchored(anchors), output) if export else _of_database(_anchored(anchors or _own_anchors()), output)
    good = f"good: {verdict.checked} entries, head {verdict.head}"
    output.say(verdict._asdict(), "" if verdict.bad else good)
    if verdict.bad:
        complain(meaning(verdict))
        raise typer.Exit(1)


def meaning(verdict: Verdict) -> str:
    trusted = f"Entries 1 to {verdict.checked} are as they were written" if verdict.checked else "Not even the first entry can be relied on"
    return (
        f"BAD at entry {verdict.bad}: {verdict.why}\n"
        f"{trusted}; from entry {verdict.bad} on nothing is proven. Somebody or something wrote past this program.\n"
        "Stop the services, keep a copy of the database as it is, compare it with the last good export or backup, and tell QA"
    )


def _of_export(path: Path, anchors: dict[int, str], output: Output) -> Verdict:
    with path.open("rb") as lines:
        total = sum(1 for _ in lines)
        lines.seek(0)
        with output.bar("verifying", total) as advance:
            return verify(_counted(lines, advance), anchors)


def _of_database(anchors: dict[int, str], output: Output) -> Verdict:
    with migrated_database() as database, database.read() as connection:
        head = read_head(connection)
        with output.bar("verifying", head["seq"]) as advance:
            verdict = verify(_counted(stored_lines(connection, head["seq"]), advance), anchors)
        return verdict if verdict.bad else _against_head(connection, verdict, head)


def _against_head(connection: Connection, verdict: Verdict, head: Row) -> Verdict:
    """The head row must stand where the entries end. A head that moved on since is only work going on."""
    behind = read_entries(connection, head["seq"], limit=1)
    if verdict.checked < head["seq"]:
        return verdict._replace(bad=verdict.checked + 1, why=f"the head says {head['seq']} entries: the tail was cut off")
    if verdict.head != head["digest"] and head["seq"]:
        return verdict._replace(bad=head["seq"], why="the head holds another digest: the last entry or the head was changed")
    if behind and read_head(connection)["seq"] < behind[0].seq:
        return verdict._replace(bad=behind[0].seq, why=f"the head says that the ledger ends at {head['seq']}: the entry was put in")
    return verdict


def stored_lines(connection: Connection, last: int) -> Iterator[bytes]:
    """The entries up to seq `last` as the verifier reads them. One that cannot even be read comes as an empty line, the last."""
    after, page = 0, PAGE
    while after < last:
        try:
            entries = read_entries(connection, after, limit=min(page, last - after))
            lines = [line_of(entry) for entry in entries]
        except ValueError:
            if page == 1:
                yield UNREADABLE
                return
            page = 1
            continue
        yield from lines
        if not entries:
            return
        after = entries[-1].seq


def _counted(lines: Iterable[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    for line in lines:
        yield line
        advance(1)


def _own_anchors() -> Path | None:
    path = load_settings().anchors_file
    return path if path and path.exists() else None


def _anchored(path: Path | None) -> dict[int, str]:
    try:
        return read_anchors(path) if path else {}
    except OSError as error:
        raise Invalid(f"The anchors {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(f'{path} holds a line that is no anchor; each line must be {{"seq":n,"digest":"..."}}') from error


@app.command("export")
@flat
def export_ledger(file: Annotated[Path, Argument(help="Replaced when the export is whole.")], output: Output) -> None:
    """Write every entry to a file that `python verifier.py FILE` can check with nothing but Python."""
    beside = file.with_name(file.name + ".new")
    with migrated_database() as database, database.read() as connection:
        head = read_head(connection)
        with output.bar("exporting", head["seq"]) as advance:
            _written(beside, _counted(stored_lines(connection, head["seq"]), advance))
    beside.replace(file)
    told = f"{head['seq']} entries in {file}, head {head['digest']}"
    output.say({"file": str(file), "seq": head["seq"], "digest": head["digest"]}, told)


def _written(path: Path, lines: Iterable[bytes]) -> None:
    try:
        with path.open("wb") as stream:
            stream.writelines(line + b"\n" for line in lines)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}") from error


@app.command("head")
@flat
def show_head(output: Output) -> None:
    """Say where the ledger ends."""
    head = _head()
    output.show(head, f"{head['seq']}  {head['digest']}  {head['recorded_at'].isoformat()}")


def _head() -> Row:
    with migrated_database() as database, database.read() as connection:
        head = read_head(connection)
    return {name: head[name] for name in ("seq", "digest", "recorded_at", "tickets")}


File = Annotated[Path | None, Argument(help="Keep it on other storage than the database; without it HYPERCARE_ANCHORS_FILE.")]


@app.command("anchor")
@flat
def anchor_head(output: Output, file: File = None) -> None:
    """Add the ledger's head to a file outside the database, so that a rewritten or restored ledger shows."""
    path = file or load_settings().anchors_file
    if path is None:
        raise Misconfigured("Name a file: `hypercare ledger anchor FILE`, or set HYPERCARE_ANCHORS_FILE")
    head = _head()
    known = max(_anchored(path if path.exists() else None), default=0)
    if known > head["seq"]:
        raise Conflict(f"{path} knows entry {known}, but the ledger ends at {head['seq']}: it was restored from an older copy, or cut off")
    append_anchor(path, head)
    output.say({"file": str(path)} | head, f"entry {head['seq']} is anchored in {path}")
