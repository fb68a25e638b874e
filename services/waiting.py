"""Waiting for something that may be announced, or not."""

import asyncio
from contextlib import suppress


async def rest(woken: asyncio.Event, seconds: float) -> None:
    """Until the event is set, so many seconds at most. Not `wait_for`: on Python 3.11 that can swallow a cancellation."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()
