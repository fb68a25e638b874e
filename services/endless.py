"""Work that has no end of its own, so that an end is a fault."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn


async def endless(work: Callable[[], Coroutine[Any, Any, None]]) -> NoReturn:
    """Run it until this task is cancelled. A `CancelledError` that nobody asked for, which client libraries let out, would end a task
    without a word: its process would look alive and do nothing. Here it is an error like any other end."""
    task = asyncio.current_task()
    try:
        await work()
    except asyncio.CancelledError:
        if task is None or task.cancelling():
            raise
        raise RuntimeError(f"{work} was cancelled from within") from None
    raise RuntimeError(f"{work} ended by itself")
