"""One real Apache Kafka node on loopback, in a temporary folder: `python -m deploy.kafka.broker`, or `Broker` in a test."""

import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from deploy.guarded import Guarded, ServerFailed
from deploy.kafka.jars import HERE, NoBroker, jars, java
from deploy.ports import LOOPBACK, reserved_port

READY_TIMEOUT_S = 60
CLUSTER_ID = "hypercare-local-kafka0"
# A tenth of the usual heap, and no optimising compiler: ready sooner, and the second core stays with the tests.
JVM = ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class Broker(Guarded):
    """Listens once `start` returns. After `kill` or `restart` it has the same address and the same records; `stop` removes them.

    `settings` go over those of broker.properties. Raises NoBroker where Java or the jars are missing, and ServerFailed, with the end of the
    log, when it does not come up.
    """

    def __init__(self, settings: Mapping[str, str] = NO_SETTINGS) -> None:
        machine = java()
        self._java = [machine, *JVM, f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", "-cp", f"{jars()}/*"]
        super().__init__("kafka", signal.SIGKILL)
        self.port, self.controller_port = reserved_port(), reserved_port()
        self.bootstrap = f"{LOOPBACK}:{self.port}"
        self._properties = self.folder / "broker.properties"
        self._properties.write_text((HERE / "broker.properties").read_text() + self._place() + _lines(settings))

    def start(self) -> None:
        if not (self.folder / "data").exists():
            self._format()
        self.launch([*self._java, "kafka.Kafka", str(self._properties)])
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not answers(self.port):
            if not self.running:
                raise self.failure("ended while starting")
            if time.monotonic() > deadline:
                raise self.failure(f"did not answer within {READY_TIMEOUT_S} s")
            time.sleep(0.05)

    def restart(self) -> None:
        """A planned one: the broker says goodbye to its clients first."""
        self.end(signal.SIGTERM)
        self.start()

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def freeze(self) -> None:
        """Connections stay open and nothing answers any more."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def _format(self) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config", str(self._properties)]
        with self.log.open("ab") as log:
            done = subprocess.run([*self._java, *tool], stdout=log, stderr=log, cwd=self.folder, timeout=READY_TIMEOUT_S, check=False)
        if done.returncode:
            raise self.failure("could not format its folder")

    def _place(self) -> str:
        broker, controller = f"BROKER://{self.bootstrap}", f"CONTROLLER://{LOOPBACK}:{self.controller_port}"
        return "\n" + _lines(
            {
                "listeners": f"{broker},{controller}",
                "advertised.listeners": broker,
                "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
                "log.dirs": str(self.folder / "data"),
            }
        )


@contextmanager
def running_broker(settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Broker]:
    broker = Broker(settings)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def answers(port: int) -> bool:
    """True when the node lists itself as a broker that takes requests (Metadata request, version 0, all topics)."""
    request = struct.pack(">hhihi", 3, 0, 1, -1, 0)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0


READY = """Apache Kafka is ready on {bootstrap} after {seconds:.1f} s. For hypercare:
export HYPERCARE_KAFKA_BOOTSTRAP_SERVERS={bootstrap}
Ctrl-C stops it and removes its data.
"""


def main() -> None:
    for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(polite, signal.default_int_handler)
    began = time.monotonic()
    try:
        with running_broker() as broker:
            sys.stdout.write(READY.format(bootstrap=broker.bootstrap, seconds=time.monotonic() - began))
            sys.stdout.flush()
            broker.wait()
            raise broker.failure("ended by itself")
    except KeyboardInterrupt:
        sys.stdout.write("stopped\n")
    except (NoBroker, ServerFailed) as failure:
        sys.exit(f"no Kafka broker: {failure}")


if __name__ == "__main__":
    main()
