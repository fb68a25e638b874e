"""A distributed installation of real processes on real Kafka and PostgreSQL, with people who submit and a receiver that counts."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from deploy.kafka.broker import Broker
from models.examples import Example, read_corpus
from services.teams import load_teams
from tests.processes import Process, until

ROLES = ("api", "classifier", "classifier", "dispatcher", "stabilisation", "relay")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Plant:
    """`processes`: api, two classifiers, dispatcher, stabilisation and relay, each its own operating-system process."""

    def __init__(self, folder: Path, database: str, broker: Broker, receiver: str) -> None:
        self.folder = folder
        teams = folder / "teams.toml"
        teams.write_text(_teams(receiver), "utf-8")
        self.settings = {
            "database_url": database, "kafka_bootstrap_servers": broker.bootstrap, "teams_file": str(teams),
            "webhook_secrets": SECRET, "webhook_networks": "127.0.0.0/8", "log_level": "warning",
            "autonomy": "granted", "blind_share": "0",
        }  # fmt: skip
        self.processes = [self._process(role, number) for number, role in enumerate(ROLES)]

    @property
    def api(self) -> Process:
        return self.processes[0]

    @property
    def stabilisation(self) -> Process:
        return self.processes[4]

    def _process(self, role: str, number: int) -> Process:
        settings = self.settings | {"instance": f"{role}-{number}"}
        return Process(["services", "up", role], settings, self.folder / f"{role}-{number}.log")

    def start(self) -> None:
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.ready("/livez")

    def end(self) -> None:
        for process in self.processes:
            with process:
                process.stop()

    def tails(self) -> str:
        return "\n".join(f"== {process.log.name}\n{process.tail(8)}" for process in self.processes)


def _teams(receiver: str) -> str:
    """Every team is told by webhook; a ticket that waits for a person is told to triage."""
    shipped = load_teams(None)
    systems = "\n".join(f'{system} = "{team}"' for system, team in shipped.systems.items())
    target = f'["webhook:{receiver}"]'
    audiences = "\n".join(f"[teams.{team}]\npage = {target}\nnotify = {target}" for team in shipped.teams)
    return f"[systems]\n{systems}\n{audiences}\n[triage]\npage = {target}\nnotify = {target}\n"


class Desk:
    """People who submit, each ticket under its own key, and ask again until there is an answer."""

    def __init__(self, url: str, tickets: int, people: int = 4, seed: int = 3) -> None:
        self.url = url
        self.examples = random.Random(seed).sample(read_corpus(), tickets)
        self.people = people
        self.acknowledged: dict[str, str] = {}
        self.attempts = 0
        self._lock = threading.Lock()

    def work(self) -> None:
        with ThreadPoolExecutor(self.people) as pool:
            for done in [pool.submit(self._person, number) for number in range(self.people)]:
                done.result()

    def _person(self, number: int) -> None:
        with httpx2.Client(base_url=self.url, timeout=15, headers={"Hypercare-Actor": f"desk {number}"}) as client:
            for place in range(number, len(self.examples), self.people):
                self._submit(client, f"key-{place}", self.examples[place])

    def _submit(self, client: httpx2.Client, key: str, example: Example) -> None:
        told = {"title": example.title, "body": example.body, "site": "Cork", "reporter": "desk", "reporter_role": example.reporter_role}

        def answered() -> str | None:
            self.attempts += 1
            answer = client.post("/v1/tickets", json=told, headers={"Idempotency-Key": key})
            if answer.status_code in (200, 201):
                return str(answer.json()["id"])
            assert answer.status_code in (409, 503), answer.text
            time.sleep(0.2)
            return None

        ticket = until(answered, f"an answer for {key}", 120)
        with self._lock:
            self.acknowledged[key] = ticket


class Chaos:
    """Kills one process after the other with -9 and starts it again, while the broker is frozen once; until told to stop."""

    def __init__(self, processes: Sequence[Process], broker: Broker, freeze_s: float, pause_s: float = 1.5) -> None:
        self.processes = processes
        self.broker = broker
        self.freeze_s = freeze_s
        self.pause_s = pause_s
        self.frozen = 0
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos")

    def _run(self) -> None:
        freezing, turn = threading.Thread(target=self._freeze, name="frost"), 0
        while not self._enough.wait(self.pause_s) or turn <= len(self.processes):
            self._strike(self.processes[turn % len(self.processes)])
            turn += 1
            if turn == 1:
                freezing.start()
        freezing.join()

    def _strike(self, process: Process) -> None:
        process.kill()
        process.start().ready("/livez")

    def _freeze(self) -> None:
        """The broker stands still with its connections open; its clients see no error, only silence."""
        self.broker.freeze()
        time.sleep(self.freeze_s)
        self.broker.thaw()
        self.frozen += 1

    def __enter__(self) -> "Chaos":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()
