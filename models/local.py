"""Labels of a site: what its people confirmed weighs more than what others wrote, but nobody's word alone weighs much."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.examples import Example
from models.features import Ints
from models.rows import Floats

LOCAL_WEIGHT = 3.0
MOST_OF_A_CLASS = 0.05
"""The share of a class's weight that one person's labels may have."""
FOLDS = 5


class Taught(NamedTuple):
    """A ticket with what people made of it. `actor` set its system; `graded` says that severity and GxP flag were confirmed as well."""

    example: Example
    actor: str
    graded: bool


def weights(taught: Sequence[Taught], others: Mapping[str, float]) -> Floats:
    """(taught,) weights. `others` is what tickets of other sources weigh per system. A person's labels of a system together weigh at most
    `MOST_OF_A_CLASS` of what all others weigh there.
    """
    weight = np.full(len(taught), LOCAL_WEIGHT)
    systems, actors = (np.array(names) for names in ([each.example.system for each in taught], [each.actor for each in taught]))
    for system in sorted(set(systems.tolist())):
        for actor in sorted(set(actors[systems == system].tolist())):
            own = (systems == system) & (actors == actor)
            rest = others.get(system, 0.0) + weight[(systems == system) & ~own].sum()
            most = rest * MOST_OF_A_CLASS / (1 - MOST_OF_A_CLASS)
            weight[own] *= min(1.0, most / weight[own].sum())
    return weight


def folds(taught: int) -> Ints:
    """(taught,) the part that each is held out with: neighbours in time stay together, for they may tell of one incident."""
    return np.arange(taught) * FOLDS // max(1, taught)
