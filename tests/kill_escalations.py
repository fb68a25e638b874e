"""Kills dispatchers in the middle of a step: `python -m tests.kill_escalations [KILLS]` on a real PostgreSQL, with the shipped tick.

In turns a dispatcher dies alone, and beside another that goes on; the other is killed at any moment between. No step may be lost and none
taken twice; a receiver gets a message twice at most once per kill, and under the same delivery id; and no step is due for longer than a
tick and a turn while somebody lives.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sqlalchemy import func, select

from schemas import events as e
from schemas.entries import Attribution
from schemas.tables import DELIVERIES, ENTRIES, STEPS
from services.db import migrate, open_database
from services.dispatcher.escalation import Escalation
from services.dispatcher.requests import delivery_id
from services.faults import EXIT_STATUS
from services.ledger import Ledger, Row, utc_now
from services.oncall.feed import Calendars
from services.teams import load_teams
from tests.databases import running_postgres
from tests.dispatching import decided
from tests.dying_dispatchers import IN_MID_STEP, Got, Notebook, dispatch
from tests.lives import SERVICE, happened, submitted
from tests.processes import until

STEPS_OF_A_TICKET = 4
RECEIVERS = ("one", "two")
FILE = """
systems = { erp = "erp" }
[teams.erp]
ladder = "quick"
page = ["console:one", "console:two"]
[ladders.quick.sev1]
steps = [STEPS]
[triage]
page = ["console:triage"]
"""


class Outcome(NamedTuple):
    """`points`: kills in mid-step by the point at which they fired; `others`: kills at any moment. `doubled`: steps that were asked for
    twice. `again`: messages that were received again, `most_again` those of one kill at one receiver, `strange` those under another id or
    without a kill. `late`: how long steps were due while one and the same dispatcher lived, the median, the 99th percentile, the longest;
    `turn`: the longest turn; `start`: how long processes took to begin, the median and the longest; in seconds.
    """

    points: dict[str, int]
    others: int
    steps: int
    lost: int
    doubled: int
    received: int
    again: int
    most_again: int
    strange: int
    late: tuple[float, float, float]
    turn: float
    start: tuple[float, float]
    tick: float

    def missed(self) -> list[str]:
        """The limits that were not kept."""
        held = {
            "no step is lost": self.lost == 0,
            "no step is taken twice": self.doubled == 0,
            "a message is received again once per kill at most": self.most_again <= 1,
            "a message that is received again has the same delivery id": self.strange == 0,
            "the next step is taken within a tick and a turn": self.late[-1] <= self.tick + self.turn,
        }
        return [limit for limit, kept in held.items() if not kept]


@dataclass
class Life:
    process: Any
    begun: float
    killed: float = float("inf")


@dataclass
class Campaign:
    """`wait`: seconds between two steps of a ticket."""

    url: str
    folder: Path
    tick: float
    wait: float
    chance: random.Random
    points: list[str] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    dying: list[Life] = field(default_factory=list)
    tickets: int = 0

    def __post_init__(self) -> None:
        steps = ", ".join(f'{{ after = "PT{number * self.wait:.2f}S", who = ["team"] }}' for number in range(STEPS_OF_A_TICKET))
        file = self.folder / "teams.toml"
        file.write_text(FILE.replace("STEPS", steps), "utf-8")
        self.ledger = Ledger(open_database(self.url))
        migrate(self.ledger.database)
        self.notebook = Notebook(self.folder / "notebook")
        Escalation(self.ledger, Calendars(load_teams(file), self.folder, self.folder / "copies")).turn()
        self.context: Any = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([dispatch.__module__])

    def run(self, kills: int) -> Outcome:
        for number in range(0, kills, 2):
            place = number // 2
            self._alone(IN_MID_STEP[place % len(IN_MID_STEP)])
            if number + 1 < kills:
                self._beside(IN_MID_STEP[(place + len(IN_MID_STEP) // 2) % len(IN_MID_STEP)])
                time.sleep(self.chance.uniform(0, self.tick))
            self._kill(self.lives[-1])
        self.lives.append(self._started(None))
        until(lambda: self._count(STEPS, STEPS.c.state != "done") == 0, "the last step")
        until(lambda: self._count(DELIVERIES, DELIVERIES.c.state != "sent") == 0, "the last delivery")
        last = self.lives[-1].process
        last.kill()
        last.join()
        outcome = self._outcome()
        self.ledger.close()
        self.ledger.database.close()
        return outcome

    def _alone(self, point: str) -> None:
        """Nobody else lives; then somebody begins to, and takes what is due."""
        self._route()
        self._died(self._dying(point), point)
        self.lives.append(self._started(None))
        until(lambda: self._count(STEPS, STEPS.c.state == "pending", STEPS.c.due_at <= utc_now()) == 0, "the interrupted step")

    def _beside(self, point: str) -> None:
        dying = self._dying(point)
        while dying.process.is_alive():
            self._route()
            dying.process.join(self.chance.uniform(0, self.tick / 4))
        self._died(dying, point)

    def _dying(self, point: str) -> Life:
        self.dying.append(self._started(point))
        return self.dying[-1]

    def _died(self, dying: Life, point: str) -> None:
        """Every placed kill shows that it fired."""
        dying.process.join(60)
        assert dying.process.exitcode == EXIT_STATUS, f"{point} did not fire: {dying.process.exitcode}"
        self.points.append(point)

    def _kill(self, living: Life) -> None:
        living.killed = time.time()
        os.kill(living.process.pid, signal.SIGKILL)
        living.process.join()

    def _started(self, point: str | None) -> Life:
        process = self.context.Process(target=dispatch, args=(self.url, self.folder, self.tick, point), daemon=True)
        begun = time.time()
        process.start()
        return Life(process, begun)

    def _route(self) -> None:
        ticket = submitted(self.ledger)
        happened(self.ledger, ticket.id, decided("erp", "sev1"), SERVICE)
        happened(self.ledger, ticket.id, e.TicketRouted(system="erp", team="erp"), Attribution("service:classifier", "service"))
        self.tickets += 1

    def _count(self, table: Any, *where: Any) -> int:
        with self.ledger.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())

    def _outcome(self) -> Outcome:
        with self.ledger.database.read() as connection:
            steps = [dict(row) for row in connection.execute(select(STEPS).where(STEPS.c.state == "done")).mappings()]
            asked = list(connection.execute(select(ENTRIES.c.data).where(ENTRIES.c.type == "NotificationRequested")).scalars())
        requested, got, ready = Counter(data["delivery"] for data in asked), self.notebook.received(), self.notebook.ready()
        known = {delivery_id(row["id"], "console", address): row for row in steps for address in RECEIVERS}
        reached = Counter((known[name]["ticket"], known[name]["step"]) for name in {each.delivery for each in got} & known.keys())
        again = Counter((before.pid, before.address) for before, _ in _again(got))
        starts = [ready[life.process.pid] - life.begun for life in (*self.lives, *self.dying)]
        late = sorted(max(_late(row, life, ready[life.process.pid]) for life in self.lives) for row in steps)
        return Outcome(
            points=dict(Counter(self.points)),
            others=sum(life.killed < float("inf") for life in self.lives),
            steps=self.tickets * STEPS_OF_A_TICKET,
            lost=self.tickets * STEPS_OF_A_TICKET - sum(number == len(RECEIVERS) for number in reached.values()),
            doubled=sum(number - 1 for number in requested.values()) + len(requested.keys() - known.keys()),
            received=len(got),
            again=again.total(),
            most_again=max(again.values(), default=0),
            strange=sum(each.delivery not in known for each in got) + sum(before.pid == after.pid for before, after in _again(got)),
            late=(median(late), late[len(late) * 99 // 100], late[-1]),
            turn=max(float(seconds) for (seconds,) in self.notebook.read("turn")),
            start=(median(starts), max(starts)),
            tick=self.tick,
        )


def _again(got: list[Got]) -> list[tuple[Got, Got]]:
    """Each receipt that was followed by another of the same message, with that one."""
    by_delivery: dict[str, list[Got]] = {}
    for each in got:
        by_delivery.setdefault(each.delivery, []).append(each)
    return [pair for receipts in by_delivery.values() for pair in pairwise(receipts)]


def _late(row: Row, life: Life, ready: float) -> float:
    """For how long the step was due and not taken while this dispatcher lived."""
    return min(float(row["settled_at"].timestamp()), life.killed) - max(float(row["due_at"].timestamp()), ready)


def table(outcome: Outcome) -> str:
    rows = [(f"kills, {point}", f"{number}") for point, number in outcome.points.items()]
    rows += [
        ("kills in mid-step", f"{sum(outcome.points.values())}"),
        ("kills at any moment beside them", f"{outcome.others}"),
        ("steps", f"{outcome.steps}"),
        ("steps lost", f"{outcome.lost}, limit 0"),
        ("steps taken twice", f"{outcome.doubled}, limit 0"),
        ("messages received", f"{outcome.received}"),
        ("received again, same delivery id", f"{outcome.again}; by one kill at one receiver {outcome.most_again}, limit 1"),
        ("received under another id, or again without a kill", f"{outcome.strange}, limit 0"),
        (
            "a step was due while somebody lived",
            "{:.3f} s median, {:.3f} s 99th percentile, {:.3f} s longest, limit {:.3f} s".format(
                *outcome.late, outcome.tick + outcome.turn
            ),
        ),
        ("of that limit", f"tick {outcome.tick:g} s, longest turn {outcome.turn:.3f} s"),
        ("start of a process, not counted", f"{outcome.start[0]:.2f} s median, {outcome.start[1]:.2f} s longest"),
    ]
    return "\n".join(f"{name:52} {value}" for name, value in rows)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = random.randrange(2**32)
    with running_postgres() as server, TemporaryDirectory() as folder:
        url = server.url.render_as_string(hide_password=False)
        outcome = Campaign(url, Path(folder), 1.0, 1.5, random.Random(seed)).run(kills)
    print(f"seed {seed}\n{table(outcome)}")  # noqa: T201
    if missed := outcome.missed():
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
