"""Labels of a site: what its people confirmed weighs more than what others wrote, but nobody's word alone weighs much.

Two limits keep one account, mistaken or malicious, from bending a model: on what its labels of a system weigh together, and on words that
hardly anybody else's tickets have. Both lift when a second person says the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.examples import Example
from models.features import Ints, plain
from models.rows import Floats

LOCAL_WEIGHT = 3.0
MOST_OF_A_CLASS = 0.03
"""The share of a class's measured weight that one person's labels may have; with 0.04, five hundred flipped ones cost more than a point."""
FOLDS = 5


class Taught(NamedTuple):
    """A ticket with what people made of it. `actor` set its system; `graded` says that severity and GxP flag were confirmed as well."""

    example: Example
    actor: str
    graded: bool


class Weighed(NamedTuple):
    """A label as it is learned from."""

    example: Example
    graded: bool
    weight: float


def learnable(taught: Sequence[Taught], others: Sequence[Example], measured: Mapping[str, float]) -> list[Weighed]:
    """Labels with their weights, without the words on which one person would outweigh everybody else. `others` are the tickets that are
    learned from beside them, `measured` is what the measured ones weigh per system.
    """
    weight = weights(taught, measured)
    spoken = [_words(each.example) for each in taught]
    common = Counter(word for example in others for word in _words(example))
    told: defaultdict[str, Counter[bytes]] = defaultdict(Counter)
    for each, words, own in zip(taught, spoken, weight.tolist(), strict=True):
        told[each.actor].update(dict.fromkeys(words, own))
    everybody: Counter[bytes] = sum(told.values(), Counter[bytes]()) + common
    alone = {actor: {word for word, own in said.items() if own > everybody[word] - own} for actor, said in told.items()}
    return [
        Weighed(_without(each.example, words & alone[each.actor]), each.graded, own)
        for each, words, own in zip(taught, spoken, weight.tolist(), strict=True)
    ]


def _words(example: Example) -> set[bytes]:
    return set(plain(f"{example.title} . {example.body}").split())


def _without(example: Example, left_out: Iterable[bytes]) -> Example:
    gone = set(left_out)
    if not gone:
        return example
    kept = {name: " ".join(_kept(getattr(example, name), gone)) for name in ("title", "body")}
    return example.model_copy(update=kept)


def _kept(text: str, gone: set[bytes]) -> list[str]:
    return [part for part in text.split() if gone.isdisjoint(plain(part).split())]


def weights(taught: Sequence[Taught], others: Mapping[str, float]) -> Floats:
    """(taught,) weights. A person's labels of a system together weigh at most `MOST_OF_A_CLASS` of what stands there; `others` is what
    tickets of other sources weigh per system.
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
