"""Is the model still what it was? Figures of the version that decided last, from what it said and from what people made of it.

Everything here follows from the ledger, through the same `Judgements` as the classifier's own: what is told is what it acts on.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import log
from typing import NamedTuple, TypeVar

from schemas.figures import UNDECIDED
from services.db import Database
from services.judgements import LOOKED_THROUGH, MOST_JUDGED, Judgement, Judgements, Said
from services.trust import Mode, Trust

T = TypeVar("T", bound=Hashable)
Decision = tuple[Judgement, Said]
WINDOW = 200
"""So many of the newest decisions are watched."""
REFERENCE = 500
LEAST_REFERENCE = 200
"""They are held against at most, and at least, so many decisions of the same version before them."""
BINS = 10
REST = ""


class Share(NamedTuple):
    """`part` of `whole` tickets."""

    part: int = 0
    whole: int = 0

    def plus(self, other: "Share") -> "Share":
        return Share(self.part + other.part, self.whole + other.whole)


@dataclass(frozen=True, slots=True)
class Watched:
    """Of the newest `WINDOW` decisions of `version`: `alone` and `overridden` by site, `right` of the sure ones by predicted system.

    `overridden` counts where people had a suggestion in sight that they could change. `blind_right` looks at the blind ones alone, as far
    back as `LOOKED_THROUGH` decisions, because they are few. Both stability indices are absent while the reference is too
    short. `autonomy`: may tickets of this system at this site be routed alone now? `sev1`: confirmed Sev1 by site. `systems`: the most
    predicted first.
    """

    version: str
    check_failed: bool
    alone: dict[str, Share]
    overridden: dict[str, Share]
    right: dict[str, Share]
    blind_right: Share
    set_size: float
    unknown_words: float
    class_psi: float | None
    score_psi: float | None
    autonomy: dict[tuple[str, str], bool]
    sev1: dict[str, int]
    systems: tuple[str, ...]


@dataclass(slots=True)
class Watch:
    """Of one process. Reads what is new in the ledger, and looks again only where something is."""

    mode: Mode = "earned"
    judgements: Judgements = field(default_factory=lambda: Judgements(MOST_JUDGED))
    _seen: int = 0
    _watched: Watched | None = None

    def look(self, database: Database) -> Watched | None:
        """None before the first decision. One caller at a time: the judgements' lock holds until all is counted."""
        with self.judgements.up_to_date(database) as judgements:
            if judgements.position != self._seen:
                self._watched, self._seen = watched(judgements, self.mode), judgements.position
            return self._watched


def watched(judgements: Judgements, mode: Mode) -> Watched | None:
    newest = _decisions(islice(judgements.newest(), LOOKED_THROUGH))
    if not newest:
        return None
    version = newest[0][1].model
    decisions = [each for each in newest if each[1].model == version]
    window, reference = decisions[:WINDOW], decisions[WINDOW : WINDOW + REFERENCE]
    trust = Trust(judgements, mode)
    check, classes = trust.check(version), judgements.classes()
    return Watched(
        version=version,
        check_failed=not check.holds,
        alone=_shares((each.site, each.routed_alone) for each, _ in window),
        overridden=_shares((each.site, not each.right) for each, said in _judged(window) if _was_shown(said)),
        right=_shares((said.system, bool(each.right)) for each, said in _judged(window) if said.sure),
        blind_right=_share(bool(each.right) for each, said in _judged(decisions) if said.blind),
        set_size=_mean(said.set_size for _, said in window),
        unknown_words=_mean(said.unknown_words for _, said in window),
        class_psi=_compared(_class_psi, window, reference),
        score_psi=_compared(_score_psi, window, reference),
        autonomy={each: trust.autonomy(*each, check).state == "route" for each in classes},
        sev1={site: trust.sev1_guard(site, version).confirmed_sev1 for site in dict.fromkeys(site for site, _ in classes)},
        systems=tuple(_most_common(said.system for _, said in newest)),
    )


def stability_index(now: Counter[T], before: Counter[T]) -> float:
    """How far shares have moved: the sum over all bins of (p - q) ln(p / q), in nats, 0 where nothing has.

    Both say which bins there are, with 0 for an empty one; half a count is added to each bin, so that an empty one stays finite. It is
    the divergence of Kullback and Leibler (1951) taken both ways. Siddiqi (Credit Risk Scorecards, 2006) reads less than 0.1 as calm and
    more than 0.25 as a shift. Where nothing moves it still is about (bins - 1)(1 / tickets now + 1 / tickets before) (Yurdakul 2018),
    0.06 with ten bins, 200 and 500 tickets: so there are never more than ten bins.
    """
    bins = now.keys() | before.keys()
    p, q = (_smooth(counts, bins) for counts in (now, before))
    return sum((p[each] - q[each]) * log(p[each] / q[each]) for each in sorted(bins, key=str))


def _smooth(counts: Counter[T], bins: Iterable[T]) -> dict[T, float]:
    raised = {each: counts[each] + 0.5 for each in bins}
    whole = sum(raised.values())
    return {each: count / whole for each, count in raised.items()}


def _judged(decisions: Iterable[Decision]) -> Iterator[Decision]:
    return (each for each in decisions if each[0].right is not None)


def _was_shown(said: Said) -> bool:
    return not said.blind and said.system != UNDECIDED


def _compared(psi: Callable[[list[Decision], list[Decision]], float], window: list[Decision], reference: list[Decision]) -> float | None:
    return psi(window, reference) if len(reference) >= LEAST_REFERENCE else None


def _class_psi(window: list[Decision], reference: list[Decision]) -> float:
    """Of the predicted systems: the most common nine of both, and the rest together."""
    named = set(_most_common(said.system for _, said in (*window, *reference))[: BINS - 1])
    now, before = (Counter(said.system if said.system in named else REST for _, said in each) for each in (window, reference))
    return stability_index(now, before)


def _score_psi(window: list[Decision], reference: list[Decision]) -> float:
    """Of the confidence, in ten bins of equal width from 0 to 1."""
    now, before = (_binned(said.confidence for _, said in each) for each in (window, reference))
    return stability_index(now, before)


def _binned(confidences: Iterable[float]) -> Counter[int]:
    counts = Counter(dict.fromkeys(range(BINS), 0))
    counts.update(min(int(confidence * BINS), BINS - 1) for confidence in confidences)
    return counts


def _decisions(judgements: Iterable[Judgement]) -> list[Decision]:
    return [(each, each.said) for each in judgements if each.said]


def _most_common(names: Iterable[str]) -> list[str]:
    counts = Counter(names)
    return sorted(counts, key=lambda name: (-counts[name], name))


def _shares(counted: Iterable[tuple[str, bool]]) -> dict[str, Share]:
    shares: dict[str, Share] = {}
    for name, counts in counted:
        shares[name] = shares.get(name, Share()).plus(Share(counts, 1))
    return shares


def _share(counted: Iterable[bool]) -> Share:
    every = list(counted)
    return Share(sum(every), len(every))


def _mean(values: Iterable[float]) -> float:
    every = list(values)
    return sum(every) / len(every)
