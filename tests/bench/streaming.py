"""Tickets per second from submission to decision over Kafka and PostgreSQL, against a bare consume and produce of the same records."""

import asyncio
import statistics
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from sqlalchemy import func, select

from deploy.kafka.broker import Broker, running_broker
from models.examples import read_corpus
from schemas.entries import Attribution
from schemas.tables import TICKETS
from schemas.tickets import Submission
from schemas.topics import TICKETS as TOPIC
from schemas.topics import manifest
from services.db import migrate, open_database
from services.ledger import Ledger
from services.log.kafka import Kafka, create_topics
from services.teams import load_teams
from services.tickets import submit
from tests.databases import fresh_database, running_postgres
from tests.processes import Process

SUBMITTED = 3_000
ROUNDS = 3
Measured = list[tuple[str, float, str, str, str]]


async def measure(folder: Path) -> Measured:
    """Stream: submitted to decided over real Kafka and PostgreSQL (relay + one classifier), and a bare consume + produce"""
    with running_broker() as broker, running_postgres() as postgres:
        await create_topics(Kafka(broker.bootstrap, "bench"), manifest(tuple(load_teams(None).systems)))
        with fresh_database(postgres.url) as url:
            decided = await _decided_per_second(folder, url, broker)
        bare = statistics.median([await _bare_per_second(broker.bootstrap, attempt) for attempt in range(ROUNDS)])
    how = f"{SUBMITTED} tickets in the ledger, then relay and classifier start; clock from a tenth decided to nine tenths"
    return [
        ("stream, submitted to decided", decided, "tickets/s", "", how),
        ("bare consume + produce", bare, "records/s", "", f"the same records, one process, acks=all, median of {ROUNDS}"),
        ("ratio", decided / bare, "", "", "decided ÷ bare, one run"),
    ]


async def _decided_per_second(folder: Path, url: str, broker: Broker) -> float:
    """Between the moments when a tenth and nine tenths were decided: starting and finishing are not the stream."""
    database = open_database(url)
    migrate(database)
    await asyncio.to_thread(_fill, Ledger(database))
    settings = {"database_url": url, "kafka_bootstrap_servers": broker.bootstrap, "log_level": "error"}
    relay = Process(["services", "up", "relay"], settings, folder / "relay.log")
    classifier = Process(["services", "up", "classifier"], settings, folder / "classifier.log")
    with relay.start(), classifier.start():
        moments = {share: await _when(database, int(SUBMITTED * share)) for share in (0.1, 0.9)}
    database.close()
    return SUBMITTED * 0.8 / (moments[0.9] - moments[0.1])


def _fill(ledger: Ledger) -> None:
    examples, by = read_corpus(), Attribution("bench", "support_desk")
    told = [Submission(title=e.title, body=e.body, site="Cork", reporter="bench", reporter_role=e.reporter_role) for e in examples]
    chosen = (told[n % len(told)] for n in range(SUBMITTED))
    writes = [ledger.write(lambda draft, one=one: submit(draft, one, by)) for one in chosen]  # type: ignore[misc]
    for write in writes:
        write.result()
    ledger.close()


async def _when(database: object, decided: int) -> float:
    waiting = select(func.count()).where(TICKETS.c.state == "submitted")
    while True:
        with database.read() as connection:  # type: ignore[attr-defined]
            if connection.execute(waiting).scalar_one() <= SUBMITTED - decided:
                return time.monotonic()
        await asyncio.sleep(0.02)


async def _bare_per_second(bootstrap: str, attempt: int) -> float:
    """Reads what the relay wrote to the tickets topic and writes it again, as plainly as aiokafka allows."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await consumer.start()
    await producer.start()
    try:
        parts = [TopicPartition(TOPIC.name, part) for part in range(TOPIC.partitions)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        begun, seen = time.monotonic(), 0
        while seen < SUBMITTED:
            batches = await consumer.getmany(timeout_ms=1000, max_records=500)
            records = [record for batch in batches.values() for record in batch][: SUBMITTED - seen]
            topic = "hypercare.routed.erp.v1"
            await asyncio.gather(
                *[await producer.send(topic, record.value, record.key, headers=list(record.headers)) for record in records]
            )
            seen += len(records)
        return SUBMITTED / (time.monotonic() - begun)
    finally:
        await producer.stop()
        await consumer.stop()
