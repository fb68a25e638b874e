"""How far a model may act alone: per site and class, earned by what people confirmed, and lost by what they did not.

Every bound is Wilson's score bound at one-sided 95 % (Wilson 1927), which needs no table and behaves for few tickets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import sqrt
from typing import Literal

from pydantic import BaseModel

from services.judgements import LOOKED_THROUGH, Judgement, Judgements

Mode = Literal["earned", "granted"]
State = Literal["suggest", "route"]
LEAST_RIGHT = 0.90
"""A class may route alone where this share of its sure answers was right beyond reasonable doubt."""
TARGET_RIGHT = 0.95
"""A class that was allowed to from the beginning loses it where this share is missed beyond reasonable doubt."""
WINDOW = 200
CHECKED = 100
LEAST_CHECKED = 20
WILKS = (59, 93, 124, 153, 181)
"""With so many confirmed Sev1, the lowest, second lowest, ... risk among them promises a recall of 0.95 at 95 % confidence (Wilks 1941)."""
_Z = 1.6448536269514722


def lower_bound(right: int, of: int) -> float:
    """Of a share of `right` in `of`; 0 where nothing was counted."""
    return _bound(right, of, -1) if of else 0.0


def upper_bound(right: int, of: int) -> float:
    return _bound(right, of, 1) if of else 1.0


def _bound(right: int, of: int, side: int) -> float:
    share, doubt = right / of, _Z * _Z / of
    middle = share + doubt / 2
    width = _Z * sqrt(share * (1 - share) / of + doubt / (4 * of))
    return round(min(1.0, max(0.0, (middle + side * width) / (1 + doubt))), 4)


class Autonomy(BaseModel, frozen=True):
    """Whether the model may route tickets of this system at this site alone, and the evidence: of the newest sure answers that people
    have judged, how many were right. `missing`: how many more in a row would have to be right to earn it.
    """

    site: str
    system: str
    state: State
    mode: Mode
    judged: int
    right: int
    lower_bound: float
    needed: float = LEAST_RIGHT
    missing: int
    why: str


class Sev1Guard(BaseModel, frozen=True):
    """What can be promised about Sev1 at a site, from risks that the version `model` gave. `edge`: tickets of at least this risk may be a
    Sev1; absent: nothing can be promised yet, so every ticket's severity is to be looked at, and the version's own edge wakes people.
    """

    site: str
    model: str
    confirmed_sev1: int
    needed: int = WILKS[0]
    edge: float | None
    guard: str


class Check(BaseModel, frozen=True):
    """The rolling check of the version that decides: while it fails, rules and people decide."""

    model: str
    judged: int
    right: int
    upper_bound: float
    needed: float = LEAST_RIGHT
    holds: bool


@dataclass(frozen=True, slots=True)
class Trust:
    """What follows from judgements under a mode: "earned" from the first confirmed ticket on, or "granted" from the beginning."""

    judgements: Judgements
    mode: Mode

    def autonomy(self, site: str, system: str, check: Check | None = None) -> Autonomy:
        """A version that fails its `check` may do nothing alone, whatever its classes have earned."""
        if check is not None and not check.holds:
            why = f"the model fails its rolling check ({check.right} of {check.judged} right): rules and people decide"
            return self.autonomy(site, system).model_copy(update={"state": "suggest", "why": why})
        judged, right = _counts(islice(_sure(self.judgements.of_class(site, system)), WINDOW))
        lower, upper = lower_bound(right, judged), upper_bound(right, judged)
        earned = lower >= LEAST_RIGHT
        allowed = earned or (self.mode == "granted" and upper >= TARGET_RIGHT)
        return Autonomy(
            site=site, system=system, state="route" if allowed else "suggest", mode=self.mode, judged=judged, right=right,
            lower_bound=lower, missing=0 if earned else _missing(right, judged), why=_why(earned, allowed, self.mode),
        )  # fmt: skip

    def check(self, model: str) -> Check:
        newest = islice(self.judgements.newest(), LOOKED_THROUGH)
        of_model = (each for each in newest if each.said and each.said.model == model)
        judged, right = _counts(islice(_sure(of_model), CHECKED))
        upper = upper_bound(right, judged)
        return Check(model=model, judged=judged, right=right, upper_bound=upper, holds=judged < LEAST_CHECKED or upper >= LEAST_RIGHT)

    def sev1_guard(self, site: str, model: str) -> Sev1Guard:
        """Risks of another version say nothing about this one's: with a new version the count begins anew."""
        said = (each.said for each in self.judgements.sev1(site))
        risks = sorted(each.sev1_risk for each in said if each and each.model == model)
        place = sum(needed <= len(risks) for needed in WILKS)
        edge = risks[place - 1] if place else None
        guard = "all flagged" if edge is None else f"flagged from a risk of {edge:.2f} on"
        return Sev1Guard(site=site, model=model, confirmed_sev1=len(risks), edge=edge, guard=guard)


def _sure(judgements: Iterable[Judgement]) -> Iterable[Judgement]:
    return (each for each in judgements if each.said and each.said.sure and each.right is not None)


def _counts(judgements: Iterable[Judgement]) -> tuple[int, int]:
    rights: Sequence[bool] = [bool(each.right) for each in judgements]
    return len(rights), sum(rights)


def _missing(right: int, judged: int) -> int:
    return next(more for more in range(1, 10_000) if lower_bound(right + more, judged + more) >= LEAST_RIGHT)


def _why(earned: bool, allowed: bool, mode: Mode) -> str:
    if earned:
        return "earned by what people confirmed"
    if allowed:
        return "granted in the settings; too little is confirmed yet to say otherwise"
    return "not earned yet: a person confirms each ticket" if mode == "earned" else "withdrawn: too many were moved elsewhere"
