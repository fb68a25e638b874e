"""`hypercare ledger`: what was changed behind the program's back is found, named and explained."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import StaticPool, create_engine

from schemas.events import TicketAcknowledged, TicketCommented, TicketRouted
from services import verifier
from services.cli.ledger import PAGE, stored_lines
from services.db import migrate, open_database
from services.ledger import Draft, Ledger, canonical, read_entries
from tests.command_line import on, run
from tests.lives import DESK, happened, submitted

Forgery = Callable[[sqlite3.Connection, int], object]
DROP = "DROP TRIGGER {}"
ENTRIES = 12


@pytest.fixture
def file(ledger: Ledger, tmp_path: Path) -> Path:
    """A database of twelve entries."""
    told(ledger)
    return tmp_path / "hypercare.db"


def told(ledger: Ledger) -> None:
    for number in range(ENTRIES // 4):
        ticket = submitted(ledger, title=f"Problem {number}").id
        happened(ledger, ticket, TicketRouted(system="erp", team="erp"))
        happened(ledger, ticket, TicketAcknowledged())
        happened(ledger, ticket, TicketCommented(text="looking"))


def forged(file: Path, forgery: Forgery, seq: int) -> Path:
    """A copy of the database, changed by somebody who may do everything."""
    copy = file.with_name("forged.db")
    with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
        source.backup(target)
        for (trigger,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            target.execute(DROP.format(trigger))
        forgery(target, seq)
    source.close()
    target.close()
    return copy


def edit(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("UPDATE entry SET actor = 'mallory' WHERE seq = ?", (seq,))


def break_off(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("UPDATE entry SET data = '{no json' WHERE seq = ?", (seq,))


def shift(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("UPDATE entry SET recorded_at = 'yesterday' WHERE seq = ?", (seq,))


def delete(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("DELETE FROM entry WHERE seq = ?", (seq,))


def cut(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("DELETE FROM entry WHERE seq >= ?", (seq,))


def swap_digest(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("UPDATE entry SET digest = ? WHERE seq = ?", ("f" * 64, seq))


@pytest.mark.parametrize("forgery", [edit, break_off, shift, delete, cut, swap_digest])
@pytest.mark.parametrize("seq", [1, 5, ENTRIES])
def test_verify_names_the_first_entry_that_is_wrong_and_what_it_means(file: Path, forgery: Forgery, seq: int) -> None:
    result = run("ledger", "verify", env=on(forged(file, forgery, seq)))
    assert result.exit_code == 1
    assert f"BAD at entry {seq}:" in result.stderr
    assert "tell QA" in result.stderr
    assert "Traceback" not in result.output


COLUMNS = [
    "id",
    "type",
    "ticket",
    "ticket_version",
    "site",
    "actor",
    "role",
    "reason",
    "cause",
    "occurred_at",
    "data",
    "previous",
    "digest",
]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, ENTRIES), st.sampled_from(COLUMNS))
def test_no_value_of_any_entry_can_be_changed_unseen(kept: Path, seq: int, column: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(kept.read_bytes())
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(DROP.format(trigger))
    other = {"ticket_version": "8", "occurred_at": "'2026-01-01T00:00:00.000000+00:00'", "data": "'{\"x\":1}'"}.get(column, "'x'")
    connection.execute(f"UPDATE entry SET {column} = {other} WHERE seq = ?", (seq,))
    connection.commit()
    assert bad_entry(connection) == seq
    connection.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good database of twelve entries, in one file."""
    path = tmp_path_factory.mktemp("kept") / "hypercare.db"
    database = open_database(f"sqlite:///{path}")
    migrate(database)
    ledger = Ledger(database)
    told(ledger)
    ledger.close()
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path


def bad_entry(raw: sqlite3.Connection) -> int | None:
    """The first entry that the verifier refuses in a database in memory."""
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    with engine.connect() as connection:
        verdict = verifier.verify(stored_lines(connection, ENTRIES))
    return verdict.bad


@pytest.mark.parametrize("last", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 3])
def test_the_lines_are_all_entries_up_to_the_last_whatever_the_page(ledger: Ledger, last: int) -> None:
    def fill(draft: Draft) -> None:
        for _ in range(last + 5):
            draft.append(TicketCommented(text="x"), DESK)

    ledger.write(fill).result()
    with ledger.database.read() as connection:
        assert verifier.verify(stored_lines(connection, last)).checked == last


def test_a_chain_that_was_rewritten_as_a_whole_is_good_for_itself_but_not_for_its_anchors(file: Path, tmp_path: Path) -> None:
    run("ledger", "anchor", tmp_path / "anchors.jsonl", env=on(file))
    rewritten = forged(file, rewrite, 7)
    assert run("ledger", "verify", env=on(rewritten)).exit_code == 0
    result = run("ledger", "verify", "--anchors", tmp_path / "anchors.jsonl", env=on(rewritten))
    assert (result.exit_code, "the ledger was rewritten" in result.stderr) == (1, True)


def rewrite(connection: sqlite3.Connection, seq: int) -> None:
    """Change an entry and calculate every digest from there on anew, as an insider would."""
    edit(connection, seq)
    connection.commit()
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as reading:
        entries = read_entries(reading, 0)
    digest = verifier.GENESIS
    for entry in entries:
        fields = entry.model_dump(exclude={"digest"}) | {"previous": digest}
        digest = verifier.link(digest, canonical(fields))
        connection.execute("UPDATE entry SET previous = ?, digest = ? WHERE seq = ?", (fields["previous"], digest, entry.seq))
    connection.execute("UPDATE head SET digest = ?", (digest,))


def test_verify_finds_an_entry_behind_the_head(file: Path) -> None:
    def put_in(connection: sqlite3.Connection, _: int) -> None:
        connection.execute("UPDATE head SET seq = 11, digest = (SELECT digest FROM entry WHERE seq = 11)")

    result = run("ledger", "verify", env=on(forged(file, put_in, 0)))
    assert (result.exit_code, "BAD at entry 12" in result.stderr) == (1, True)


def test_verify_finds_a_head_of_another_digest(file: Path) -> None:
    def other_head(connection: sqlite3.Connection, _: int) -> None:
        connection.execute("UPDATE head SET digest = ?", ("0" * 64,))

    result = run("ledger", "verify", env=on(forged(file, other_head, 0)))
    assert (result.exit_code, "the head holds another digest" in result.stderr) == (1, True)


def test_a_good_ledger_is_good(file: Path) -> None:
    result = run("ledger", "verify", env=on(file))
    assert (result.exit_code, result.stdout.startswith("good: 12 entries")) == (0, True)
    assert json.loads(run("ledger", "verify", "--json", env=on(file)).stdout)["bad"] is None
    assert run("ledger", "verify", "--quiet", env=on(file)).output == ""


def test_an_export_is_verified_without_a_database_and_by_the_verifier_alone(file: Path, tmp_path: Path) -> None:
    export = tmp_path / "ledger.jsonl"
    assert run("ledger", "export", export, env=on(file)).exit_code == 0
    nothing = {"HYPERCARE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    assert run("ledger", "verify", "--export", export, env=nothing).stdout.startswith("good: 12 entries")
    alone = subprocess.run([sys.executable, "-I", verifier.__file__, export], capture_output=True, text=True, check=True)
    assert alone.stdout.startswith("good: 12 entries")


def test_an_export_that_was_changed_is_found(file: Path, tmp_path: Path) -> None:
    export = tmp_path / "ledger.jsonl"
    run("ledger", "export", export, env=on(file))
    export.write_bytes(export.read_bytes().replace(b"Problem 1", b"Problem 7"))
    result = run("ledger", "verify", "--export", export)
    assert (result.exit_code, "BAD at entry 5" in result.stderr) == (1, True)


def test_an_export_that_cannot_be_written_is_one_line(file: Path, tmp_path: Path) -> None:
    result = run("ledger", "export", tmp_path / "none" / "x", env=on(file))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_an_anchor_shows_a_ledger_that_was_rewritten_or_restored(file: Path, tmp_path: Path) -> None:
    anchors, older = tmp_path / "anchors.jsonl", tmp_path / "older.db"
    assert run("ledger", "anchor", anchors, env=on(file)).exit_code == 0
    assert json.loads(anchors.read_text())["seq"] == ENTRIES

    def restore(connection: sqlite3.Connection, _: int) -> None:
        cut(connection, 9)
        connection.execute("UPDATE head SET seq = 8, digest = (SELECT digest FROM entry WHERE seq = 8)")

    shutil.copy(forged(file, restore, 0), older)
    assert run("ledger", "verify", env=on(older)).exit_code == 0
    result = run("ledger", "verify", "--anchors", anchors, env=on(older))
    assert (result.exit_code, "an anchor knows entry 12" in result.stderr) == (1, True)
    assert run("ledger", "verify", env=on(older) | {"HYPERCARE_ANCHORS_FILE": str(anchors)}).exit_code == 1
    refused = run("ledger", "anchor", anchors, env=on(older))
    assert (refused.exit_code, "restored from an older copy" in refused.stderr) == (1, True)
    assert len(anchors.read_text().splitlines()) == 1


def test_anchors_follow_each_other_in_the_file_of_the_settings(file: Path, ledger: Ledger, tmp_path: Path) -> None:
    environment = on(file) | {"HYPERCARE_ANCHORS_FILE": str(tmp_path / "anchors.jsonl")}
    run("ledger", "anchor", env=environment)
    submitted(ledger)
    assert run("ledger", "anchor", env=environment).stdout.startswith("entry 13 is anchored")
    assert run("ledger", "verify", env=environment).exit_code == 0
    assert run("ledger", "anchor", env=on(file)).exit_code == 1


@pytest.mark.parametrize("line", ["not json", "[]", '{"seq": 1}'])
def test_a_broken_anchors_file_is_told_in_words(file: Path, tmp_path: Path, line: str) -> None:
    (tmp_path / "anchors.jsonl").write_text(line)
    result = run("ledger", "verify", "--anchors", tmp_path / "anchors.jsonl", env=on(file))
    assert (result.exit_code, "no anchor" in result.stderr) == (1, True)
    assert run("ledger", "verify", "--anchors", tmp_path / "none", env=on(file)).exit_code == 1


def test_head_says_where_the_ledger_ends(file: Path) -> None:
    assert run("ledger", "head", env=on(file)).stdout.startswith("12  ")
    assert json.loads(run("ledger", "head", "--json", env=on(file)).stdout)["tickets"] == 3


def test_verify_and_export_work_on_both_databases(database_url: str, tmp_path: Path) -> None:
    environment = {"HYPERCARE_DATABASE_URL": database_url}
    assert run("migrate", env=environment).exit_code == 0
    assert "already" in run("migrate", env=environment).stdout
    assert run("ledger", "verify", env=environment).stdout.startswith("good: 0 entries")
    assert run("ledger", "export", tmp_path / "x", env=environment).exit_code == 0
