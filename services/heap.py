"""Memory and the collector: nothing of it changes a result."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_ARENAS = -8  # M_ARENA_MAX of malloc.h


def share_heaps(most: int = 2) -> None:
    """Let threads share so many heaps: each would otherwise keep what it once needed. Where the C library is not glibc, nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENAS, most)


def give_back() -> None:
    """Return what loading left free to the system; where the C library cannot, nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def uncollected() -> Iterator[None]:
    """Where a great many objects are made that all stay: walking through them again and again costs two fifths of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
