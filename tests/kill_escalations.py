"""Kills engines while they climb: `python -m tests.kill_escalations [KILLS]` on a real PostgreSQL, two engines at a time.

No step may be lost, none taken twice, and one that was due while nobody lived is taken within a tick of the next engine's start.
"""

import asyncio
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sqlalchemy import select

from schemas import events as e
from schemas.entries import Attribution
from schemas.tables import ENTRIES, STEPS
from services.db import Database, migrate, open_database
from services.dispatcher.escalation import Escalation
from services.ledger import Ledger
from services.oncall.feed import Calendars
from services.teams import load_teams
from tests.databases import running_postgres
from tests.dispatching import decided
from tests.lives import SERVICE, happened, submitted

TICK = 0.05
STEPS_OF_A_TICKET = 8
EVERY = 2.0
"""Seconds between two steps of a ticket."""
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
    """`late`: the longest time in seconds from when a step was due to when it was taken, times without a living engine included."""

    kills: int
    tickets: int
    steps: int
    lost: int
    doubled: int
    late: float


def engine(url: str, file: str) -> None:
    """An engine in a process of its own, until it is killed."""
    path = Path(file)
    ledger = Ledger(open_database(url))
    asyncio.run(Escalation(ledger, Calendars(load_teams(path), path.parent, path.parent / "copies"), tick=TICK).run())


def campaign(url: str, folder: Path, kills: int, chance: random.Random, every: float = EVERY) -> Outcome:
    """New tickets all the time, and every now and then an engine dies; in one case of four both at once."""
    file = folder / "teams.toml"
    steps = ", ".join(f'{{ after = "PT{number * every:.1f}S", who = ["team"] }}' for number in range(STEPS_OF_A_TICKET))
    file.write_text(FILE.replace("STEPS", steps), "utf-8")
    database = open_database(url)
    migrate(database)
    ledger = Ledger(database)
    Escalation(ledger, Calendars(load_teams(file), folder, folder / "copies")).turn()
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([Escalation.__module__])
    living = [_started(context, url, file) for _ in range(2)]
    deaths: list[float] = []
    tickets = 0
    while len(deaths) < kills:
        tickets += _routed(ledger)
        time.sleep(chance.uniform(0.01, 0.25))
        for place in (0, 1) if chance.random() < 0.25 else (chance.randrange(2),):
            os.kill(living[place].pid, signal.SIGKILL)
            living[place].join()
            deaths.append(time.time())
            living[place] = _started(context, url, file)
    _wait(database, tickets * STEPS_OF_A_TICKET)
    for each in living:
        each.kill()
        each.join()
    outcome = _outcome(database, len(deaths), tickets)
    ledger.close()
    database.close()
    return outcome


def _started(context: Any, url: str, file: Path) -> Any:
    process = context.Process(target=engine, args=(url, str(file)), daemon=True)
    process.start()
    return process


def _routed(ledger: Ledger) -> int:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, decided("erp", "sev1"), SERVICE)
    happened(ledger, ticket.id, e.TicketRouted(system="erp", team="erp"), Attribution("service:classifier", "service"))
    return 1


def _wait(database: Database, steps: int) -> None:
    """Until everything that is due is taken, for a minute beyond the last step at most."""
    end = datetime.now(UTC) + timedelta(seconds=60 + STEPS_OF_A_TICKET * EVERY)
    while datetime.now(UTC) < end:
        with database.read() as connection:
            if list(connection.execute(select(STEPS.c.state)).scalars()).count("done") >= steps:
                return
        time.sleep(0.2)


def _outcome(database: Database, kills: int, tickets: int) -> Outcome:
    with database.read() as connection:
        rows = connection.execute(select(STEPS)).mappings().all()
        requested = list(connection.execute(select(ENTRIES.c.data).where(ENTRIES.c.type == "NotificationRequested")).scalars())
    done = [row for row in rows if row["state"] == "done"]
    deliveries = Counter(data["delivery"] for data in requested)
    lost = tickets * STEPS_OF_A_TICKET - len({(row["ticket"], row["step"]) for row in done})
    doubled = sum(number - 1 for number in deliveries.values()) + max(len(deliveries) - 2 * len(done), 0)
    late = max((row["settled_at"] - row["due_at"]).total_seconds() for row in done)
    return Outcome(kills, tickets, len(done), lost, doubled, late)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = random.randrange(2**32)
    with running_postgres() as server, TemporaryDirectory() as folder:
        url = server.url.render_as_string(hide_password=False)
        outcome = campaign(url, Path(folder), kills, random.Random(seed))
    print(f"seed {seed}", outcome)  # noqa: T201
    sys.exit(1 if outcome.lost or outcome.doubled else 0)


if __name__ == "__main__":
    main()
