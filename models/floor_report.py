"""How often floors hold on labelled tickets, and how often rightly."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.examples import Example
from models.floors import Floors
from schemas.predictions import Floor


@dataclass(frozen=True, slots=True)
class RuleLine:
    """`at_least` counts the hits whose reader gave the rule's severity or a higher one; `gxp` those that the reader flagged."""

    rule: str
    hits: int
    at_least: int
    gxp: int


@dataclass(frozen=True, slots=True)
class LanguageLine:
    """The shares of FloorReport for the tickets of one language. `sev1` and `flagged` tell how many a recall rests on."""

    language: str
    tickets: int
    sev1: int
    flagged: int
    sev1_recall: float
    sev1_false_alarms: float
    gxp_recall: float
    gxp_false_alarms: float


@dataclass(frozen=True, slots=True)
class FloorReport:
    """Recall: share of the readers' Sev1 (flagged) tickets with a Sev1 (GxP) floor. False alarms: share of the others with one."""

    sev1_recall: float
    sev1_false_alarms: float
    gxp_recall: float
    gxp_false_alarms: float
    rules: tuple[RuleLine, ...]
    languages: tuple[LanguageLine, ...] = ()


def _shares(expected: Sequence[bool], given: Sequence[bool]) -> tuple[float, float]:
    pairs = list(zip(expected, given, strict=True))
    wanted, rest = sum(expected), len(pairs) - sum(expected)
    hits, alarms = sum(e and g for e, g in pairs), sum(g and not e for e, g in pairs)
    return round(hits / max(1, wanted), 4), round(alarms / max(1, rest), 4)


def _line(rule: str, held: Sequence[tuple[Example, Floor]]) -> RuleLine:
    at_least = sum(floor.severity is not None and example.severity <= floor.severity for example, floor in held)
    return RuleLine(rule, len(held), at_least, sum(example.gxp_impact for example, _ in held))


Held = tuple[Example, tuple[Floor, ...]]


def _sev1(held: Sequence[Held]) -> tuple[float, float]:
    return _shares([example.severity == "sev1" for example, _ in held], [any(one.severity == "sev1" for one in found) for _, found in held])


def _gxp(held: Sequence[Held]) -> tuple[float, float]:
    return _shares([example.gxp_impact for example, _ in held], [any(one.gxp for one in found) for _, found in held])


def _language(language: str, held: Sequence[Held]) -> LanguageLine:
    sev1, flagged = sum(example.severity == "sev1" for example, _ in held), sum(example.gxp_impact for example, _ in held)
    return LanguageLine(language, len(held), sev1, flagged, *_sev1(held), *_gxp(held))


def floor_report(examples: Sequence[Example], floors: Floors) -> FloorReport:
    held = [(example, floors.hits(example.text)) for example in examples]
    pairs = [(example, floor) for example, found in held for floor in found]
    rules = tuple(_line(rule.id, [pair for pair in pairs if pair[1].rule == rule.id]) for rule in floors.rules)
    spoken = sorted({example.language for example in examples})
    languages = tuple(_language(one, [pair for pair in held if pair[0].language == one]) for one in spoken)
    return FloorReport(*_sev1(held), *_gxp(held), rules=rules, languages=languages)
