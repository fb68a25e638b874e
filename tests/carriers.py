"""Kafka as the tests use it: short deadlines, topics of a test's own on a shared broker, and a carrier that needs no broker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

from schemas.records import Record
from schemas.topics import manifest
from services.errors import Unavailable
from services.ledger import Ledger
from services.log.kafka import Kafka, KafkaCarrier, KafkaLog, Pace, create_topics
from services.log.outgoing import Stamp
from services.log.relay import Carrier, Relay, Rhythm

BRISK = Pace(
    session=3,
    heartbeat=0.3,
    rebalance=3,
    request=4,
    joining=10,
    committing=2,
    sending=2,
    silence=3,
    poll=0.2,
    leaving=0.5,
    longest_wait=0.5,
)
RHYTHM = Rhythm(idle=0.02, standby=0.05, first_wait=0.05, longest_wait=0.2)
SYSTEMS = ("erp", "lims")
URL = "https://hypercare.example"


@dataclass
class Shelf:
    """A carrier that keeps what it is given, and takes nothing while it is `shut`."""

    records: list[Record] = field(default_factory=list)
    shut: bool = False
    refused: int = 0
    closed: bool = False

    async def carry(self, records: Sequence[Record]) -> None:
        if self.shut:
            self.refused += 1
            raise Unavailable("the shelf is shut")
        self.records += records

    async def close(self) -> None:
        self.closed = True

    def on(self, topic: str) -> list[Record]:
        return [record for record in self.records if record.topic == topic]


@dataclass
class Corner:
    """A part of a shared Kafka that one test has for itself: its topics begin with a prefix, and so do its consumers."""

    bootstrap: str
    prefix: str = field(default_factory=lambda: f"t{uuid4().hex[:8]}")

    def kafka(self, instance: str = "one", pace: Pace = BRISK) -> Kafka:
        return Kafka(self.bootstrap, instance, pace=pace)

    def topic(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def consumer(self, name: str) -> str:
        return f"{name}.{self.prefix}"

    async def create(self) -> list[str]:
        topics = [topic.model_copy(update={"name": self.topic(topic.name)}) for topic in manifest(SYSTEMS)]
        return await create_topics(self.kafka(), topics)

    def log(self, instance: str = "one", pace: Pace = BRISK) -> KafkaLog:
        return KafkaLog(self.kafka(instance, pace), self.topic("hypercare.tickets.v1"))

    def carrier(self, pace: Pace = BRISK) -> "Prefixed":
        return Prefixed(KafkaCarrier(self.kafka(pace=pace)), self)


@dataclass
class Prefixed:
    inner: KafkaCarrier
    corner: Corner

    async def carry(self, records: Sequence[Record]) -> None:
        await self.inner.carry([replace(record, topic=self.corner.topic(record.topic)) for record in records])

    async def close(self) -> None:
        await self.inner.close()


def a_relay(ledger: Ledger, carrier: Carrier) -> Relay:
    return Relay(ledger, carrier, Stamp(URL, SYSTEMS), RHYTHM)


@asynccontextmanager
async def relaying(ledger: Ledger, carrier: Carrier) -> AsyncIterator[Relay]:
    relay = a_relay(ledger, carrier)
    async with at_work(relay.run()):
        yield relay


@asynccontextmanager
async def at_work(work: "asyncio._CoroutineLike[None]") -> AsyncIterator["asyncio.Task[None]"]:
    """The work runs while the block does; an end of its own is the block's failure."""
    task = asyncio.create_task(work)  # type: ignore[arg-type]
    try:
        yield task
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.01)
