"""The ledger keeps everything once, in one order, and nobody can change it unseen."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, text

from schemas.events import TicketCommented, TicketRouted
from schemas.tables import ENTRIES, HEAD, KEYS, TICKETS
from services.db import Database, migrate, open_database
from services.errors import NotFound, Refused, Unavailable
from services.ledger import Draft, Ledger, canonical, export, read_entries, read_head
from services.tickets import record, submit
from services.verifier import verify
from tests.lives import DESK, ENGINEER, entries_of, happened, submitted, told


@contextmanager
def opened(url: str) -> Iterator[Ledger]:
    database = open_database(url)
    migrate(database)
    ledger = Ledger(database)
    yield ledger
    ledger.close()
    database.close()


@pytest.fixture
def both(database_url: str) -> Iterator[Ledger]:
    """A ledger on SQLite, then on PostgreSQL."""
    with opened(database_url) as ledger:
        yield ledger


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[Ledger]:
    with opened(postgres_url) as ledger:
        yield ledger


def count(ledger: Ledger) -> int:
    with ledger.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(ENTRIES)).scalar_one())


def test_seq_is_gap_free_and_in_commit_order_with_many_writers(both: Ledger) -> None:
    other = Ledger(open_database(both.database.engine.url.render_as_string(hide_password=False)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: submitted((both, other)[n % 2], title=f"ticket {n}"), range(200)))
    entries = entries_of(both)
    assert [entry.seq for entry in entries] == list(range(1, 201))
    assert [entry.recorded_at for entry in entries] == sorted(entry.recorded_at for entry in entries)
    assert sorted(entry.ticket or "" for entry in entries) == sorted(f"HC-{n}" for n in range(1, 201))
    other.close()
    other.database.close()


def test_a_reader_by_cursor_misses_nothing_while_writers_are_busy(both: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(submitted, both, title=f"ticket {n}") for n in range(120)]
        seen: list[int] = []
        while len(seen) < 120:
            with both.database.read() as connection:
                seen += [entry.seq for entry in read_entries(connection, seen[-1] if seen else 0)]
        assert [write.result().state for write in writing] == ["submitted"] * 120
    assert seen == list(range(1, 121))


def test_one_read_sees_one_snapshot_while_others_commit(both: Ledger) -> None:
    submitted(both)
    with both.database.read() as connection:
        before = read_head(connection)
        submitted(both)
        assert read_head(connection) == before
    with both.database.read() as connection:
        assert read_head(connection)["seq"] == before["seq"] + 1


def test_waiting_commands_share_one_commit(ledger: Ledger) -> None:
    entered, moments = [], []

    def slow(draft: Draft) -> None:
        entered.append(1)
        while len(moments) < 50:
            pass

    first = ledger.write(slow)
    while not entered:
        pass
    rest = [ledger.write(lambda draft: (submit(draft, told(), DESK), draft.now)[1]) for _ in range(50)]
    moments.extend(rest)
    first.result()
    assert len({write.result() for write in rest}) == 1


def test_a_refused_command_does_not_disturb_its_neighbours(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    before = count(ledger)

    def refused(draft: Draft) -> None:
        submit(draft, told(title="never to be seen"), DESK, key="gone")
        raise Refused("changed my mind")

    writes = [ledger.write(lambda draft: record(draft, ticket.id, TicketCommented(text="one"), DESK)), ledger.write(refused)]
    writes.append(ledger.write(lambda draft: record(draft, ticket.id, TicketCommented(text="two"), DESK)))
    with pytest.raises(Refused):
        writes[1].result()
    assert [writes[0].result().id, writes[2].result().id] == [ticket.id] * 2
    assert count(ledger) == before + 2
    with ledger.database.read() as connection:
        assert verify(export(connection)).bad is None
        assert connection.execute(select(KEYS)).all() == []
    assert submitted(ledger).id == "HC-2"


def test_a_command_with_a_bug_fails_alone(ledger: Ledger) -> None:
    def buggy(draft: Draft) -> None:
        submit(draft, told(), DESK)
        raise ZeroDivisionError

    blocker = ledger.write(lambda draft: None)
    writes = [ledger.write(lambda draft: submit(draft, told(), DESK)) for _ in range(3)]
    bug = ledger.write(buggy)
    writes += [ledger.write(lambda draft: submit(draft, told(), DESK)) for _ in range(3)]
    blocker.result()
    with pytest.raises(ZeroDivisionError):
        bug.result()
    assert sorted(write.result()[0].id for write in writes) == [f"HC-{n}" for n in range(1, 7)]


def test_undo_brings_back_what_was_staged_before(ledger: Ledger) -> None:
    def command(draft: Draft) -> tuple[str, str, int]:
        ticket, _ = submit(draft, told(), DESK)
        mark = draft.mark()
        record(draft, ticket.id, TicketRouted(system="erp", team="erp"), DESK)
        submit(draft, told(), DESK)
        draft.undo(mark)
        row = draft.get(TICKETS, ticket.id)
        assert row is not None
        return row["state"], str(draft.get(TICKETS, "HC-2")), draft.seq

    assert ledger.write(command).result() == ("submitted", "None", 1)
    assert count(ledger) == 1


def test_the_ledger_refuses_update_delete_and_truncate(both: Ledger) -> None:
    submitted(both)
    verbs = ["UPDATE entry SET reason = 'x'", "DELETE FROM entry"]
    if both.database.dialect == "postgresql":
        verbs.append("TRUNCATE entry")
    for verb in verbs:
        with pytest.raises(Unavailable) as refusal, both.database.write() as connection:
            connection.execute(text(verb))
        assert any(word in str(refusal.value.__cause__) for word in ("append-only", "permission denied"))
    assert count(both) == 1


def test_even_the_owner_of_a_postgres_ledger_meets_the_trigger(on_postgres: Ledger) -> None:
    submitted(on_postgres)
    for verb in ("UPDATE entry SET reason = 'x'", "DELETE FROM entry", "TRUNCATE entry"):
        with pytest.raises(Unavailable) as refusal, on_postgres.database.write() as connection:
            connection.execute(text("RESET ROLE"))
            connection.execute(text(verb))
        assert "append-only" in str(refusal.value.__cause__)


def test_services_work_under_a_role_that_may_only_append(on_postgres: Ledger) -> None:
    with on_postgres.database.read() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "hypercare_service"
        grants = "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_name = 'entry' AND grantee = current_user"
        rights = connection.execute(text(grants))
        assert {right for (right,) in rights} == {"SELECT", "INSERT"}


def test_sqlite_keeps_what_it_acknowledged_and_checks_types(ledger: Ledger) -> None:
    with ledger.database.read() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%STRICT%'")).scalars()
        assert set(names) == {"alembic_version"}
    with pytest.raises(Unavailable), ledger.database.write() as connection:
        connection.execute(text("UPDATE head SET seq = 'not a number'"))


def test_recorded_time_never_runs_backwards(database: Database) -> None:
    times = iter([datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 2, tzinfo=UTC)])
    ledger = Ledger(database, clock=lambda: next(times))
    for _ in range(3):
        submitted(ledger)
    recorded = [entry.recorded_at for entry in entries_of(ledger)]
    assert recorded == [datetime(2026, 3, 29, 1, tzinfo=UTC)] * 2 + [datetime(2026, 3, 29, 2, tzinfo=UTC)]
    ledger.close()


def test_the_claimed_time_stands_beside_the_recorded_one(ledger: Ledger) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    ticket = submitted(ledger, occurred_at=yesterday.isoformat())
    entry = entries_of(ledger, ticket.id)[0]
    assert entry.occurred_at == ticket.occurred_at == yesterday
    assert entry.recorded_at == ticket.submitted_at > yesterday


def test_close_finishes_what_is_waiting(database: Database) -> None:
    ledger = Ledger(database)
    writes = [ledger.write(lambda draft: submit(draft, told(), DESK)) for _ in range(20)]
    ledger.close()
    assert all(write.result()[1] for write in writes)


def test_nothing_is_acknowledged_when_the_database_is_away(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'absent' / 'nowhere.db'}")
    ledger = Ledger(database)
    with pytest.raises(Unavailable, match="try again"):
        submitted(ledger)
    ledger.close()


def test_what_is_stored_reads_back_the_same_on_both_databases(both: Ledger) -> None:
    odd = "Ventil öffnet nicht\tß \u202e עברית 👩\u200d🔧 e\u0301"
    ticket = submitted(both, title=odd, body="line one\nline two", batch="B-1")
    after = happened(both, ticket.id, TicketRouted(system="plc_scada", team="automation"))
    with both.database.read() as connection:
        row = dict(connection.execute(select(TICKETS).where(TICKETS.c.id == ticket.id)).mappings().one())
        head = read_head(connection)
        verdict = verify(export(connection))
    assert row == after.model_dump()
    assert (verdict.bad, verdict.checked, verdict.head) == (None, 2, head["digest"])


def test_a_row_written_behind_the_ledgers_back_is_found(both: Ledger) -> None:
    happened(both, submitted(both).id, TicketRouted(system="erp", team="erp"))
    with both.database.write() as connection:
        forged = dict(connection.execute(select(ENTRIES).where(ENTRIES.c.seq == 2)).mappings().one())
        connection.execute(insert(ENTRIES).values(forged | {"seq": 3, "id": "forged", "actor": "nobody"}))
    with both.database.read() as connection:
        assert verify(export(connection)).bad == 3
        assert connection.execute(select(HEAD.c.seq)).scalar_one() == 2


def test_who_did_what_and_why_stands_in_the_entry(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, TicketRouted(system="plc_scada", team="automation"), ENGINEER)
    entry = entries_of(ledger, ticket.id)[1]
    assert (entry.actor, entry.role, entry.reason, entry.site) == ("erik", "automation_engineer", ENGINEER.reason, "Cork")
    assert (entry.type, entry.data, entry.ticket_version) == ("TicketRouted", {"system": "plc_scada", "team": "automation"}, 2)


async def test_a_caller_that_gives_up_neither_undoes_its_command_nor_takes_answers_along(ledger: Ledger) -> None:
    waiting = [ledger.written(lambda draft: submit(draft, told(), DESK)) for _ in range(20)]
    await asyncio.sleep(0)
    for answer in waiting[::2]:
        answer.cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(answer, asyncio.CancelledError) for answer in answers) == 10
    await ledger.written(lambda draft: None)
    assert count(ledger) == 20


async def test_a_refusal_reaches_the_task_that_waits(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="HC-9"):
        await ledger.written(lambda draft: record(draft, "HC-9", TicketCommented(text="hm"), DESK))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | TEXT | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_the_canonical_form_is_that_of_rfc_8785(data: dict[str, object]) -> None:
    assert canonical({"data": data}) == rfc8785.dumps({"data": data})


def test_instants_are_written_in_utc_to_the_microsecond() -> None:
    summer = datetime(2026, 7, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert canonical({"at": summer}) == b'{"at":"2026-07-01T00:00:00.000000+00:00"}'
