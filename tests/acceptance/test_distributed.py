"""Six processes on real Kafka and PostgreSQL, a thousand tickets, every process killed, the broker frozen: nothing is lost."""

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import httpx2
import pytest
from sqlalchemy import URL, func, select

from deploy.kafka.broker import Broker
from schemas.entries import Entry
from schemas.tables import DELIVERIES, ENTRIES, HEAD, LETTERS, TICKETS
from schemas.topics import manifest
from services.db import Database, open_database
from services.ledger import export
from services.log.kafka import Kafka, create_topics
from services.teams import load_teams
from services.tickets import fold
from services.verifier import verify
from tests.acceptance.plant import Chaos, Desk, Plant
from tests.databases import fresh_database
from tests.processes import until
from tests.sinks import Sink

TICKETS_SUBMITTED = 1_000
FREEZE_S = 15.0
DECIDED = ("TicketRouted", "TicketQueued")

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def plant_database(postgres: URL) -> Iterator[str]:
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture(scope="module")
def campaign(broker: Broker, plant_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Campaign"]:
    asyncio.run(create_topics(Kafka(broker.bootstrap, "test"), manifest(tuple(load_teams(None).systems))))
    with Sink() as sink:
        plant = Plant(tmp_path_factory.mktemp("plant"), plant_database, broker, sink.url)
        database = open_database(plant_database)
        try:
            yield Campaign(plant, broker, sink, database)
        finally:
            plant.end()
            database.close()


class Campaign:
    """One run for all the questions below: submit under fire, heal, drain."""

    def __init__(self, plant: Plant, broker: Broker, sink: Sink, database: Database) -> None:
        self.plant = plant
        self.sink = sink
        self.database = database
        began = time.monotonic()
        plant.start()
        self.desk = Desk(plant.api.url, TICKETS_SUBMITTED)
        with Chaos(plant.processes, broker, FREEZE_S) as self.chaos:
            self.desk.work()
        for process in plant.processes:
            process.ready("/livez")
        self.submitting_s = time.monotonic() - began
        until(self._drained, f"draining; {plant.tails()}", 150)
        self.draining_s = time.monotonic() - began - self.submitting_s

    def _drained(self) -> bool:
        with self.database.read() as connection:
            waiting = connection.execute(select(func.count()).where(TICKETS.c.state == "submitted")).scalar_one()
            unsent = connection.execute(select(func.count()).where(DELIVERIES.c.state.not_in(("sent", "obsolete")))).scalar_one()
            asked = connection.execute(select(func.count()).select_from(DELIVERIES)).scalar_one()
        return waiting == 0 and unsent == 0 and asked >= TICKETS_SUBMITTED

    def entries(self) -> dict[str, list[Entry]]:
        told: dict[str, list[Entry]] = defaultdict(list)
        with self.database.read() as connection:
            for row in connection.execute(select(ENTRIES).where(ENTRIES.c.ticket.is_not(None)).order_by(ENTRIES.c.seq)).mappings():
                told[row["ticket"]].append(Entry.model_construct(**row))
        return told


def test_the_faults_happened(campaign: Campaign) -> None:
    assert campaign.chaos.frozen == 1
    assert all(process.kills >= 1 for process in campaign.plant.processes)


def test_every_acknowledged_ticket_is_there_once(campaign: Campaign) -> None:
    assert len(campaign.desk.acknowledged) == TICKETS_SUBMITTED
    submitted = Counter(ticket for ticket, entries in campaign.entries().items() for entry in entries if entry.type == "TicketSubmitted")
    assert submitted == Counter(campaign.desk.acknowledged.values())
    assert set(submitted.values()) == {1}
    for ticket in list(campaign.desk.acknowledged.values())[::97]:
        assert httpx2.get(f"{campaign.plant.api.url}/v1/tickets/{ticket}").status_code == 200


def test_every_ticket_is_decided_once(campaign: Campaign) -> None:
    for ticket, entries in campaign.entries().items():
        types = Counter(entry.type for entry in entries)
        assert (types["TicketClassified"], sum(types[kind] for kind in DECIDED)) == (1, 1), (ticket, types)


def test_every_decided_ticket_reached_its_people_under_one_delivery_id(campaign: Campaign) -> None:
    reached: dict[str, set[str]] = defaultdict(set)
    for received in campaign.sink.received:
        reached[json.loads(received.body)["ticket_id"]].add(received.headers["webhook-id"])
    assert set(reached) == set(campaign.desk.acknowledged.values())
    with campaign.database.read() as connection:
        wanted = defaultdict(set)
        for row in connection.execute(select(DELIVERIES.c.ticket, DELIVERIES.c.id)):
            wanted[row.ticket].add(row.id)
        assert connection.execute(select(LETTERS)).all() == []
    assert reached == wanted
    assert {len(ids) for ids in reached.values()} == {1}


def test_the_ledger_verifies_and_every_ticket_is_the_fold_of_its_entries(campaign: Campaign) -> None:
    with campaign.database.read() as connection:
        verdict = verify(export(connection))
        head = connection.execute(select(HEAD)).mappings().one()
        rows = {row["id"]: dict(row) for row in connection.execute(select(TICKETS)).mappings()}
    assert (verdict.bad, verdict.checked, verdict.head) == (None, head["seq"], head["digest"])
    for ticket, entries in campaign.entries().items():
        folded = fold(entries)
        assert folded is not None
        assert folded.model_dump() == rows[ticket]


def test_the_figures_equal_a_recount(campaign: Campaign) -> None:
    figures = httpx2.get(f"{campaign.plant.stabilisation.url}/v1/figures").json()["figures"]
    folded = [ticket for entries in campaign.entries().values() if (ticket := fold(entries))]
    assert figures["open"]["total"] == len(folded) == TICKETS_SUBMITTED
    assert Counter(figures["open"]["by_state"]) == Counter({"submitted": 0}) + Counter(ticket.state for ticket in folded)
    assert +Counter(figures["open"]["by_severity"]) == Counter(ticket.severity for ticket in folded)


def test_what_was_measured(campaign: Campaign, record_property: Callable[[str, object], None]) -> None:
    kills = sum(process.kills for process in campaign.plant.processes)
    copies = len(campaign.sink.received) - TICKETS_SUBMITTED
    figures = {"kills": kills, "attempts": campaign.desk.attempts, "second copies at the receiver": copies}
    figures |= {"submitting, s": round(campaign.submitting_s), "draining, s": round(campaign.draining_s)}
    for name, value in figures.items():
        record_property(name, value)
    sys.stdout.write(f"{figures}\n")
    assert copies <= kills * 20


def test_every_process_ends_cleanly_when_asked(campaign: Campaign) -> None:
    assert [process.stop() for process in campaign.plant.processes] == [0] * 6
