"""Climbs ladders: follows the ledger, takes the steps that are due, and asks for their deliveries, all in one transaction per turn.

Any number of processes may do so: the ledger's lock orders their turns, and a step that one has taken is no longer due for another.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, func, select

from schemas.tables import CONSUMERS, HEAD, STEPS
from services.dispatcher.auditor import missed, stand_of, tell
from services.dispatcher.rows import StepRows
from services.dispatcher.steps import FOLLOWED, Steps
from services.dispatcher.taking import Taking
from services.errors import Unavailable
from services.faults import reach
from services.ledger import Draft, Ledger, Row, read_entries
from services.oncall.feed import Calendars
from services.oncall.ical import Calendar
from services.oncall.overrides import standing
from services.oncall.roll import roll_of

NAME = "escalation"
AUDIT_EVERY = 60.0
PAGE = 500
MOST_STEPS = 500
"""In one turn. Those that were due first go first; the next turn follows at once."""
log = structlog.get_logger()


@dataclass
class Escalation:
    """`tick`: seconds between two looks at what is due."""

    ledger: Ledger
    calendars: Calendars
    tick: float = 1.0
    fault: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every(self.tick, self.turn))
            tasks.create_task(self._every(AUDIT_EVERY, self.audit))

    async def _every(self, seconds: float, work: Callable[[], bool]) -> None:
        """Counted from the beginning of one look to that of the next."""
        clock = asyncio.get_running_loop().time
        while True:
            more, begun = False, clock()
            try:
                more = await asyncio.to_thread(work)
            except Unavailable as error:
                log.warning("steps wait for the database", error=str(error))
            await asyncio.sleep(0 if more else max(0, begun + seconds - clock()))

    def audit(self) -> bool:
        """Recount, and put on record that and what was found. False: there is never more of it to do."""
        with self.ledger.database.read() as connection:
            stand = stand_of(connection, NAME, self.ledger.clock())
        if stand is None:
            return False
        found = missed(self.calendars.teams, stand)
        if found:
            log.error("tickets lack a step of their ladder", tickets=found[:10])
        self.ledger.write(lambda draft: tell(draft, found)).result()
        return False

    def turn(self) -> bool:
        """Follow and take what there is. True where there is more than one turn can do; where there is nothing, nothing is written."""
        with self.ledger.database.read() as connection:
            if not self._has_work(connection):
                return False
        calendars = self.calendars.look()
        more, taken = self.ledger.write(lambda draft: self._work(draft, calendars)).result()
        if taken:
            reach("escalation-after-commit", self.fault)
        return more

    def _has_work(self, connection: Connection) -> bool:
        position = connection.execute(select(CONSUMERS.c.position).where(CONSUMERS.c.name == NAME)).scalar_one_or_none()
        head = connection.execute(select(HEAD)).mappings().one()
        if position is None or position < head["seq"]:
            return True
        now = max(self.ledger.clock(), head["recorded_at"])
        due = select(func.count()).select_from(STEPS).where(STEPS.c.state == "pending", STEPS.c.due_at <= now)
        return bool(connection.execute(due).scalar_one())

    def _work(self, draft: Draft, calendars: dict[str, Calendar]) -> tuple[bool, int]:
        """Whether there is more, and how many steps were taken."""
        roll = roll_of(self.calendars.teams, calendars, standing(draft).by_rota())
        rows = StepRows(draft)
        more = self._follow(draft, Steps(draft, roll, rows))
        steps, taken = Taking(draft, roll, rows, self.fault), 0
        while taken < MOST_STEPS and (due := self._due(draft)):
            reach("escalation-mid-turn", self.fault)
            steps.take(due)
            taken += len(due)
        return more or taken >= MOST_STEPS, taken

    def _follow(self, draft: Draft, steps: Steps) -> bool:
        """The first time only from now on: of what was there before, people were told as it was then."""
        known = draft.get(CONSUMERS, NAME)
        head = draft.seq - len(draft.entries)
        entries = read_entries(draft.connection, known["position"], FOLLOWED, PAGE) if known else []
        steps.follow(entries)
        more = len(entries) == PAGE
        draft.put(CONSUMERS, {"name": NAME, "listens_to": [], "position": entries[-1].seq if more else head})
        return more

    def _due(self, draft: Draft) -> list[Row]:
        """As this transaction sees them."""
        kept = select(STEPS.c.id).where(STEPS.c.state == "pending", STEPS.c.due_at <= draft.now).order_by(STEPS.c.due_at).limit(MOST_STEPS)
        names = dict.fromkeys([*draft.connection.execute(kept).scalars(), *(row["id"] for row in draft.staged(STEPS))])
        draft.prefetch(STEPS, [(name,) for name in names])
        rows = [row for name in names if (row := draft.get(STEPS, name))]
        return [row for row in rows if row["state"] == "pending" and row["due_at"] <= draft.now]
