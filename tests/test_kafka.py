"""Kafka carries the ledger and never holds the only copy of anything: brokers die, freeze, forget and lie, and nothing is lost."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from deploy.kafka.broker import Broker
from schemas.events import Event, TicketRouted, TicketSubmitted
from schemas.topics import manifest
from services.errors import Unavailable
from services.ledger import Ledger
from services.log.kafka import BATCH, Kafka, KafkaCarrier, Member, Pace, create_topics
from services.log.outgoing import ce_type
from services.log.relay import rewind
from services.runner import Occurrence, Runner, Service
from services.settings import load_settings
from tests.carriers import BRISK, SYSTEMS, Corner, at_work, relaying, until
from tests.lives import DESK, entries_of, submitted, ticket_of, types_of

# Told to close while it opens a connection, aiokafka leaves the socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SUBMITTED = ("TicketSubmitted",)


@pytest.fixture(autouse=True)
def _collected_here() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
async def corner(real_kafka: str) -> Corner:
    corner = Corner(real_kafka)
    await corner.create()
    return corner


async def collect(batches: Any, into: list[str]) -> None:
    async with aclosing(batches):
        async for batch in batches:
            into += batch.events


def reading(corner: Corner, into: list[str], instance: str = "one", consumer: str = "reader", pace: Pace = BRISK) -> Any:
    return at_work(collect(corner.log(instance, pace).read(corner.consumer(consumer), SUBMITTED), into))


def submissions(ledger: Ledger) -> list[str]:
    return [entry.id for entry in entries_of(ledger) if entry.type == "TicketSubmitted"]


async def submit_some(ledger: Ledger, count: int) -> list[str]:
    for n in range(count):
        await asyncio.to_thread(submitted, ledger, title=f"ticket {n}")
    return submissions(ledger)


def send(corner: Corner, headers: dict[str, str | bytes], value: bytes | None = b"{}") -> None:
    producer = Producer({"bootstrap.servers": corner.bootstrap})
    producer.produce(corner.topic("hypercare.tickets.v1"), value, b"HC-1", headers=headers)
    assert producer.flush(10) == 0


def committed(corner: Corner, consumer: str) -> int:
    """Records that the group is done with, over all partitions."""
    group = f"hypercare.{corner.consumer(consumer)}"
    admin = AdminClient({"bootstrap.servers": corner.bootstrap})  # by name: it gives up what it was asked when it is collected
    answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    return sum(part.offset for part in answer[group].result(10).topic_partitions)


# What aiokafka is told


async def test_every_client_is_told_what_its_defaults_get_wrong() -> None:
    kafka = Kafka("broker:9092", "plant 7/a")
    told = Member(kafka, "classifier", "hypercare.tickets.v1")._told()
    assert (told["enable_auto_commit"], told["auto_offset_reset"]) == (False, "none")
    assert (told["session_timeout_ms"], told["heartbeat_interval_ms"], told["max_poll_records"]) == (30_000, 5_000, BATCH)
    assert len(told["partition_assignment_strategy"]) == 1
    assert (told["group_id"], told["group_instance_id"]) == ("hypercare.classifier", "plant-7-a.classifier")
    assert told["rebalance_timeout_ms"] < told["request_timeout_ms"], "or a request gives up while the group still gathers"
    assert not {"key_deserializer", "value_deserializer"} & set(told)
    sender = KafkaCarrier(kafka)._told()
    assert (sender["acks"], sender["enable_idempotence"]) == ("all", True)
    assert sender["request_timeout_ms"] < 1000 * kafka.pace.sending


def test_an_encrypted_broker_has_to_prove_who_it_is() -> None:
    given = {"kafka_bootstrap_servers": "b:1", "instance": "a", "kafka_security_protocol": "SASL_SSL"}
    kafka = Kafka.of(load_settings(**given, kafka_username="relay", kafka_password="canary-secret"))
    told = kafka.client("relay")
    context = told["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (told["security_protocol"], told["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("relay", "canary-secret")
    assert "canary-secret" not in repr(kafka)
    assert "ssl_context" not in Kafka("b:1", "a").client("relay")


# Topics


async def test_topics_are_created_once_as_the_manifest_says(real_kafka: str) -> None:
    corner = Corner(real_kafka)
    assert await corner.create() == [corner.topic(topic.name) for topic in manifest(SYSTEMS)]
    assert await corner.create() == []
    admin = AdminClient({"bootstrap.servers": real_kafka})
    for topic in manifest(SYSTEMS):
        name = corner.topic(topic.name)
        assert len(admin.list_topics(name, timeout=10).topics[name].partitions) == topic.partitions == 6
        (answer,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
        found = {setting: entry.value for setting, entry in answer.result(10).items()}
        assert {setting: found[setting] for setting in topic.settings} == topic.settings


async def test_no_topics_are_created_where_there_is_no_broker() -> None:
    with pytest.raises(Unavailable, match="could not be created"):
        await create_topics(Kafka("127.0.0.1:1", "one", pace=BRISK), manifest(SYSTEMS))


# Reading


async def test_members_of_one_group_share_the_tickets(ledger: Ledger, corner: Corner) -> None:
    first: list[str] = []
    second: list[str] = []
    async with relaying(ledger, corner.carrier()), reading(corner, first, "one"), reading(corner, second, "two"):
        async with asyncio.timeout(30):
            while not (first and second):
                await submit_some(ledger, 3)
        wanted = await submit_some(ledger, 20)
        await until(lambda: {*first, *second} >= set(wanted))
    assert len(set(first) & set(second)) < len(wanted)


async def test_events_count_as_done_only_when_the_next_are_asked_for(ledger: Ledger, corner: Corner) -> None:
    wanted = set(await submit_some(ledger, 5))
    async with relaying(ledger, corner.carrier()), aclosing(corner.log().read(corner.consumer("careful"), SUBMITTED)) as batches:
        got = set((await anext(batches)).events)
        assert await asyncio.to_thread(committed, corner, "careful") == 0
        while not got >= wanted:
            got |= set((await anext(batches)).events)
        waiting = asyncio.ensure_future(anext(batches))
        await until(lambda: committed(corner, "careful") == 5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_group_whose_place_is_gone_reads_from_the_beginning(ledger: Ledger, corner: Corner) -> None:
    wanted, got = await submit_some(ledger, 3), []  # type: list[str], list[str]
    places = [TopicPartition(corner.topic("hypercare.tickets.v1"), part, 900) for part in range(6)]
    group = ConsumerGroupTopicPartitions(f"hypercare.{corner.consumer('reader')}", places)
    admin = AdminClient({"bootstrap.servers": corner.bootstrap})
    await until(lambda: not admin.alter_consumer_group_offsets([group])[group.group_id].exception(10))
    async with relaying(ledger, corner.carrier()), reading(corner, got):
        await until(lambda: set(got) == set(wanted))


async def test_records_that_are_no_events_are_passed_over(ledger: Ledger, corner: Corner) -> None:
    got: list[str] = []
    kind = ce_type("TicketSubmitted")
    for headers in (
        {},
        {"ce_id": str(uuid4())},
        {"ce_type": kind},
        {"ce_id": "' OR 1=1", "ce_type": kind},
        {"ce_id": b"\xff\x00", "ce_type": kind},
    ):
        send(corner, headers)
    send(corner, {"ce_id": str(uuid4()), "ce_type": "io.hypercare.TicketSubmitted.v2"}, None)
    async with relaying(ledger, corner.carrier()), reading(corner, got):
        wanted = await submit_some(ledger, 3)
        await until(lambda: got == wanted or set(got) == set(wanted))


def service(seen: list[str]) -> Service:
    def handle(work: Sequence[Occurrence]) -> list[list[Event]]:
        seen.extend(each.ticket.id for each in work)
        return [[TicketRouted(system="erp", team="erp")] for _ in work]

    return Service("classifier", (TicketSubmitted,), handle)


def classifying(corner: Corner, ledger: Ledger, seen: list[str]) -> Any:
    class Own:
        def read(self, consumer: str, types: Sequence[str]) -> Any:
            return corner.log().read(corner.consumer(consumer), types)

    return at_work(Runner(service(seen), Own(), ledger, first_wait=0.01).run())


async def test_forged_and_repeated_records_have_no_effect(ledger: Ledger, corner: Corner) -> None:
    seen: list[str] = []
    kind = ce_type("TicketSubmitted")
    ticket = await asyncio.to_thread(submitted, ledger)
    (real,) = submissions(ledger)
    for identity in (str(uuid4()), real, real):
        send(corner, {"ce_id": identity, "ce_type": kind, "ce_ledgerseq": "1"}, b'{"title": "forged"}')
    async with classifying(corner, ledger, seen), relaying(ledger, corner.carrier()):
        await until(lambda: ticket_of(ledger, ticket.id).state == "routed")
        await asyncio.wrap_future(ledger.write(lambda draft: rewind(draft, 0, DESK)))
        other = await asyncio.to_thread(submitted, ledger)
        await until(lambda: ticket_of(ledger, other.id).state == "routed")
    assert seen == [ticket.id, other.id]
    assert types_of(ledger, ticket.id) == ["TicketSubmitted", "TicketRouted"]


# Sending


def producers() -> list[AIOKafkaProducer]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, AIOKafkaProducer) and not each._closed]


async def test_a_process_has_one_producer(ledger: Ledger, corner: Corner) -> None:
    assert producers() == []
    async with relaying(ledger, corner.carrier()):
        await submit_some(ledger, 3)
        await until(lambda: len(producers()) == 1)
        (the_one,) = producers()
        got: list[str] = []
        async with reading(corner, got):
            wanted = await submit_some(ledger, 30)
            await until(lambda: set(got) == set(wanted))
        assert producers() == [the_one]
    assert producers() == []


async def test_the_largest_submission_fits_a_record(ledger: Ledger, corner: Corner) -> None:
    got: list[str] = []
    for letter in ("\N{PILE OF POO}", '"', "\n"):
        submitted(ledger, title=300 * "\N{PILE OF POO}", body=20_000 * letter, workaround=300 * '"')
    async with relaying(ledger, corner.carrier()), reading(corner, got):
        await until(lambda: len(set(got)) == 3)


async def test_the_relay_waits_for_a_missing_topic_and_says_which(ledger: Ledger, real_kafka: str) -> None:
    corner, got = Corner(real_kafka), []  # type: Corner, list[str]
    async with relaying(ledger, corner.carrier()) as relay, reading(corner, got):
        wanted = await submit_some(ledger, 2)
        await until(lambda: f"{corner.prefix}.hypercare.tickets.v1" in relay.trouble)
        await corner.create()
        await until(lambda: set(got) == set(wanted) and not relay.trouble)


async def test_topics_that_were_deleted_are_filled_again_from_the_ledger(ledger: Ledger, corner: Corner) -> None:
    before: list[str] = []
    topic = corner.topic("hypercare.tickets.v1")
    async with relaying(ledger, corner.carrier()) as relay, reading(corner, before) as reader:
        known = await submit_some(ledger, 8)
        await until(lambda: set(before) == set(known))
        admin = AdminClient({"bootstrap.servers": corner.bootstrap})
        admin.delete_topics([topic])[topic].result(10)
        wanted = await submit_some(ledger, 2)
        await until(lambda: bool(relay.trouble))
        before.clear()
        await corner.create()
        await asyncio.wrap_future(ledger.write(lambda draft: rewind(draft, 0, DESK)))
        await until(lambda: set(before) == set(wanted))
        assert not reader.done()


# A broker of our own, to be killed and frozen


@pytest.fixture
async def own(broker: Broker) -> AsyncIterator[Corner]:
    corner = Corner(broker.bootstrap)
    await corner.create()
    yield corner
    broker.thaw()


async def test_a_killed_broker_costs_time_and_nothing_else(ledger: Ledger, own: Corner, broker: Broker) -> None:
    seen: list[str] = []
    async with classifying(own, ledger, seen), relaying(ledger, own.carrier()) as relay:
        await submit_some(ledger, 5)
        await until(lambda: len(seen) == 5)
        broker.kill()
        await submit_some(ledger, 5)
        await until(lambda: bool(relay.trouble))
        await asyncio.to_thread(broker.start)
        await submit_some(ledger, 5)
        await until(lambda: len(seen) == 15 and not relay.trouble, 60)
    assert sorted(seen) == sorted(f"HC-{n}" for n in range(1, 16))


async def test_a_frozen_broker_is_noticed_and_waited_for(ledger: Ledger, own: Corner, broker: Broker) -> None:
    seen: list[str] = []
    async with classifying(own, ledger, seen), relaying(ledger, own.carrier()) as relay:
        await submit_some(ledger, 5)
        await until(lambda: len(seen) == 5)
        broker.freeze()
        await submit_some(ledger, 5)
        await until(lambda: bool(relay.trouble))
        with pytest.raises(Unavailable, match="does not take records"):
            relay.check()
        broker.thaw()
        await until(lambda: len(seen) == 10 and not relay.trouble)
        relay.check()


async def test_a_reader_that_hears_nothing_is_made_anew(ledger: Ledger, own: Corner, broker: Broker) -> None:
    """Long before aiokafka itself would notice."""
    pace = replace(BRISK, silence=1, request=40, joining=60)
    member = Member(own.kafka(pace=pace), own.consumer("deaf"), own.topic("hypercare.tickets.v1"))
    got: list[Any] = []

    async def listen() -> None:
        async with aclosing(member.records()) as arrivals:
            async for records in arrivals:
                got.extend(records)

    async with relaying(ledger, own.carrier()), at_work(listen()):
        await submit_some(ledger, 1)
        await until(lambda: committed(own, "deaf") == 1)
        former = member._open
        broker.freeze()
        await until(lambda: member._open is not former)
        broker.thaw()
        await submit_some(ledger, 1)
        await until(lambda: len({record.offset for record in got if record.key == b"HC-2"}) == 1, 60)


async def test_everything_ends_within_ten_seconds_while_the_broker_is_frozen(ledger: Ledger, own: Corner, broker: Broker) -> None:
    """With the deadlines that the product has, not the tests' short ones."""
    got: list[str] = []
    patient = Pace()
    relay = relaying(ledger, own.carrier(patient))
    reader = reading(own, got, pace=patient)
    await relay.__aenter__()
    await reader.__aenter__()
    wanted = await submit_some(ledger, 3)
    await until(lambda: set(got) == set(wanted))
    broker.freeze()
    await submit_some(ledger, 3)
    async with asyncio.timeout(10):
        await reader.__aexit__(None, None, None)
        await relay.__aexit__(None, None, None)
    assert producers() == []
