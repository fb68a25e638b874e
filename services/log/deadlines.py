"""Deadlines around a client library that has none: it waits for ever where a server accepts connections and does not answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Opened(NamedTuple, Generic[T]):
    """A client of Kafka, and the start of it, which nobody cancels while it may still end by itself."""

    client: T
    starting: "asyncio.Future[None]"


def opened(client: T, start: Coroutine[Any, Any, None]) -> Opened[T]:
    return Opened(client, begun(start))


def begun(step: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
    """The step as a task. An error that nobody waits for any more is not an error that nobody saw."""
    task = asyncio.ensure_future(step)
    task.add_done_callback(seen)
    return task


def seen(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()


def error_of(task: "asyncio.Future[Any]", seconds: float) -> BaseException | None:
    """aiokafka's `stop` may end as cancelled although nobody cancelled it: passed on, that would end our own task without a word."""
    if not task.done():
        return TimeoutError(f"no answer within {seconds:g} s")
    return TimeoutError("aiokafka cancelled itself") if task.cancelled() else task.exception()


async def within(seconds: float, step: Coroutine[Any, Any, T]) -> T:
    """Its result, or `TimeoutError`; the step is told to end then, and not waited for: aiokafka has tasks that swallow a cancellation."""
    task = begun(step)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if error := error_of(task, seconds):
            raise error
        return task.result()
    finally:
        task.cancel()


async def ended(seconds: float, step: Callable[[], Coroutine[Any, Any, object]]) -> bool:
    """Whether the step ended well and in time; for what is thrown away, it does not matter why not."""
    task = begun(step())
    try:
        await asyncio.wait({task}, timeout=seconds)
        return error_of(task, seconds) is None
    finally:
        task.cancel()
