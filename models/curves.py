"""Does a stated confidence come true, and what does a threshold cost: curves over tickets of writers that the model had not seen."""

from collections.abc import Mapping

import numpy as np

from models.calibration import Share
from models.evaluate import equal_mass
from models.features import Flags, Ints
from models.judged import Judged
from models.manifest import Part
from models.proportion import Proportion, proportion
from models.rows import Floats

_POINTS = 20


class Bin(Part):
    """`said` is the mean of what was said of these tickets, `came_true` how many of them it held for."""

    said: Share
    came_true: Proportion


class Reliability(Part):
    """What was said against what came true, in 15 bins of equal mass, the least first."""

    name: str
    bins: tuple[Bin, ...]


class Point(Part):
    """From this confidence on so many of a system's answers go out without a person, and so many of those are right."""

    threshold: Share
    routed: Proportion
    right: Proportion


class Coverage(Part):
    """A system's answers when its threshold moves down from the surest; `chosen` is at the version's own threshold."""

    system: str
    chosen: Point
    points: tuple[Point, ...]


def _held(flags: Flags) -> Proportion:
    return proportion(float(flags.mean()) if len(flags) else 1.0, len(flags))


def _reliability(name: str, said: Floats, true: Flags) -> Reliability:
    return Reliability(
        name=name, bins=tuple(Bin(said=round(float(said[part].mean()), 4), came_true=_held(true[part])) for part in equal_mass(said))
    )


def reliabilities(judged: Judged) -> tuple[Reliability, ...]:
    return (
        _reliability("first answer", judged.confidence, judged.strict),
        _reliability("first answer or the alternative", judged.confidence, judged.right),
        _reliability("Sev1", judged.risk, judged.true_level == 0),
    )


def _point(judged: Judged, own: Flags, threshold: float) -> Point:
    routed = judged.wordy & (judged.confidence >= threshold)
    return Point(threshold=threshold, routed=_held(routed[own]), right=_held(judged.right[own & routed]))


def _thresholds(confidence: Floats, answers: int) -> list[float]:
    """Those that route a twentieth of the answers, two twentieths, and so on, as far as there are tickets that may be routed."""
    sure = np.sort(confidence)[::-1]
    places: Ints = np.ceil(np.arange(1, _POINTS + 1) * answers / _POINTS).astype(np.int64)
    return sorted(set(sure[np.minimum(places, len(sure)) - 1].tolist()), reverse=True) if len(sure) else []


def coverages(judged: Judged, thresholds: Mapping[str, float]) -> tuple[Coverage, ...]:
    """`thresholds` in the order of the systems that were judged."""
    told = []
    for place, (system, threshold) in enumerate(thresholds.items()):
        own = judged.first == place
        steps = _thresholds(judged.confidence[own & judged.wordy], int(own.sum()))
        points = tuple(_point(judged, own, step) for step in steps)
        told.append(Coverage(system=system, chosen=_point(judged, own, threshold), points=points))
    return tuple(told)
