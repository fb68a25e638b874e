"""The health checks of docker-compose.yml, run against what they are for; Kafka is configured and started as its image does it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from deploy.guarded import Guarded
from deploy.kafka.broker import JVM
from deploy.kafka.jars import HERE, NoBroker, jars, java
from deploy.ports import reserved_port
from services.errors import Unavailable
from services.web.app import create_app
from services.web.callers import SelfNamed
from services.web.health import Check
from tests.brokers import NEEDS_REAL
from tests.compositions import PROCESSES, SERVICES
from tests.desks import serving
from tests.processes import until

CLIENTS, CONTROLLER = "9092", "9093"
# What the image has in /etc/kafka/docker; it replaces these with what the environment says.
SHIPPED = ("server.properties", "log4j2.yaml", "tools-log4j2.yaml")


def is_well(service: str, port: str, own_port: str) -> bool:
    """Its health check, here: another port, this Python."""
    _, program, *arguments = SERVICES[service]["healthcheck"]["test"]
    command = [sys.executable if program == "python" else program, *(word.replace(own_port, port) for word in arguments)]
    environment = {"PATH": os.environ["PATH"], "HYPERCARE_PORT": port}
    return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).returncode == 0


def away() -> None:
    raise Unavailable("The database did not do its part")


def test_a_process_is_well_while_it_is_ready() -> None:
    checks = [SERVICES[name]["healthcheck"] for name in sorted(PROCESSES)]
    assert checks == [checks[0]] * len(checks)
    for looks, well in ((lambda: None, True), (away, False)):
        app: FastAPI = create_app([], SelfNamed(), [Check("database", looks)])
        with serving(app) as url:
            port = url.rpartition(":")[2]
            assert is_well("api", port, port) is well
    assert not is_well("api", port, port), "nothing listens there any more"


class Container(Guarded):
    """The broker of docker-compose.yml, without the container: its environment, put into a configuration by the image's own program.

    Only addresses and folders differ.
    """

    def __init__(self) -> None:
        self.java = [java(), *JVM, f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", "-cp", f"{jars()}/*"]
        super().__init__("compose-kafka", signal.SIGKILL)
        self.port, self.controller = str(reserved_port()), str(reserved_port())
        self.properties = self.folder / "config/server.properties"

    def configure(self) -> None:
        for folder in ("shipped", "mounted", "config"):
            (self.folder / folder).mkdir()
        for name in SHIPPED:
            (self.folder / "shipped" / name).touch()
        folders = {"default": "shipped", "mounted": "mounted", "final": "config"}
        options = [word for name, folder in folders.items() for word in (f"--{name}-configs-dir", str(self.folder / folder))]
        done = subprocess.run(
            [*self.java, "kafka.docker.KafkaDockerWrapper", "setup", *options],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def environment(self) -> dict[str, str]:
        changed = {CLIENTS: self.port, CONTROLLER: self.controller, "/var/lib/kafka/data": str(self.folder / "data")}
        environment: dict[str, str] = SERVICES["kafka"]["environment"]
        for there, here in changed.items():
            environment = {name: value.replace(there, here) for name, value in environment.items()}
        return environment

    def start(self) -> None:
        self.launch([*self.java, "kafka.Kafka", str(self.properties)])

    def is_well(self) -> bool:
        assert self.running, self.failure("ended")
        return is_well("kafka", self.port, CLIENTS)


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    try:
        made = Container()
    except NoBroker as missing:
        pytest.skip(f"{NEEDS_REAL}: {missing}")
    try:
        made.configure()
        made.start()
        yield made
    finally:
        made.stop()


def test_the_broker_takes_its_settings_and_becomes_well(container: Container) -> None:
    until(container.is_well, "Kafka was well")
    said = dict(line.split("=", 1) for line in container.properties.read_text().splitlines() if "=" in line)
    given = {name for name in SERVICES["kafka"]["environment"] if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"}
    assert {name.removeprefix("KAFKA_").lower().replace("_", ".") for name in given} == said.keys()
    assert said["auto.create.topics.enable"] == "false"


def test_only_clients_come_in_from_other_containers(container: Container) -> None:
    """The controller, which would obey anybody, listens inside the container only."""
    until(container.is_well, "Kafka was well")
    elsewhere = "127.0.0.2"
    socket.create_connection((elsewhere, int(container.port)), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((elsewhere, int(container.controller)), timeout=5)


def test_an_open_port_is_not_a_broker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        assert not is_well("kafka", port, CLIENTS)
    assert not is_well("kafka", port, CLIENTS), "nothing listens there any more"
