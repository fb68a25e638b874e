"""What a caller would like beside what it asks for (RFC 7240): to wait until a new ticket is decided on."""

import asyncio
import re
from typing import Annotated

from fastapi import Header
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from schemas.tables import TICKETS
from schemas.tickets import Ticket
from services.api.desk import Desk
from services.waiting import rest

LONGEST_WAIT_S = 10
POLL_S = 0.25
_WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?=$|[,;\s])")

Prefer = Annotated[
    str | None,
    Header(
        max_length=500,
        description=f"wait=SECONDS (RFC 7240), {LONGEST_WAIT_S} at most: answer when the ticket is decided on, with known errors and "
        "similar tickets; after that time, answer as things stand",
    ),
]


def wanted_wait(prefer: str | None) -> int:
    """Seconds; 0 without the preference. What cannot be read is not a preference."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), LONGEST_WAIT_S) if found else 0


async def decided(desk: Desk, ticket: str, seconds: int) -> Ticket:
    """The ticket once the classifier has decided on it, or as it stands after so many seconds."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    deadline = loop.time() + seconds

    def ring() -> None:
        loop.call_soon_threadsafe(woken.set)

    desk.ledger.watch(ring)
    try:
        while True:
            woken.clear()
            found = await run_in_threadpool(_standing, desk, ticket)
            left = deadline - loop.time()
            if found.state != "submitted" or left <= 0:
                return found
            await rest(woken, min(POLL_S, left))
    finally:
        desk.ledger.unwatch(ring)


def _standing(desk: Desk, ticket: str) -> Ticket:
    with desk.ledger.database.read() as connection:
        return Ticket.model_construct(**connection.execute(select(TICKETS).where(TICKETS.c.id == ticket)).mappings().one())
