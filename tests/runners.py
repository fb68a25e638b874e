"""A service at work in a test, until what is waited for has come."""

import asyncio
from collections.abc import Callable

from services.runner import Runner


async def running_until(runner: Runner, condition: Callable[[], bool], seconds: float = 60) -> None:
    task = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(condition):
                assert not task.done(), task.exception()
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
