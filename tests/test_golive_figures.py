"""The figures of a go-live are what a recount of the ledger gives: at any instant, on any day, after any history."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from schemas import events as e
from schemas.entries import Entry
from schemas.golive_figures import GoLiveFigures
from schemas.golives import GoLive
from schemas.tables import ENTRIES
from services.db import Database, migrate, open_database
from services.ledger import Ledger
from services.stabilisation.figures import present
from services.stabilisation.progress import Progress
from services.stabilisation.view import Only
from tests.golive_lives import BEGIN, at_boundaries, declared, lived, text
from tests.golive_recount import Pencil, check
from tests.lives import ENGINEER, entries_of, happened, submitted
from tests.test_figures import Clock

HISTORIES = 200
PART = 20
HEADING = ("golive", "site", "wave", "as_of", "ledger_seq", "system", "severity")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """One ledger for many random go-lives, each at a site of its own."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('golives') / 'hypercare.db'}")
    migrate(database)
    opened = Ledger(database, lambda: BEGIN)
    yield opened
    opened.close()
    database.close()


def instants_of(golive: GoLive, ledger: Ledger, seed: int) -> list[datetime]:
    """The last instant, one between, and one at an entry, to the microsecond."""
    entries = entries_at(ledger, golive.site)
    dice = Random(seed)
    first, last = entries[0].recorded_at, entries[-1].recorded_at
    chosen = [last, first + dice.random() * (last - first), *at_boundaries([dice.choice(entries).recorded_at])[:1]]
    return [instant for instant in chosen if instant >= golive.declared_at]


def entries_at(ledger: Ledger, site: str) -> list[Entry]:
    """The entries of tickets there."""
    told = select(ENTRIES).where(ENTRIES.c.site == site, ENTRIES.c.ticket.is_not(None)).order_by(ENTRIES.c.seq)
    with ledger.database.read() as connection:
        return [Entry.model_construct(**row) for row in connection.execute(told).mappings()]


def reached(ledger: Ledger) -> datetime:
    """Where the ledger's time has come to."""
    with ledger.database.read() as connection:
        return present(connection, BEGIN)


@pytest.mark.parametrize("part", range(HISTORIES // PART))
def test_figures_equal_a_recount_over_random_histories(ledger: Ledger, part: int) -> None:
    progress = Progress()
    for seed in range(part * PART, (part + 1) * PART):
        zone = ("Europe/Dublin", "Asia/Kolkata", "America/New_York")[seed % 3]
        golive = declared(ledger, text(f"site {seed}", reached(ledger), time_zone=zone, areas=("Line 1",) * (seed % 2)))
        lived(ledger, golive.site, seed, steps=70)
        entries = entries_at(ledger, golive.site)
        for instant in instants_of(golive, ledger, seed):
            with progress.look(ledger, instant) as outline:
                check(outline.sight(golive.id).figures, Pencil(golive, entries, instant))


def test_both_databases_give_the_same_figures(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database, Clock())
    golive = declared(ledger, text())
    lived(ledger, "Cork", 7, steps=250)
    with Progress().look(ledger) as outline:
        check(outline.sight(golive.id).figures, Pencil(golive, entries_of(ledger), outline.at))
    ledger.close()
    database.close()


def test_a_process_that_reads_on_knows_what_a_fresh_one_reads_at_once(shared: Ledger) -> None:
    golive = declared(shared, text("read on", reached(shared)))
    reader = Progress()
    for seed in range(4):
        lived(shared, golive.site, 900 + seed, steps=40)
        with reader.look(shared) as outline, Progress().look(shared) as fresh:
            assert outline.sight(golive.id).status == fresh.sight(golive.id).status


@pytest.mark.parametrize(("system", "severity"), [("lims", None), (None, "sev2"), ("erp", "sev1"), ("undecided", None)])
def test_the_balance_of_one_system_or_severity_closes_too(shared: Ledger, system: str | None, severity: str | None) -> None:
    golive = declared(shared, text(f"only {system} {severity}", reached(shared)))
    lived(shared, golive.site, 5, steps=200)
    with Progress().look(shared) as outline:
        found, every = outline.sight(golive.id, Only(system, severity)).figures, outline.sight(golive.id).figures
    assert found.difference == 0
    assert found.open.total == sum(row.closing for row in found.balance if row.day == found.balance[-1].day)
    wanted = every.open.by_system.get(system, 0) if system else every.open.by_severity[severity or ""]
    assert (severity and system) or found.open.total == wanted
    for row in found.balance:
        came, went = row.created + row.reopened + row.entered, row.resolved + row.cancelled + row.backlogged + row.left
        assert row.opening + came == row.closing + went


def test_what_happens_at_midnight_belongs_to_the_day_that_begins(shared: Ledger, database: Database) -> None:
    clock = Clock()
    ledger = Ledger(database, clock)
    clock.now = BEGIN
    golive = declared(ledger, text())
    midnight = datetime.fromisoformat("2026-03-28T00:00:00+00:00")
    clock.now = midnight - timedelta(microseconds=1)
    submitted(ledger, reported_severity="sev2")
    clock.now = midnight
    ticket = submitted(ledger, reported_severity="sev2")
    clock.now = midnight + timedelta(hours=30)
    happened(ledger, ticket.id, e.TicketRouted(system="erp", team="erp"), ENGINEER)
    with Progress().look(ledger) as outline:
        rows = outline.sight(golive.id).figures.balance
        days = outline.sight(golive.id).burndown.days
    assert [(row.day.day, row.opening, row.created, row.closing) for row in rows] == [(27, 0, 1, 1), (28, 1, 1, 2), (29, 2, 0, 2)]
    assert [day.open.get("sev2", 0) for day in days if day.at == midnight] == [1]
    ledger.close()


def test_a_ticket_belongs_to_the_newest_golive_whose_time_and_lines_it_is_of(ledger: Ledger) -> None:
    first = declared(ledger, text(areas=("Line 1",)))
    second = declared(ledger, text(begin=BEGIN + timedelta(days=5), areas=("Line 2",), wave="2"))
    lived(ledger, "Cork", 3, steps=200)
    entries = entries_of(ledger)
    born = {entry.ticket: entry for entry in entries if entry.type == "TicketSubmitted"}
    with Progress().look(ledger) as outline:
        members = [{track.ticket for track in outline.sight(each.id).view.tracks} for each in (first, second)]
    early = {ticket for ticket, entry in born.items() if entry.recorded_at < second.text.starts_at}
    of_line = {line: {ticket for ticket, entry in born.items() if entry.data.get("area") == line} for line in ("Line 1", "Line 2", None)}
    late = set(born) - early
    assert members[0] == of_line["Line 1"] | (of_line[None] & early)
    assert members[1] == (of_line["Line 2"] | of_line[None]) & late


def test_a_planted_fault_in_the_fold_is_found_by_the_recount(shared: Ledger) -> None:
    golive = declared(shared, text("fault", reached(shared)))
    lived(shared, golive.site, 11, steps=120)
    entries = [entry for entry in entries_of(shared) if entry.site == golive.site]
    progress = Progress()
    with progress.look(shared) as outline:
        figures, pencil = outline.sight(golive.id).figures, Pencil(golive, entries, outline.at)
        check(figures, pencil)
        track = next(track for track in outline.sight(golive.id).view.tracks if track.stands[-1].open)
        track.stands[-1] = track.stands[-1]._replace(state="closed")
        with pytest.raises(AssertionError):
            check(outline.sight(golive.id).figures, pencil)


@pytest.mark.parametrize("name", [name for name in GoLiveFigures.model_fields if name not in HEADING])
def test_every_figure_is_defined_in_the_documentation(name: str) -> None:
    told = (Path(__file__).resolve().parent.parent / "docs" / "figures.md").read_text("utf-8")
    assert f"`{name}`" in told or f"`{name}." in told
