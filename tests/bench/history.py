"""Moving in: how long `hypercare import-history` takes for the history of an earlier tool, against `hypercare up` on SQLite."""

import asyncio
import json
import random
import resource
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.examples import read_corpus
from tests.processes import Process, until

TICKETS = 20_000
LIFE = ("submitted", "acknowledged", "resolved", "reopened", "resolved")
BAR_S = 120
PROGRAM = "from services.cli import main; main()"
Measured = list[tuple[str, float, str, str, str]]


async def measure(folder: Path) -> Measured:
    """History: 100,000 events of an earlier tool, moved in with all services running"""
    path, database = folder / "history.ndjson", folder / "history.db"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(TICKETS)), "utf-8")
    before = _processor_time()
    with Process(["services", "up"], {"database_url": f"sqlite:///{database}"}, folder / "up.log") as process:
        process.ready()
        begun = time.monotonic()
        told = await moved_in(path, process.url)
        taken = time.monotonic() - begun
        until(lambda: _left(database) == 0, "every service to be through with the history", 600)
        settled = time.monotonic() - begun
    assert (told["created"], told["failed"]) == (TICKETS * len(LIFE), 0), told
    how = f"{TICKETS} tickets with {len(LIFE)} events each, `hypercare import-history FILE` against `hypercare up`, SQLite, same cores"
    return [
        (f"{TICKETS * len(LIFE)} events moved in", taken, "s", f"< {BAR_S}", how),
        ("until every service is through with them", settled, "s", "", "the same run, from its beginning"),
        ("processor time of all of it", _processor_time() - before, "s", "", "command, API and services together, with their starting up"),
    ]


def _processor_time() -> float:
    """Of processes that have ended; it says the same on a machine that is shared."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rows(tickets: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """The lives of tickets of three weeks, event by event in the order in which they happened."""
    chance, examples = random.Random(seed), read_corpus()
    begin = datetime.now(UTC) - timedelta(days=24)
    told = [row for number in range(tickets) for row in _life(chance, f"INC{number:06}", chance.choice(examples), begin)]
    yield from sorted(told, key=lambda row: str(row["occurred_at"]))


def _life(chance: random.Random, name: str, example: Any, begin: datetime) -> Iterator[dict[str, Any]]:
    at = begin + timedelta(seconds=chance.uniform(0, 21 * 86_400))
    report = {"title": example.title[:300], "body": example.body, "site": "Cork", "reporter": "olga", "severity": example.severity}
    for kind in LIFE:
        placed = {"system": example.system} if kind == "acknowledged" else {}
        yield {"ticket": name, "type": kind, "occurred_at": at.isoformat(), "actor": "erik"} | placed | (report if kind == LIFE[0] else {})
        at += timedelta(seconds=chance.uniform(60, 40_000))


async def moved_in(path: Path, url: str) -> dict[str, Any]:
    words = [sys.executable, "-c", PROGRAM, "import-history", str(path), "--source", "earlier", "--url", url, "--json", "--quiet"]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, output[-2_000:]
    told: dict[str, Any] = json.loads(output)
    return told


def _left(database: Path) -> int:
    """Events that a service listens to and has not handled yet."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        names = [(name, json.loads(types)) for name, types in connection.execute("SELECT name, listens_to FROM consumer")]
        done = dict(connection.execute("SELECT consumer, count(*) FROM handled GROUP BY consumer"))
        counts = dict(connection.execute("SELECT type, count(*) FROM entry GROUP BY type"))
    return sum(sum(counts.get(kind, 0) for kind in types) - done.get(name, 0) for name, types in names)
