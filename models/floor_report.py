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
class FloorReport:
    """Recall: share of the readers' Sev1 (flagged) tickets with a Sev1 (GxP) floor. False alarms: share of the others with one."""

    sev1_recall: float
    sev1_false_alarms: float
    gxp_recall: float
    gxp_false_alarms: float
    rules: tuple[RuleLine, ...]


def _shares(expected: Sequence[bool], given: Sequence[bool]) -> tuple[float, float]:
    pairs = list(zip(expected, given, strict=True))
    wanted, rest = sum(expected), len(pairs) - sum(expected)
    hits, alarms = sum(e and g for e, g in pairs), sum(g and not e for e, g in pairs)
    return round(hits / max(1, wanted), 4), round(alarms / max(1, rest), 4)


def _line(rule: str, held: Sequence[tuple[Example, Floor]]) -> RuleLine:
    at_least = sum(floor.severity is not None and example.severity <= floor.severity for example, floor in held)
    return RuleLine(rule, len(held), at_least, sum(example.gxp_impact for example, _ in held))


def _sev1(examples: Sequence[Example], hits: Sequence[Sequence[Floor]]) -> tuple[float, float]:
    held = [any(floor.severity == "sev1" for floor in found) for found in hits]
    return _shares([example.severity == "sev1" for example in examples], held)


def _gxp(examples: Sequence[Example], hits: Sequence[Sequence[Floor]]) -> tuple[float, float]:
    held = [any(floor.gxp for floor in found) for found in hits]
    return _shares([example.gxp_impact for example in examples], held)


def floor_report(examples: Sequence[Example], floors: Floors) -> FloorReport:
    hits = [floors.hits(example.text) for example in examples]
    held = [(example, floor) for example, found in zip(examples, hits, strict=True) for floor in found]
    rules = tuple(_line(rule.id, [pair for pair in held if pair[1].rule == rule.id]) for rule in floors.rules)
    return FloorReport(*_sev1(examples, hits), *_gxp(examples, hits), rules=rules)
