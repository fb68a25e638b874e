"""A dispatcher as a process of its own: it climbs and sends, notes what its receivers got, and dies where it is told to."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, event

from services.db import open_database
from services.dispatcher.channels import Message
from services.dispatcher.engine import Engine as Sending
from services.dispatcher.escalation import Escalation
from services.dispatcher.pace import Pace
from services.faults import EXIT_STATUS
from services.ledger import Ledger
from services.links import Links
from services.oncall.feed import Calendars
from services.teams import load_teams

FLUSHED = "flushed, not committed"
"""Every row of the step is with the database, and the commit is not sent."""
IN_MID_STEP = (
    "escalation-mid-turn", "escalation-mid-step", FLUSHED, "escalation-after-commit", "dispatcher-before-send", "dispatcher-after-send",
)  # fmt: skip
LEASE = 2.0


class Got(NamedTuple):
    """What a receiver holds of one message."""

    pid: int
    delivery: str
    ticket: str
    address: str


@dataclass(frozen=True)
class Notebook:
    """One file for all processes, and the channel of all receivers: what stands in it survives whoever wrote it."""

    file: Path
    name: str = "console"

    def note(self, *words: object) -> None:
        place = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(place, (" ".join(map(str, words)) + "\n").encode())
            os.fsync(place)
        finally:
            os.close(place)

    def send(self, message: Message, address: str) -> None:
        self.note("got", os.getpid(), message.delivery_id, message.about and message.about.ticket, address)

    def read(self, word: str) -> list[list[str]]:
        lines = self.file.read_text("utf-8").splitlines() if self.file.exists() else []
        return [line.split()[1:] for line in lines if line.startswith(f"{word} ")]

    def received(self) -> list[Got]:
        return [Got(int(pid), *rest) for pid, *rest in self.read("got")]

    def ready(self) -> dict[int, float]:
        """Since when each process lived, in seconds since 1970."""
        return {int(pid): float(at) for pid, at in self.read("ready")}


@dataclass
class Timed(Escalation):
    """Notes how long its turns took."""

    notebook: Notebook = Notebook(Path())

    def turn(self) -> bool:
        begun = time.perf_counter()
        more = super().turn()
        self.notebook.note("turn", time.perf_counter() - begun)
        return more


def dispatch(url: str, folder: Path, tick: float, point: str | None) -> None:
    """Until it is killed, or reaches the point."""
    database, notebook = open_database(url), Notebook(folder / "notebook")
    if point == FLUSHED:
        _die_of_a_flushed_step(database.engine)
    ledger, teams = Ledger(database), load_teams(folder / "teams.toml")
    climbing = Timed(ledger, Calendars(teams, folder, folder / "copies"), tick, point, notebook)
    pace = Pace(lease=LEASE, poll=0.1)
    sending = Sending(ledger, {notebook.name: notebook}, Links("http://127.0.0.1"), pace, point)
    asyncio.run(_both(climbing, sending, notebook))


async def _both(climbing: Timed, sending: Sending, notebook: Notebook) -> None:
    notebook.note("ready", os.getpid(), time.time())
    await asyncio.gather(climbing.run(), sending.run())


def _die_of_a_flushed_step(engine: Engine) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def _note(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        connection.info["step"] = connection.info.get("step") or ("INSERT" in statement and "escalation_step" in statement)

    @event.listens_for(engine, "commit")
    def _die(connection: Connection) -> None:
        if connection.info.get("step"):
            os._exit(EXIT_STATUS)
