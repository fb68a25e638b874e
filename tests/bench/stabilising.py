"""What it costs to know how stable it is: a million entries folded, the figures of a day, and a scrape of a large installation."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from prometheus_client import generate_latest
from sqlalchemy import text as sql

from schemas.columns import rfc3339
from schemas.entries import Attribution, Entry
from schemas.golives import GoLiveText, Plan, Rates
from schemas.tables import ENTRIES, TICKETS
from services import golives as said
from services.db import Database, migrate, open_database, store
from services.ledger import Draft, Ledger
from services.stabilisation.metrics import Metrics, registry
from services.stabilisation.progress import Progress
from services.stabilisation.pulse import Pulse
from services.stabilisation.watching import Watch
from services.tickets import fold
from tests.bench.memory import resident

Measured = list[tuple[str, float, str, str, str]]
BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
SPAN = timedelta(days=42)
MILLION = 1_000_000
LIFE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("TicketRouted", {"system": "erp", "team": "erp"}),
    ("TicketAcknowledged", {}),
    ("TicketCommented", {"text": "the interface was restarted, let us see"}),
    ("TicketWorkedAround", {"workaround": "print from the line server"}),
    ("TicketResolved", {"cause_system": "erp", "cause_class": "configuration", "resolution": "mapped and tested"}),
    ("TicketClosed", {}),
)
LEAD, OTHER = (Attribution(name, "lead", reason="bench") for name in ("lena", "sam"))


async def measure(folder: Path) -> Measured:
    """Stabilisation: a million entries, 5,000 tickets of one site, 100,000 tickets of twenty sites"""
    return [
        *(await asyncio.to_thread(folded, folder)),
        *(await asyncio.to_thread(asked, folder)),
        *(await asyncio.to_thread(scraped, folder)),
    ]


def folded(folder: Path) -> Measured:
    """In a process of its own, so that its memory is told apart."""
    file = folder / "million.db"
    database, tickets = filled(file, MILLION // 8, ["Cork"])
    database.close()
    words = [sys.executable, "-m", "tests.bench.stabilising", str(file)]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    file.unlink()
    how = f"Progress().look on SQLite, {tickets} tickets with 8 entries each, one core"
    return [
        ("a million entries folded", told["seconds"], "s", "≤ 30", how),
        ("memory of the process that did it", told["peak"], "MB", "≤ 500", "VmHWM of that process, Python and libraries included"),
    ]


def asked(folder: Path) -> Measured:
    database, _ = filled(folder / "site.db", 5_000, ["Cork"])
    ledger, progress = Ledger(database, lambda: BEGIN + SPAN), Progress()
    declare(ledger, ["Cork"])
    with progress.look(ledger) as outline:
        assert outline.sight("GL-1").figures.open.total
    parts: dict[str, Callable[[], object]] = {
        "figures": lambda: _look(ledger, progress, "figures"),
        "burndown": lambda: _look(ledger, progress, "burndown"),
        "readiness, forecast and light": lambda: _look(ledger, progress, "readiness"),
    }
    found: Measured = [
        (
            "first readiness of a process, 42 days",
            1e3 * timed(parts["readiness, forecast and light"], 1),
            "ms",
            "",
            "every stand-up of the past is looked at once",
        )
    ]
    for name, ask in parts.items():
        bar = "≤ 100" if name == "figures" else ""
        found.append((f"{name} of a 5,000-ticket go-live", 1e3 * timed(ask, 9), "ms", bar, "median of 9, in the process, on its 42nd day"))
    ledger.close()
    database.close()
    return found


def _look(ledger: Ledger, progress: Progress, part: str) -> object:
    with progress.look(ledger) as outline:
        return getattr(outline.sight("GL-1"), part)


def scraped(folder: Path) -> Measured:
    sites = [f"site {number}" for number in range(20)]
    database, tickets = filled(folder / "many.db", 100_000, sites)
    ledger, watch, pulse = Ledger(database, lambda: BEGIN + SPAN), Watch(), Pulse(Progress())
    declare(ledger, sites)
    first = timed(lambda: generate_latest(registry(Metrics(ledger, watch, pulse))), 1)
    alone = timed(lambda: generate_latest(registry(Metrics(ledger, watch, pulse))), 9, pulse.rest)
    ledger.close()
    database.close()
    return [
        (
            "a scrape with 100,000 tickets, 20 go-lives",
            1e3 * alone,
            "ms",
            "≤ 200",
            "median of 9; the go-lives' series are those that the scrape before asked for",
        ),
        ("the first scrape of a process", 1e3 * first, "ms", "", f"it reads {8 * tickets} entries"),
    ]


def timed(work: Callable[[], object], rounds: int, between: Callable[[], None] = lambda: None) -> float:
    """Seconds, median."""
    taken = []
    for _ in range(rounds):
        between()
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def declare(ledger: Ledger, sites: list[str]) -> None:
    plan = Plan(by_severity={"sev2": Rates(problems=900, capacity=40), "sev3": Rates(problems=2_500, floor=5, capacity=90)})

    def command(draft: Draft) -> None:
        for site in sites:
            told = GoLiveText(name="wave", site=site, starts_at=BEGIN, planned_end=BEGIN + SPAN, time_zone="Europe/Dublin")
            golive = said.declare(draft, told, LEAD)
            said.propose_plan(draft, golive.id, plan, LEAD)
            said.approve_plan(draft, golive.id, 1, OTHER)

    ledger.write(command).result()


def filled(file: Path, tickets: int, sites: list[str]) -> tuple[Database, int]:
    """Rows as the services write them, but for the digests, which nobody reads here."""
    database = open_database(f"sqlite:///{file}")
    migrate(database)
    chance = random.Random(1)
    with database.write() as connection:
        seq, page, rows = 0, [], []
        for number in range(1, tickets + 1):
            story = list(_story(chance, number, sites[number % len(sites)]))
            for entry in story:
                seq += 1
                page.append(
                    entry
                    | {"seq": seq, "digest": f"{seq}", "previous": "", "id": f"{seq}", "cause": None, "traceparent": None, "reason": None}
                )
            if len(sites) > 1 or tickets <= 5_000:
                ticket = fold([Entry.model_construct(**entry) for entry in page[-len(story) :]])
                rows.append(ticket.model_dump() if ticket else {})
            if len(page) > 20_000:
                store(connection, ENTRIES, page)
                page = []
        store(connection, ENTRIES, page)
        for start in range(0, len(rows), 5_000):
            store(connection, TICKETS, rows[start : start + 5_000])
        connection.execute(
            sql("UPDATE head SET seq = :seq, tickets = :tickets, recorded_at = :at"),
            {"seq": seq, "tickets": tickets, "at": rfc3339(BEGIN + SPAN)},
        )
    return database, tickets


def _story(chance: random.Random, number: int, site: str) -> Iterator[dict[str, Any]]:
    """A submission, a decision as the classifier writes it, and six more; a tenth stops on the way."""
    at = BEGIN + timedelta(seconds=chance.expovariate(1 / (10 * 86_400)) % (SPAN.total_seconds() - 9 * 86_400))
    report = {"title": f"problem {number}", "body": "", "site": site, "reporter": "olga", "reporter_role": "operator"}
    decision = {
        "system": "erp",
        "severity": chance.choice(["sev2", "sev3", "sev3", "sev4"]),
        "gxp": "none",
        "decided_by": "suggestion",
        "reasons": [],
        "prediction": PREDICTION,
    }
    decision |= {"model": "m", "rules": "r", "configuration": "c"}
    last = 8 if chance.random() < 0.9 else chance.randint(2, 6)
    told = [("TicketSubmitted", report), ("TicketClassified", decision), *LIFE]
    for place, (kind, data) in enumerate(told):
        if place >= last:
            kind, data = "TicketCommented", {"text": "still looking"}
        at += timedelta(seconds=chance.uniform(1, 86_400) if place > 1 else 1)
        version = place + 1
        yield {
            "type": kind,
            "ticket": f"HC-{number}",
            "ticket_version": version,
            "site": site,
            "actor": "erik",
            "role": "engineer",
            "occurred_at": at,
            "recorded_at": at,
            "data": data,
        }


PREDICTION = {
    "decision": "route", "kind": "defect", "confidence": 0.93, "threshold": 0.8, "sev1_risk": 0.02, "sev1_candidate": False,
    "unknown_words": 0.1, "prediction_set": ["erp"], "similar": [],
    "systems": [{"system": name, "probability": 0.1} for name in ("erp", "lims", "oee", "mes_config", "plc_scada")],
    "words": [{"word": f"word{number}", "weight": 0.1} for number in range(8)],
}  # fmt: skip


def main() -> None:
    database = open_database(f"sqlite:///{sys.argv[1]}")
    ledger, progress = Ledger(database, lambda: BEGIN + SPAN), Progress()
    begun = time.perf_counter()
    with progress.look(ledger):
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "peak": resident(os.getpid(), "VmHWM"), "steps": progress.chronicle.steps}))  # noqa: T201


if __name__ == "__main__":
    main()
