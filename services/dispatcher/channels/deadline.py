"""A total time for work that consists of many blocking calls."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, always positive; TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline passed")
        return left


def within(deadline: Deadline, work: Callable[[], T]) -> T:
    """What `work` returns, or its OSError, or TimeoutError at the deadline.

    Late work goes on in a daemon thread that nobody waits for: name lookups cannot be interrupted.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except OSError as error:
            future.set_exception(error)

    threading.Thread(target=run, name="channel-deadline", daemon=True).start()
    return future.result(deadline.left())
