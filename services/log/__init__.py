"""The log: where a service reads events from. The ledger's table, or Kafka that carries the ledger."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Batch:
    """Ids of events in the order in which they are to be handled. `position`: the seq up to which the table was read, if it was."""

    events: Sequence[str]
    position: int | None = None


class Log(Protocol):
    def read(self, consumer: str, types: Sequence[str]) -> AsyncGenerator[Batch, None]:
        """Endless, to be closed: batches of events of these types, each at least once. Asking for the next says that the last is done."""
        ...
