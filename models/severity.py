"""Which of floor, reporter's claim and model's suggestion decides the severity."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from schemas.predictions import Floor
from schemas.words import SEVERITIES, Severity

HIGHEST_SUGGESTED: Severity = "sev2"
DecidedBy = Literal["floor", "claim", "suggestion"]


class SeverityDecision(NamedTuple):
    severity: Severity
    decided_by: DecidedBy
    reason: str


def _candidates(floors: Sequence[Floor], claim: Severity | None, suggestion: Severity) -> list[SeverityDecision]:
    """In the order that settles a tie: a rule explains better than a claim, a claim better than a model.

    A model alone makes no Sev1: it suggests one, people are called to look (`sev1_candidate`), and one of them confirms it.
    """
    by_rule = [SeverityDecision(floor.severity, "floor", floor.reason) for floor in floors if floor.severity]
    by_claim = [SeverityDecision(claim, "claim", f"the reporter said {claim}")] if claim else []
    reason = f"the model suggests {suggestion}" + ("; a person confirms a Sev1" if suggestion == "sev1" else "")
    return [*by_rule, *by_claim, SeverityDecision(max(suggestion, HIGHEST_SUGGESTED), "suggestion", reason)]


def severity_of(floors: Sequence[Floor], claim: Severity | None, suggestion: Severity) -> SeverityDecision:
    """The highest of the three, sev1 being the highest: a model may raise what a rule or a person said to sev2, never lower it."""
    return min(_candidates(floors, claim, suggestion), key=lambda candidate: SEVERITIES.index(candidate.severity))
