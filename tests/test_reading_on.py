"""Who reads the ledger on from a place gets every entry once and in order, and the cost of a page does not grow with what is behind it."""

from collections.abc import Sequence
from random import Random

import pytest

from schemas import events as e
from schemas.event import Event
from schemas.tables import ENTRIES
from services.dispatcher.requests import LISTENS_TO, MIRRORED
from services.judgements import Judgements
from services.ledger import REACH, Ledger, read_entries
from services.log.table import TableLog
from services.runner import Runner, Service
from services.stabilisation.chronicle import Chronicle
from tests.lives import DESK, entries_of, happened, submitted, told
from tests.query_plans import plans

BY_TYPE = "INDEX ix_entry_type (type=?)"
"""What reads and sorts every entry of its types; to look for the first of them alone, the index covers the query."""


@pytest.fixture
def long(ledger: Ledger) -> Ledger:
    """Some hundred entries: many comments, few of anything else, and the rarest of all far behind."""
    dice = Random(5)
    ticket = submitted(ledger).id
    for number in range(240):
        happened(ledger, ticket, e.TicketCommented(text=f"still here, {number}"))
        if dice.random() < 0.05:
            ticket = submitted(ledger).id
    happened(ledger, ticket, e.TicketRouted(system="erp", team="erp"))
    return ledger


def read_through(ledger: Ledger, types: Sequence[str], limit: int) -> list[int]:
    """The seqs that a reader sees who asks for page after page until there is none."""
    seen: list[int] = []
    with ledger.database.read() as connection:
        while page := read_entries(connection, seen[-1] if seen else 0, types, limit):
            assert len(page) <= limit
            seen += [entry.seq for entry in page]
    return seen


@pytest.mark.parametrize("limit", [1, 3, 50, 1000])
@pytest.mark.parametrize("types", [[], ["TicketSubmitted"], ["TicketRouted"], ["TicketSubmitted", "TicketRouted"], ["TicketClosed"]])
def test_page_by_page_every_wanted_entry_is_read_once_and_in_order(long: Ledger, types: list[str], limit: int) -> None:
    wanted = [entry.seq for entry in entries_of(long) if not types or entry.type in types]
    assert read_through(long, types, limit) == wanted


def test_what_lies_further_than_a_page_reaches_is_found_at_once(long: Ledger) -> None:
    last = entries_of(long)[-1]
    with long.database.read() as connection:
        assert last.seq > 1 + REACH
        assert [entry.seq for entry in read_entries(connection, 1, ["TicketRouted"], 1)] == [last.seq]
        assert read_entries(connection, last.seq, ["TicketRouted"], 1) == []


def test_a_page_is_read_along_the_ledger_and_not_by_type(long: Ledger) -> None:
    types = [event.__name__ for event in (*LISTENS_TO, *MIRRORED, e.TicketSubmitted)]
    with plans(long.database) as steps:
        read_through(long, types, 5)
    pages = [step for step in steps if "COVERING" not in step]
    assert any("INTEGER PRIMARY KEY" in step for step in pages)
    assert not [step for step in pages if BY_TYPE in step or "TEMP B-TREE" in step]


def test_the_fold_and_the_judgements_read_on_in_the_same_way(long: Ledger) -> None:
    with plans(long.database) as steps, long.database.read() as connection:
        Chronicle().catch_up(connection)
        Judgements().catch_up(connection)
    assert not [step for step in steps if BY_TYPE in step and "COVERING" not in step]


def nothing_follows(work: Sequence[object]) -> list[list[Event]]:
    return [[] for _ in work]


def test_a_batch_is_loaded_by_its_ids_however_many_types_a_service_listens_to(long: Ledger) -> None:
    """By type, SQLite would read every entry there ever was of these, for every batch."""
    listener = Service("dispatcher", (e.TicketSubmitted, *LISTENS_TO, *MIRRORED), nothing_follows)
    runner = Runner(listener, TableLog(long), long)
    ids = [entry.id for entry in entries_of(long)][-100:]
    with plans(long.database) as steps:
        loaded = runner._load(ids)
    assert [each.entry.type for each in loaded][-1] == "TicketRouted"
    assert [step for step in steps if step.startswith("SEARCH entry") and "(id=?)" in step]
    assert not [step for step in steps if BY_TYPE in step]


def test_a_plan_that_goes_by_type_is_seen(long: Ledger) -> None:
    """What the tests above look for would be there."""
    with plans(long.database) as steps, long.database.read() as connection:
        wanted = ENTRIES.c.type.in_(["TicketSubmitted", "TicketRouted"]) & (ENTRIES.c.seq > 3)
        connection.execute(ENTRIES.select().where(wanted).order_by(ENTRIES.c.seq)).all()
    assert [step for step in steps if BY_TYPE in step or "ix_entry_type (type=? AND" in step]


def test_a_chronicle_that_reads_in_pages_is_the_one_that_reads_at_once(long: Ledger) -> None:
    """Whatever lies between two entries that it wants."""
    at_once, stepwise = Chronicle(), Chronicle()
    with long.database.read() as connection:
        at_once.catch_up(connection)
    for entry in entries_of(long):
        if entry.type != "TicketCommented" or entry.ticket:
            stepwise.take(entry)
    assert at_once.sites.keys() == stepwise.sites.keys()
    for site, tracks in at_once.sites.items():
        assert {name: track.stands for name, track in tracks.items()} == {
            name: track.stands for name, track in stepwise.sites[site].items()
        }


def test_a_new_entry_is_seen_by_a_reader_that_was_at_the_end(long: Ledger) -> None:
    with long.database.read() as connection:
        end = read_entries(connection, 0, [], 10_000)[-1].seq
        assert read_entries(connection, end, ["TicketSubmitted"], 10) == []
    made = submitted(long, **told().model_dump(include={"title"}))
    with long.database.read() as connection:
        (entry,) = read_entries(connection, end, ["TicketSubmitted"], 10)
    assert (entry.ticket, entry.actor) == (made.id, DESK.actor)
