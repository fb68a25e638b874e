"""The readings of all go-lives for a scrape: worked out beside it where they take long, so that a scrape never waits for them."""

import threading
import time
from dataclasses import dataclass, field

from services.ledger import Ledger, read_head
from services.stabilisation.progress import Progress
from services.stabilisation.reading import Reading, read

AFTER_S = 1.0
MOST_STEPS = 5_000
"""So many steps of tickets a scrape works out itself; with more it is given what the scrape before it asked for."""


@dataclass
class Pulse:
    """Of one process. More than `most_steps` that it holds or has not read yet, and a scrape does not wait for them; work beside the
    scrapes begins `after` seconds.
    """

    progress: Progress
    most_steps: int = MOST_STEPS
    after: float = AFTER_S
    _readings: list[Reading] = field(default_factory=list)
    _at_work: threading.Lock = field(default_factory=threading.Lock)

    def readings(self, ledger: Ledger) -> list[Reading]:
        """As of now; of a large installation as of the scrape before, and none where this process has just begun to read it."""
        if self._is_small(ledger):
            self._readings = self.fresh(ledger)
        elif self._at_work.acquire(blocking=False):
            threading.Thread(target=self._renew, args=(ledger,), name="golive-readings", daemon=True).start()
        return self._readings

    def _is_small(self, ledger: Ledger) -> bool:
        chronicle = self.progress.chronicle
        with ledger.database.read() as connection:
            unread = read_head(connection)["seq"] - chronicle.position
        return bool(chronicle.steps + unread <= self.most_steps)

    def rest(self) -> None:
        """Until nothing is worked out beside the scrapes."""
        with self._at_work:
            pass

    def _renew(self, ledger: Ledger) -> None:
        """Once the scrape that asks for it is answered: it would share the processor with it."""
        try:
            time.sleep(self.after)
            self._readings = self.fresh(ledger)
        finally:
            self._at_work.release()

    def fresh(self, ledger: Ledger) -> list[Reading]:
        """One go-live after the other, so that others may look in between."""
        with self.progress.look(ledger) as outline:
            golives = [golive.id for golive in outline.newest()]
        return [self._read(ledger, golive) for golive in golives]

    def _read(self, ledger: Ledger, golive: str) -> Reading:
        with self.progress.look(ledger) as outline:
            return read(outline.sight(golive))
