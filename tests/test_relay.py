"""The relay: every entry of the ledger gets out, in order, at least once, whatever fails, and only one relay is at it."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from sqlalchemy import select, text

from schemas import events as e
from schemas.entries import Attribution
from schemas.records import Record
from schemas.routed import RoutedTicket
from schemas.tables import CONSUMERS
from schemas.topics import DEADLETTER, TICKETS, routed
from services.db import migrate, open_database
from services.deliveries import quarantine
from services.errors import Invalid, Unavailable
from services.ledger import Ledger
from services.log.relay import rewind
from services.log.turn import Turn
from tests.carriers import URL, Shelf, a_relay, at_work, relaying, until
from tests.lives import DESK, ENGINEER, QA, SERVICE, entries_of, happened, submitted

TO_ERP = e.TicketRouted(system="erp", team="erp")
LEAD = Attribution("lena", "triage_lead", reason="the topic was deleted by mistake")


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[tuple[Ledger, Ledger]]:
    """Two processes' ledgers on one database."""
    databases = [open_database(postgres_url) for _ in range(2)]
    migrate(databases[0])
    ledgers = [Ledger(database) for database in databases]
    yield ledgers[0], ledgers[1]
    for ledger in ledgers:
        ledger.close()
        ledger.database.close()


def position(ledger: Ledger) -> int | None:
    with ledger.database.read() as connection:
        return connection.execute(select(CONSUMERS.c.position).where(CONSUMERS.c.name == "relay")).scalar_one_or_none()


def header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()


def seqs(shelf: Shelf) -> list[int]:
    return [int(header(record, "ce_ledgerseq")) for record in shelf.on(TICKETS.name)]


async def test_every_entry_is_carried_once_in_the_ledgers_order(ledger: Ledger) -> None:
    shelf = Shelf()
    for n in range(150):
        submitted(ledger, title=f"before {n}")
    async with relaying(ledger, shelf):
        for n in range(50):
            await asyncio.to_thread(submitted, ledger, title=f"while it runs {n}")
        await until(lambda: position(ledger) == 200)
    assert seqs(shelf) == list(range(1, 201))
    assert {record.key for record in shelf.records} == {f"HC-{n}".encode() for n in range(1, 201)}
    assert shelf.closed


async def test_a_record_is_a_cloudevent_that_an_independent_reader_understands(ledger: Ledger) -> None:
    shelf = Shelf()
    ticket = submitted(ledger, title="Störung an Linie 3 — no tags", site="Zürich", occurred_at="2026-03-01T06:15:00+01:00")
    happened(ledger, ticket.id, TO_ERP, SERVICE)
    happened(ledger, ticket.id, e.TicketRouted(system="lims", team="lims"), ENGINEER)
    async with relaying(ledger, shelf):
        await until(lambda: len(shelf.on(TICKETS.name)) == 3)
    told, _, moved = entries_of(ledger, ticket.id)
    first, _, last = (
        from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat()) for record in shelf.on(TICKETS.name)
    )
    assert (first.get_id(), first.get_type(), first.get_source()) == (told.id, "io.hypercare.TicketSubmitted.v1", f"{URL}/v1/ledger")
    assert (first.get_subject(), first.get_extension("partitionkey")) == (ticket.id, ticket.id)
    assert first.get_time() == told.occurred_at
    assert first.get_dataschema() == "urn:hypercare:schema:TicketSubmitted:v1"
    assert first.get_data() == told.data
    assert (first.get_extension("site"), first.get_extension("ledgerdigest")) == ("Zürich", told.digest)
    assert (last.get_extension("actor"), last.get_extension("actorrole")) == (ENGINEER.actor, ENGINEER.role)
    assert (last.get_extension("reason"), last.get_extension("ticketversion")) == (ENGINEER.reason, str(moved.ticket_version))


async def test_the_trace_goes_on(ledger: Ledger) -> None:
    trace, shelf = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Shelf()
    ticket = submitted(ledger)
    happened(ledger, ticket.id, TO_ERP, Attribution("service:classifier", "service", traceparent=trace))
    async with relaying(ledger, shelf):
        await until(lambda: len(shelf.on(TICKETS.name)) == 2)
    without, carried = shelf.on(TICKETS.name)
    assert header(carried, "traceparent") == trace
    assert "traceparent" not in dict(without.headers)


async def test_an_on_call_tool_gets_the_whole_ticket_as_the_event_left_it(ledger: Ledger) -> None:
    shelf = Shelf()
    ticket = submitted(ledger, reported_severity="sev3", batch="B-17")
    happened(ledger, ticket.id, TO_ERP, SERVICE)
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), QA)
    happened(ledger, ticket.id, e.TicketRouted(system="lims", team="lims"), ENGINEER)
    happened(ledger, ticket.id, e.TicketCommented(text="not a reason to tell anybody"))
    async with relaying(ledger, shelf):
        await until(lambda: position(ledger) == 5)
    sent, rated = shelf.on(routed("erp"))
    (moved,) = shelf.on(routed("lims"))
    assert [header(record, "ce_severity") for record in (sent, rated, moved)] == ["sev3", "sev1", "sev1"]
    before, after = RoutedTicket.model_validate_json(sent.value), RoutedTicket.model_validate_json(moved.value)
    assert (before.ticket.version, before.ticket.severity, before.ticket.team, before.ticket.batch) == (2, "sev3", "erp", "B-17")
    assert (after.ticket.version, after.ticket.moved_from, after.reason) == (4, ["erp"], ENGINEER.reason)
    assert after.links.ticket == f"{URL}/v1/tickets/{ticket.id}"
    assert header(sent, "ce_id") == entries_of(ledger, ticket.id)[1].id
    assert header(sent, "ce_source") != header(shelf.on(TICKETS.name)[1], "ce_source")


async def test_a_ticket_that_is_opened_again_goes_to_its_team_again(ledger: Ledger) -> None:
    shelf = Shelf()
    ticket = submitted(ledger)
    happened(ledger, ticket.id, TO_ERP, SERVICE)
    happened(ledger, ticket.id, e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="set the flag"))
    happened(ledger, ticket.id, e.TicketReopened())
    async with relaying(ledger, shelf):
        await until(lambda: position(ledger) == 4)
    assert [json.loads(record.value)["type"] for record in shelf.on(routed("erp"))] == ["TicketRouted", "TicketReopened"]


async def test_a_system_without_a_topic_keeps_nobody_waiting(ledger: Ledger) -> None:
    shelf = Shelf()
    ticket = submitted(ledger)
    happened(ledger, ticket.id, e.TicketRouted(system="brand_new", team="erp"), ENGINEER)
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), QA)
    async with relaying(ledger, shelf):
        await until(lambda: position(ledger) == 3)
    assert {record.topic for record in shelf.records} == {TICKETS.name}


async def test_what_could_not_be_dealt_with_goes_to_the_dead_letters_too(ledger: Ledger) -> None:
    shelf = Shelf()
    poison = e.RecordQuarantined(letter="l1", topic="t", partition=0, offset=7, key=None, headers=(), value="", error="no JSON")
    ledger.write(lambda draft: quarantine(draft, poison, SERVICE)).result()
    async with relaying(ledger, shelf):
        await until(lambda: position(ledger) == 1)
    (entry,) = entries_of(ledger)
    assert [(record.topic, record.key) for record in shelf.records] == [
        (name, entry.id.encode()) for name in (TICKETS.name, DEADLETTER.name)
    ]


async def test_a_carrier_that_fails_is_said_to_fail_and_loses_nothing(ledger: Ledger) -> None:
    shelf = Shelf(shut=True)
    submitted(ledger)
    async with relaying(ledger, shelf) as relay:
        relay.check()
        await until(lambda: shelf.refused >= 2)
        with pytest.raises(Unavailable, match="the shelf is shut"):
            relay.check()
        assert position(ledger) == 0, "its lag must show even where nothing ever got through"
        shelf.shut = False
        await until(lambda: position(ledger) == 1 and not relay.trouble)
        relay.check()
    assert seqs(shelf) == [1]


async def test_what_was_sent_but_not_noted_is_sent_again_as_the_same_record(ledger: Ledger) -> None:
    """The process ends between the acknowledgement and the note of it."""

    class Fatal(Shelf):
        async def carry(self, records: list[Record]) -> None:  # type: ignore[override]
            await super().carry(records)
            raise asyncio.CancelledError

    ticket = submitted(ledger)
    happened(ledger, ticket.id, TO_ERP, SERVICE)
    first, second = Fatal(), Shelf()
    with pytest.raises(asyncio.CancelledError):
        await a_relay(ledger, first).run()
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), QA)
    async with relaying(ledger, second):
        await until(lambda: position(ledger) == 3)
    assert first.records
    assert second.on(TICKETS.name)[:2] == first.on(TICKETS.name)
    assert second.on(routed("erp"))[0] == first.on(routed("erp"))[0]


async def test_a_person_has_entries_carried_again(ledger: Ledger) -> None:
    shelf = Shelf()
    for _ in range(3):
        submitted(ledger)
    async with relaying(ledger, shelf):
        await until(lambda: position(ledger) == 3)
        await ledger.written(lambda draft: rewind(draft, 1, LEAD))
        await until(lambda: len(shelf.records) == 6)
    assert seqs(shelf) == [1, 2, 3, 2, 3, 4]
    rewound = entries_of(ledger)[3]
    assert (rewound.type, rewound.actor, rewound.data) == ("RelayRewound", LEAD.actor, {"position": 1})
    for beyond in (-1, 5):
        with pytest.raises(Invalid, match="entries 1 to 4"):
            ledger.write(lambda draft, beyond=beyond: rewind(draft, beyond, DESK)).result()


async def test_a_rewind_while_records_are_on_their_way_is_not_overwritten(ledger: Ledger) -> None:
    class Slow(Shelf):
        async def carry(self, records: list[Record]) -> None:  # type: ignore[override]
            await super().carry(records)
            if len(self.records) == 4:
                await asyncio.wrap_future(ledger.write(lambda draft: rewind(draft, 0, DESK)))

    shelf = Slow()
    for _ in range(2):
        submitted(ledger)
    async with relaying(ledger, shelf):
        await until(lambda: position(ledger) == 2)
        for _ in range(2):
            await asyncio.to_thread(submitted, ledger)
        await until(lambda: position(ledger) == 5 and len(shelf.records) >= 9)
    assert set(seqs(shelf)[-5:]) == {1, 2, 3, 4, 5}


async def test_of_two_relays_one_works_and_the_other_takes_over(on_postgres: tuple[Ledger, Ledger]) -> None:
    first, second = on_postgres
    ours, theirs = Shelf(), Shelf()
    relay = a_relay(second, theirs)
    async with at_work(relay.run()):
        async with relaying(first, ours):
            await until(lambda: ours.closed is False and position(first) == 0)
            for _ in range(20):
                await asyncio.to_thread(submitted, first)
            await until(lambda: position(first) == 20)
            assert sorted([len(ours.records), len(theirs.records)]) == [0, 20]
            relay.check()
        for _ in range(5):
            await asyncio.to_thread(submitted, second)
        await until(lambda: position(second) == 25)
    assert seqs(ours) + seqs(theirs) == list(range(1, 26))


async def test_a_relay_whose_connection_is_cut_lets_another_go_on(on_postgres: tuple[Ledger, Ledger]) -> None:
    first, second = (Turn(ledger.database) for ledger in on_postgres)
    assert (first.mine(), second.mine(), first.mine()) == (True, False, True)
    kill = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    with on_postgres[0].database.engine.connect() as connection:
        connection.execute(text("RESET ROLE"))
        connection.execute(kill)
    with pytest.raises(Unavailable, match="another relay may go on"):
        first.mine()
    assert (second.mine(), first.mine()) == (True, False)
    second.end()
    assert (first.mine(), second.mine()) == (True, False)
    first.end()
    assert not first.mine(), "it is over for good"


async def test_a_relay_goes_on_when_the_database_is_back(on_postgres: tuple[Ledger, Ledger]) -> None:
    shelf, (ours, other) = Shelf(), on_postgres
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    async with relaying(ours, shelf):
        await until(lambda: position(other) == 0)
        with other.database.engine.connect() as connection:
            connection.execute(text("RESET ROLE"))
            connection.execute(text(others))
        await asyncio.to_thread(submitted, other)
        await until(lambda: seqs(shelf) == [1])
