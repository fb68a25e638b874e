"""Kafka, through aiokafka, which nothing else imports.

No await here is without a deadline of our own, because aiokafka has none where a broker accepts connections and does not answer. A
producer or consumer that fails, or from which nothing is heard, is thrown away and made anew.
"""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    for_code,
)

from schemas.records import Received, Record
from schemas.topics import TICKETS, Topic
from services.errors import Unavailable
from services.log import Batch
from services.log.deadlines import Opened, begun, ended, error_of, opened, seen, within
from services.log.outgoing import ce_type
from services.settings import Settings

log = structlog.get_logger()

BATCH = 300
LARGEST_REQUEST = 1024 * 1024
FAILURES = (KafkaError, TimeoutError, OSError)
_IDENTITY = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. A member of a group rejoins within a heartbeat, from a task of its own, so that 30 s are enough for a rebalance; a request
    must be allowed to take longer than that, and joining longer than two requests, so that aiokafka ends what it began by itself."""

    session: float = 30.0
    heartbeat: float = 5.0
    rebalance: float = 30.0
    request: float = 32.0
    joining: float = 70.0
    committing: float = 10.0
    sending: float = 10.0
    silence: float = 30.0
    poll: float = 1.0
    leaving: float = 2.0
    first_wait: float = 0.2
    longest_wait: float = 5.0


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where Kafka is, how to talk to it, and the name of this replica: the same after a restart, no other replica's."""

    bootstrap: str
    instance: str
    protocol: str = "PLAINTEXT"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    pace: Pace = Pace()

    @classmethod
    def of(cls, settings: Settings) -> "Kafka":
        password = settings.kafka_password.get_secret_value() if settings.kafka_password else None
        servers = settings.kafka_bootstrap_servers or ""
        return cls(servers, settings.replica, settings.kafka_security_protocol, settings.kafka_username, password)

    def client(self, name: str) -> dict[str, Any]:
        """What every client of aiokafka is told. The certificate of a broker is checked against the system's authorities."""
        told = {"bootstrap_servers": self.bootstrap, "client_id": f"hypercare-{name}", "security_protocol": self.protocol}
        secure = {} if self.protocol == "PLAINTEXT" else {"ssl_context": ssl.create_default_context()}
        login = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": self.username, "sasl_plain_password": self.password}
        return told | secure | (login if self.protocol == "SASL_SSL" else {}) | {"request_timeout_ms": _ms(self.pace.request)}

    def member(self, consumer: str) -> str:
        return re.sub(r"[^A-Za-z0-9._-]", "-", f"{self.instance}.{consumer}")


class Member:
    """A reader of one topic in the group `hypercare.<consumer>`: what one member does not finish, another or the same gets again."""

    def __init__(self, kafka: Kafka, consumer: str, topic: str) -> None:
        self.kafka = kafka
        self.consumer = consumer
        self.topic = topic
        self._open: Opened[AIOKafkaConsumer] | None = None
        self._wait = kafka.pace.first_wait
        self._awake = 0.0
        self._hungry = kafka.pace.heartbeat

    async def records(self) -> AsyncGenerator[Sequence[Received], None]:
        """Endless. Asking for the next records says that those before are done: only then are they committed."""
        try:
            while True:
                records = await self._next()
                if records:
                    yield records
                    await self._commit(records)
        finally:
            await self._let_go()

    async def _next(self) -> Sequence[Received]:
        try:
            reader = await self._joined()
            try:
                return await self._fetched(reader)
            except UnicodeDecodeError:
                return await self._one_by_one(reader)
            except (NoOffsetForPartitionError, OffsetOutOfRangeError) as lost:
                await self._from_the_beginning(reader, lost)
        except FAILURES as error:
            await self._start_over(error)
        return ()

    async def _joined(self) -> AIOKafkaConsumer:
        if self._open is None:
            reader = AIOKafkaConsumer(self.topic, **self._told())
            self._open = opened(reader, reader.start())
        reader, starting = self._open
        await asyncio.wait({starting}, timeout=self.kafka.pace.joining)
        if error := error_of(starting, self.kafka.pace.joining):
            raise error
        return reader

    def _told(self) -> dict[str, Any]:
        pace = self.kafka.pace
        return self.kafka.client(self.consumer) | {
            "group_id": f"hypercare.{self.consumer}",
            "group_instance_id": self.kafka.member(self.consumer),
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
            "session_timeout_ms": _ms(pace.session),
            "heartbeat_interval_ms": _ms(pace.heartbeat),
            "rebalance_timeout_ms": _ms(pace.rebalance),
            "max_poll_records": BATCH,
        }

    async def _fetched(self, reader: AIOKafkaConsumer) -> Sequence[Received]:
        began = time.time()
        found = await within(self.kafka.pace.joining, reader.getmany(timeout_ms=_ms(self.kafka.pace.poll)))
        records = [_received(record) for part in found.values() for record in part]
        if records:
            self._wait, self._awake = self.kafka.pace.first_wait, 0.0
        else:
            self._awake = self._awake or began
            self._check_alive(reader)
        return records

    def _check_alive(self, reader: AIOKafkaConsumer) -> None:
        """An idle partition is asked for twice a second, so that each answers, if only with nothing.

        Where the topic was deleted, offsets mean nothing any more: a new reader begins at the beginning of the new topic.
        """
        if not reader.partitions_for_topic(self.topic):
            raise TimeoutError(f"there is no topic {self.topic}")
        parts = reader.assignment()
        if not parts:
            return self._ask_for_parts(reader)
        self._hungry = self.kafka.pace.heartbeat
        heard = min((reader.last_poll_timestamp(part) or 0) / 1000 for part in parts)
        if time.time() - max(heard, self._awake) > self.kafka.pace.silence:
            raise TimeoutError(f"nothing was heard for {self.kafka.pace.silence:g} s")

    def _ask_for_parts(self, reader: AIOKafkaConsumer) -> None:
        """A member that returns is given what it had, without a look at what there is now: nothing, where the topic was away meanwhile.

        Asking again makes the group share anew if this member leads it, and costs nothing where there are more members than partitions.
        """
        if time.time() - self._awake > self._hungry:
            reader.subscribe([self.topic])
            self._awake, self._hungry = time.time(), min(2 * self._hungry, 10 * self.kafka.pace.silence)

    async def _one_by_one(self, reader: AIOKafkaConsumer) -> Sequence[Received]:
        """Past a record with a header name that is not UTF-8, which aiokafka cannot take apart: nor what follows in the same batch of
        its sender. Each comes without content, so that a person is told where it is."""
        records = []
        for part in sorted(reader.assignment()):
            try:
                found = await within(self.kafka.pace.joining, reader.getmany(part, timeout_ms=_ms(self.kafka.pace.poll), max_records=1))
                records += [_received(record) for record in found.get(part, ())]
            except UnicodeDecodeError:
                place = await within(self.kafka.pace.joining, reader.position(part))
                reader.seek(part, place + 1)
                records.append(Received(part.topic, part.partition, place, 0, None, None, ()))
        return records

    async def _from_the_beginning(self, reader: AIOKafkaConsumer, lost: KafkaError) -> None:
        """Where the group has no place yet, or its place is gone: handling an event a second time has no effect, missing it would."""
        parts = [part for part in _parts_of(lost) if part in reader.assignment()]
        log.info("reads from the beginning", consumer=self.consumer, parts=[f"{part.topic}/{part.partition}" for part in parts])
        if parts:
            await within(self.kafka.pace.joining, reader.seek_to_beginning(*parts))

    async def _commit(self, records: Sequence[Received]) -> None:
        """Not cancelled while the connection is open: aiokafka would leave a task behind whose error nobody sees."""
        if self._open is None:
            return
        reader = self._open.client
        done = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        task = begun(reader.commit(done))
        try:
            await asyncio.wait({task}, timeout=self.kafka.pace.committing)
            await self._after_commit(error_of(task, self.kafka.pace.committing))
        finally:
            if not task.done():
                await self._let_go()
                task.cancel()

    async def _after_commit(self, error: BaseException | None) -> None:
        if isinstance(error, CommitFailedError | IllegalStateError):
            log.info("another member has the partitions now", consumer=self.consumer, member=self.kafka.member(self.consumer))
        elif error is not None:
            await self._start_over(error)

    async def _start_over(self, error: BaseException) -> None:
        log.warning("the consumer is made anew", consumer=self.consumer, error=_told(error), seconds=self._wait)
        await self._let_go()
        await asyncio.sleep(self._wait)
        self._wait = min(2 * self._wait, self.kafka.pace.longest_wait)

    async def _let_go(self) -> None:
        """`stop` waits for answers that a frozen broker never gives: what it leaves behind is then taken apart piece by piece.

        A start is cancelled only where it does not end: aiokafka would leave its first connection open.
        """
        told, self._open, self._awake = self._open, None, 0.0
        if told is None:
            return
        await asyncio.wait({told.starting}, timeout=self.kafka.pace.leaving)
        stopped = await ended(self.kafka.pace.leaving, told.client.stop)
        told.starting.cancel()
        if not stopped:
            await self._take_apart(told.client)

    async def _take_apart(self, reader: AIOKafkaConsumer) -> None:
        coordinator, fetcher = reader._coordinator, reader._fetcher
        steps = [reader._client.close]
        if coordinator is not None:
            steps += [coordinator._stop_heartbeat_task, coordinator._stop_commit_offsets_refresh_task]
        for step in steps + ([fetcher.close] if fetcher is not None else []):
            await ended(self.kafka.pace.leaving / 4, step)


class KafkaLog:
    """Kafka as the log: replicas that name the same consumer share its events, ordered per ticket."""

    def __init__(self, kafka: Kafka, topic: str = TICKETS.name) -> None:
        self.kafka = kafka
        self.topic = topic

    async def read(self, consumer: str, types: Sequence[str]) -> AsyncGenerator[Batch, None]:
        wanted = {ce_type(name).encode() for name in types}
        async with aclosing(Member(self.kafka, consumer, self.topic).records()) as arrivals:
            async for records in arrivals:
                if events := [event for record in records for event in _event_of(record, wanted)]:
                    yield Batch(events)


class KafkaCarrier:
    """The process's one producer. What it sends is on every replica in sync before it counts as sent."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self._open: Opened[AIOKafkaProducer] | None = None

    async def carry(self, records: Sequence[Record]) -> None:
        try:
            await within(self.kafka.pace.sending, self._send(records))
        except FAILURES as error:
            if self._open and self._open.starting.done():
                await self.close()
            topics = ", ".join(sorted({record.topic for record in records}))
            raise Unavailable(f"Kafka does not take records ({_told(error)}). Is it up, and are there the topics {topics}?") from error

    async def _send(self, records: Sequence[Record]) -> None:
        producer = await self._started()
        acks = []
        for record in records:
            ack = await producer.send(record.topic, record.value, record.key, headers=list(record.headers))
            ack.add_done_callback(seen)
            acks.append(ack)
        await asyncio.gather(*acks)

    async def _started(self) -> AIOKafkaProducer:
        """A start that takes longer than a caller waits goes on: cancelled, aiokafka would leave its first connection open."""
        if self._open is None:
            producer = AIOKafkaProducer(**self._told())
            self._open = opened(producer, producer.start())
        producer, starting = self._open
        await asyncio.shield(starting)
        return producer

    def _told(self) -> dict[str, Any]:
        return self.kafka.client("relay") | {
            "acks": "all",
            "enable_idempotence": True,
            "max_batch_size": 128 * 1024,
            "max_request_size": LARGEST_REQUEST,
            "request_timeout_ms": _ms(0.8 * self.kafka.pace.sending),
        }

    async def close(self) -> None:
        """What was sent and not acknowledged is not waited for: the relay sends it again."""
        told, self._open = self._open, None
        if told is None:
            return
        await asyncio.wait({told.starting}, timeout=self.kafka.pace.leaving)
        told.starting.cancel()
        told.client._closed = True  # `stop` would set it, and then wait for acknowledgements without end
        for step in (told.client.client.close, told.client._sender.close):
            await ended(self.kafka.pace.leaving, step)


async def create_topics(kafka: Kafka, topics: Iterable[Topic]) -> list[str]:
    """Create what is missing, as three copies where there are three brokers. The names created; `Unavailable` when Kafka does not do it."""
    admin = AIOKafkaAdminClient(**kafka.client("topics"))
    try:
        return await within(kafka.pace.joining, _created(admin, topics))
    except FAILURES as error:
        raise Unavailable(f"The topics could not be created ({_told(error)}); is Kafka at {kafka.bootstrap} up, and may we?") from error
    finally:
        await ended(kafka.pace.leaving, admin.close)


async def _created(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> list[str]:
    await admin.start()
    known = set(await admin.list_topics())
    copies = min(3, len((await admin.describe_cluster())["brokers"]))
    safety = {"min.insync.replicas": str(max(1, copies - 1))}
    missing = [topic for topic in topics if topic.name not in known]
    if not missing:
        return []
    wanted = [NewTopic(topic.name, topic.partitions, copies, topic_configs=topic.settings | safety) for topic in missing]
    answer = await admin.create_topics(wanted)
    for name, code, _ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise for_code(code)(name)
    return [topic.name for topic in missing]


def _told(error: BaseException) -> str:
    return (str(error) or repr(error)) if error.args else f"{type(error).__name__}: no answer in time"


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _received(record: Any) -> Received:
    headers = tuple((name, value or b"") for name, value in record.headers)
    return Received(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, headers)


def _event_of(record: Received, wanted: set[bytes]) -> Iterable[str]:
    """The id of the event that the record carries, if it is one of those wanted. The ledger has what this record may have lost."""
    headers = dict(record.headers)
    identity, kind = headers.get("ce_id", b""), headers.get("ce_type", b"")
    if not _IDENTITY.fullmatch(identity) or not kind:
        log.warning("a record is no event of the ledger", topic=record.topic, partition=record.partition, offset=record.offset)
    elif kind in wanted:
        yield identity.decode()


def _parts_of(lost: KafkaError) -> list[TopicPartition]:
    told = lost.args[0]
    return [told] if isinstance(told, TopicPartition) else list(told)
