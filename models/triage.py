"""The port through which a service asks a model."""

from collections.abc import Sequence
from typing import Protocol

from schemas.predictions import Prediction, TicketText


class Model(Protocol):
    """Answers for a batch at once, in the order of the texts; the same texts and version give the same answers, alone or in a batch."""

    @property
    def version(self) -> str: ...

    def predict(self, texts: Sequence[TicketText]) -> list[Prediction]: ...
