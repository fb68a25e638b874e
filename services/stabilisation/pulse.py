"""The readings of all go-lives for a scrape: worked out beside it where they take long, so that a scrape never waits for them."""

import threading
from dataclasses import dataclass, field

from services.ledger import Ledger
from services.stabilisation.progress import Outline, Progress
from services.stabilisation.reading import Reading, read

MOST_GOLIVES = 50
WAITS = 5_000
"""Steps of tickets that a scrape works out itself; with more it is given what the scrape before it asked for."""


@dataclass
class Pulse:
    """Of one process. A restarted one answers its first scrape with fresh readings, however long they take."""

    progress: Progress
    _readings: list[Reading] | None = None
    _at_work: threading.Lock = field(default_factory=threading.Lock)

    def readings(self, ledger: Ledger) -> list[Reading]:
        """As of now; of a large installation as of the scrape before."""
        if self._readings is None or self.progress.chronicle.steps <= WAITS:
            self._readings = self.fresh(ledger)
        elif self._at_work.acquire(blocking=False):
            threading.Thread(target=self._renew, args=(ledger,), name="golive-readings", daemon=True).start()
        return self._readings

    def rest(self) -> None:
        """Until nothing is worked out beside the scrapes."""
        with self._at_work:
            pass

    def _renew(self, ledger: Ledger) -> None:
        try:
            self._readings = self.fresh(ledger)
        finally:
            self._at_work.release()

    def fresh(self, ledger: Ledger) -> list[Reading]:
        with self.progress.look(ledger) as outline:
            return [read(outline.sight(golive)) for golive in _watched(outline)]


def _watched(outline: Outline) -> list[str]:
    """The newest, so that the label sets stay closed."""
    newest = sorted(outline.golives.of.values(), key=lambda golive: golive.text.starts_at, reverse=True)
    return [golive.id for golive in newest[:MOST_GOLIVES]]
