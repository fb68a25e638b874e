"""The end of a process, announced: not ready any more, endless answers end, what is in flight is finished."""

from collections.abc import Callable


class Drain:
    def __init__(self) -> None:
        self.begun = False
        self._watchers: list[Callable[[], None]] = []

    def begin(self) -> None:
        """To be called in the event loop's thread, before the server waits for its connections to end."""
        self.begun = True
        for watcher in [*self._watchers]:
            watcher()

    def watch(self, callback: Callable[[], None]) -> None:
        self._watchers.append(callback)

    def unwatch(self, callback: Callable[[], None]) -> None:
        self._watchers.remove(callback)
