"""Kafka for the tests: a real broker per test process (ready in about 3 s, 160 MB), or the one in HYPERCARE_TEST_KAFKA.

Where neither can be had, the mock cluster inside librdkafka takes the broker's place. It knows no second member of a group, no admin
requests and no transactions; tests that need those ask for `real_kafka` or `broker`, are skipped, and the end of the run says so.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.kafka.broker import Broker, running_broker
from deploy.kafka.jars import NoBroker

GIVEN = "HYPERCARE_TEST_KAFKA"
NEEDS_REAL = "needs a real Kafka broker"
STAND_IN_REASONS = pytest.StashKey[set[str]]()


@dataclass(frozen=True)
class Kafka:
    bootstrap: str
    stand_in_for: str = ""
    """Why there is no real broker; empty when there is one."""

    def create_topic(self, partitions: int) -> str:
        """A topic with a name of its own. The mock cluster makes one when asked about it, always with four partitions."""
        name = f"hypercare.test.{uuid4().hex[:12]}"
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        if self.stand_in_for:
            admin.list_topics(topic=name, timeout=10)
        else:
            admin.create_topics([NewTopic(name, partitions, 1)])[name].result(10)
        return name


@pytest.fixture(scope="session")
def kafka_cluster(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    with ExitStack() as until_the_end:
        cluster = _cluster(until_the_end)
        if cluster.stand_in_for:
            request.config.stash[STAND_IN_REASONS].add(cluster.stand_in_for)
        yield cluster


@pytest.fixture(scope="session")
def kafka(kafka_cluster: Kafka) -> str:
    """The bootstrap address of a broker, real if there is one."""
    return kafka_cluster.bootstrap


@pytest.fixture(scope="session")
def real_kafka(kafka_cluster: Kafka) -> str:
    if kafka_cluster.stand_in_for:
        pytest.skip(f"{NEEDS_REAL}: {kafka_cluster.stand_in_for}")
    return kafka_cluster.bootstrap


@pytest.fixture
def new_topic(kafka_cluster: Kafka) -> Callable[[int], str]:
    """Call it with a number of partitions; the answer is the topic's name."""
    return kafka_cluster.create_topic


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A real broker of the module's own, to be killed, frozen and restarted."""
    with ExitStack() as until_the_end:
        try:
            own = until_the_end.enter_context(running_broker())
        except NoBroker as missing:
            pytest.skip(f"{NEEDS_REAL}: {missing}")
        yield own


def _cluster(until_the_end: ExitStack) -> Kafka:
    if given := os.environ.get(GIVEN):
        return Kafka(given)
    try:
        return Kafka(until_the_end.enter_context(running_broker()).bootstrap)
    except NoBroker as missing:
        mock = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3})
        until_the_end.callback(mock.flush, 1)
        nodes = mock.list_topics(timeout=10).brokers.values()
        return Kafka(",".join(f"{node.host}:{node.port}" for node in nodes), stand_in_for=str(missing))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STAND_IN_REASONS] = set()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        reasons = session.config.stash[STAND_IN_REASONS]
        session.config.workeroutput["kafka_stand_in"] = list(reasons)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[STAND_IN_REASONS].update(getattr(node, "workeroutput", {}).get("kafka_stand_in", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = [report.nodeid for report in terminalreporter.stats.get("skipped", ()) if NEEDS_REAL in str(report.longrepr)]
    reasons = config.stash[STAND_IN_REASONS]
    if not reasons and not skipped:
        return
    terminalreporter.section("NOT RUN ON A REAL KAFKA BROKER", sep="!", red=True, bold=True)
    for reason in reasons:
        terminalreporter.write_line(f"the librdkafka mock cluster took its place: {reason}")
    terminalreporter.write_line(f"{len(skipped)} tests were skipped; give a broker with {GIVEN}=host:port, or install Java 17 and Maven")
    for nodeid in skipped:
        terminalreporter.write_line(f"  {nodeid}")
