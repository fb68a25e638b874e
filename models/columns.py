"""Where in a row of scores what stands."""

from dataclasses import dataclass

from models.rows import Floats
from schemas.words import KINDS

SEVERE = 3


@dataclass(frozen=True, slots=True)
class Columns:
    """A score for each system, for "at least sev1", "at least sev2", "at least sev3", for the GxP flag, and for each kind."""

    systems: int

    @property
    def count(self) -> int:
        return self.systems + SEVERE + 1 + len(KINDS)

    def system(self, scores: Floats) -> Floats:
        return scores[:, : self.systems]

    def severe(self, scores: Floats) -> Floats:
        return scores[:, self.systems : self.systems + SEVERE]

    def gxp(self, scores: Floats) -> Floats:
        return scores[:, self.systems + SEVERE]

    def kind(self, scores: Floats) -> Floats:
        return scores[:, self.systems + SEVERE + 1 :]
