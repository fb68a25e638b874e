"""The broker and the databases that the other tests stand on."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from deploy.guarded import ServerFailed
from deploy.kafka.broker import Broker, answers, running_broker
from deploy.kafka.jars import POM, NoBroker, jars
from tests.brokers import Kafka

# One worker runs them all, so that the module's broker is started once.

ROOT = Path(__file__).parents[1]


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def member(bootstrap: str, topic: str, group: str = "readers") -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=200,
    )


async def send(bootstrap: str, topic: str, values: range) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, b"%d" % value, partition=value % 2)


async def read(consumer: AIOKafkaConsumer, count: int) -> list[int]:
    async with asyncio.timeout(30):
        return sorted([int((await consumer.getone()).value) for _ in range(count)])


def topic_on(broker: Broker) -> str:
    return Kafka(broker.bootstrap).create_topic(partitions=2)


async def test_records_come_back_as_they_were_sent(kafka: str, new_topic: Callable[[int], str]) -> None:
    topic = new_topic(2)
    await send(kafka, topic, range(20))
    async with member(kafka, topic) as consumer:
        assert await read(consumer, 20) == list(range(20))


async def test_two_members_share_a_topic_and_the_one_that_stays_takes_over(real_kafka: str, new_topic: Callable[[int], str]) -> None:
    topic = new_topic(2)
    async with AsyncExitStack() as members:
        stays = await members.enter_async_context(member(real_kafka, topic))
        await until(lambda: len(stays.assignment()) == 2)
        async with member(real_kafka, topic) as leaves:
            await until(lambda: len(stays.assignment()) == len(leaves.assignment()) == 1)
            assert stays.assignment() | leaves.assignment() == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
            await send(real_kafka, topic, range(10))
            assert [value % 2 for value in await read(leaves, 5)] == [next(iter(leaves.assignment())).partition] * 5
            await leaves.commit()
        await until(lambda: len(stays.assignment()) == 2)
        assert len(await read(stays, 5)) == 5


async def test_a_topic_that_nobody_made_is_refused(broker: Broker) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, request_timeout_ms=1000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait("hypercare.tikcets.v1", b"lost")


def test_it_listens_on_loopback_alone(broker: Broker) -> None:
    for port in (broker.port, broker.controller_port):
        with socket.socket() as outside, socket.create_connection(("127.0.0.1", port), timeout=5):
            # A listener on every address would take this one, too; Linux routes all of 127.0.0.0/8 to the loopback interface.
            assert outside.connect_ex(("127.0.0.2", port)) != 0


async def test_a_frozen_broker_answers_nobody_and_takes_the_record_once_it_thaws(broker: Broker) -> None:
    topic = topic_on(broker)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"0")
        broker.freeze()
        waiting = asyncio.create_task(producer.send_and_wait(topic, b"1"))
        assert not await asyncio.to_thread(answers, broker.port)
        assert not waiting.done()
        broker.thaw()
        await asyncio.wait_for(waiting, 30)
    async with member(broker.bootstrap, topic, "after-thaw") as consumer:
        assert await read(consumer, 2) == [0, 1]


async def test_a_killed_broker_comes_back_in_its_place_with_records_and_offsets(broker: Broker) -> None:
    topic, address, first = topic_on(broker), broker.bootstrap, broker.pid
    await send(address, topic, range(4))
    async with member(address, topic, "killed") as consumer:
        assert await read(consumer, 4) == [0, 1, 2, 3]
        await consumer.commit()
    broker.kill()
    assert not broker.running
    assert not answers(broker.port)
    await asyncio.to_thread(broker.start)
    assert broker.bootstrap == address
    assert broker.pid != first
    await send(address, topic, range(4, 6))
    async with member(address, topic, "killed") as consumer, member(address, topic, "new") as newcomer:
        assert await read(consumer, 2) == [4, 5]
        assert await read(newcomer, 6) == [0, 1, 2, 3, 4, 5]


async def test_clients_outlast_a_restart(broker: Broker) -> None:
    topic = topic_on(broker)
    async with (
        member(broker.bootstrap, topic, "outlast") as consumer,
        AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True) as producer,
    ):
        await producer.send_and_wait(topic, b"1")
        await asyncio.to_thread(broker.restart)
        await asyncio.wait_for(producer.send_and_wait(topic, b"2"), 30)
        assert set(await read(consumer, 2)) == {1, 2}


def test_a_broker_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(ServerFailed, match="Invalid value many"),
        running_broker({"num.io.threads": "many"}),
    ):
        pass


def test_a_broker_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    script = "from deploy.kafka.broker import Broker; b = Broker(); b.start(); print(b.pid, b.port, b.folder, flush=True); b.wait()"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, port, folder = owner.stdout.readline().split()
        assert answers(int(port))
        owner.send_signal(signal.SIGKILL)
    asyncio.run(until(lambda: not Path(folder).exists()))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_jars_that_were_fetched_need_neither_maven_nor_a_network() -> None:
    folder = jars()
    again = subprocess.run(
        [sys.executable, "-m", "deploy.kafka.jars"], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    assert (again.stdout, again.stderr) == (f"{folder}\n", "")


@pytest.mark.skipif(shutil.which("mvn") is None, reason="Maven is not installed")
def test_a_failed_fetch_leaves_no_jars_and_says_what_maven_said(tmp_path: Path) -> None:
    pom = tmp_path / "pom.xml"
    pom.write_text(POM.read_text().replace("<version>2.25.4</version>", "<version>0.0.0</version>"))
    with pytest.raises(NoBroker, match=r"log4j-slf4j-impl:jar:0\.0\.0"):
        jars(pom, tmp_path / "target")
    assert [found.name for found in (tmp_path / "target").iterdir()] == ["lock"]


NEEDY = """
from confluent_kafka import Producer

def test_that_any_broker_can_serve(kafka, new_topic):
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(new_topic(1), b"a record")
    assert producer.flush(10) == 0

def test_that_wants_a_real_one(real_kafka):
    raise AssertionError("ran")

def test_that_wants_its_own(broker):
    raise AssertionError("ran")
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_without_java_the_stand_in_serves_and_the_run_says_loudly_what_it_left_out(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_needy.py").write_text(NEEDY)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.brokers", "-n", workers, "--rootdir", str(tmp_path), str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, env={"PATH": "", "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert "1 passed, 2 skipped" in run.stdout
    assert "NOT RUN ON A REAL KAFKA BROKER" in run.stdout
    assert "the librdkafka mock cluster took its place: java is not on the PATH" in run.stdout
    assert "test_needy.py::test_that_wants_a_real_one\n" in run.stdout
    assert "test_needy.py::test_that_wants_its_own\n" in run.stdout
