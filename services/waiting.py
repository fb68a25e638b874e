"""Waiting for something that may be announced, or not; and work that is done again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from services.errors import Unavailable

log = structlog.get_logger()


async def rest(woken: asyncio.Event, seconds: float) -> None:
    """Until the event is set, so many seconds at most. Not `wait_for`: on Python 3.11 that can swallow a cancellation."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


async def rounds(work: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Until cancelled, with so many seconds between two rounds. What is away for a while is waited for: the next round does it all."""
    while True:
        try:
            await work()
        except Unavailable as error:
            log.warning("a round waits for the database", work=getattr(work, "__qualname__", ""), error=str(error))
        await asyncio.sleep(seconds)
