"""What a tick of the escalation engine costs with 10,000 open tickets on a ladder: with nothing due, with 500 steps due, and the audit.

`python -m tests.bench.climbing` measures this part alone.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from schemas import events as e
from schemas.entries import Attribution
from schemas.tables import STEPS
from services.db import migrate, open_database
from services.dispatcher.escalation import Escalation
from services.ledger import Draft, Ledger
from services.oncall.feed import Calendars
from services.tickets import record, submit
from tests.databases import fresh_database, running_postgres
from tests.dispatching import decided
from tests.lives import DESK, SERVICE, told
from tests.oncalls import teams_of

Measured = list[tuple[str, float, str, str, str]]
BEGIN = datetime(2027, 1, 12, 12, tzinfo=UTC)
BATCHES, BATCH = 20, 500
SECOND = timedelta(seconds=1)
RISES = (timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20))
"""When the standard ladder's later steps of a Sev1 are due."""
ONE = "one transaction"


async def measure(folder: Path) -> Measured:
    """Escalation: 10,000 open tickets that climb the standard ladder, on SQLite and on PostgreSQL"""
    return await asyncio.to_thread(both, folder)


def both(folder: Path) -> Measured:
    found = climbed(f"sqlite:///{folder / 'climbing.db'}", folder, "SQLite")
    with running_postgres() as server, fresh_database(server.url) as url:
        return found + climbed(url, folder, "PostgreSQL")


class At:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def engine_of(url: str, folder: Path) -> Iterator[tuple[Escalation, At]]:
    database, clock = open_database(url), At()
    migrate(database)
    ledger = Ledger(database, clock)
    engine = Escalation(ledger, Calendars(teams_of(folder), folder, folder / "copies"))
    engine.turn()
    yield engine, clock
    ledger.close()
    database.close()


def climbed(url: str, folder: Path, name: str) -> Measured:
    """500 tickets are routed each second for 20 seconds, so that later 500 steps are due at each second of 20."""
    with engine_of(url, folder) as (engine, clock):
        begun = [_routed(engine.ledger, clock) or _tick(engine) for _ in range(BATCHES)]
        taken = [_at(clock, BEGIN + rise + number * SECOND) or _tick(engine) for rise in RISES for number in range(1, BATCHES + 1)]
        engine.turn()
        idle = [_timed(engine.turn) for _ in range(50)]
        audits = [_timed(engine.audit) for _ in range(5)]
        assert _done(engine) == BATCHES * BATCH * (len(RISES) + 1), "a tick took another number of steps than was measured"
    told = {
        "10,000 open tickets on ladders, a tick with nothing due": (median(idle), "a query whether something is due or new; median of 50"),
        "a tick at which 500 of them begin to climb": (median(begun), f"follows 500 routings, takes the first steps; {ONE}, median of 20"),
        "a tick with 500 steps due": (
            median(taken),
            f"500 steps, whom each leads to, 500 to 1000 deliveries, what follows; {ONE}, median of 60",
        ),
        "the longest of them": (max(taken), "of 60"),
        "all 10,000 audited, once a minute": (median(audits), "recounts from tickets, steps and ledger; median of 5"),
    }
    return [(figure, 1e3 * seconds, "ms", "≤ 1000", f"{name}: {how}") for figure, (seconds, how) in told.items()]


def _tick(engine: Escalation) -> float:
    """In seconds; what the tick itself has written is followed outside of it."""
    seconds = _timed(engine.turn)
    while engine.turn():
        pass
    return seconds


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _at(clock: At, now: datetime) -> None:
    clock.now = now


def _routed(ledger: Ledger, clock: At) -> None:
    clock.now += SECOND
    by = Attribution("service:classifier", "service")

    def command(draft: Draft) -> None:
        for number in range(BATCH):
            ticket, _ = submit(draft, told(title=f"Line {number} stopped"), DESK)
            record(draft, ticket.id, decided("mes_config", "sev1"), SERVICE)
            record(draft, ticket.id, e.TicketRouted(system="mes_config", team="mes"), by)

    ledger.write(command).result()


def _done(engine: Escalation) -> int:
    with engine.ledger.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(STEPS).where(STEPS.c.state == "done")).scalar_one())


def main() -> None:
    with TemporaryDirectory() as folder:
        for name, value, unit, bar, how in both(Path(folder)):
            sys.stdout.write(f"{name:48} {value:10.4g} {unit} {bar:8} {how}\n")


if __name__ == "__main__":
    main()
