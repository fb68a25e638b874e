"""Severity is the highest of floor, claim and suggestion."""

from itertools import product

import pytest

from models.severity import severity_of
from schemas.predictions import Floor
from schemas.words import SEVERITIES, Severity


def floor(severity: Severity | None, reason: str = "the rule's reason") -> Floor:
    return Floor(rule="a-rule", severity=severity, gxp=True, reason=reason)


def test_a_suggestion_decides_where_nobody_else_says_anything() -> None:
    assert severity_of([], None, "sev3") == ("sev3", "suggestion", "the model suggests sev3")


@pytest.mark.parametrize(("rule", "claim", "suggestion"), list(product(SEVERITIES, SEVERITIES, SEVERITIES)))
def test_the_highest_of_the_three_decides(rule: Severity, claim: Severity, suggestion: Severity) -> None:
    assert severity_of([floor(rule)], claim, suggestion).severity == min(rule, claim, max(suggestion, "sev2"))


def test_a_model_may_raise_what_a_person_said_but_never_lower_it() -> None:
    assert severity_of([], "sev3", "sev2").severity == "sev2"
    assert severity_of([], "sev2", "sev4") == ("sev2", "claim", "the reporter said sev2")


def test_a_model_alone_makes_no_sev1() -> None:
    assert severity_of([], None, "sev1") == ("sev2", "suggestion", "the model suggests sev1; a person confirms a Sev1")
    assert severity_of([], "sev1", "sev1") == ("sev1", "claim", "the reporter said sev1")
    assert severity_of([floor("sev1")], None, "sev1").decided_by == "floor"


def test_the_floor_is_named_before_an_equal_claim_and_the_claim_before_an_equal_suggestion() -> None:
    assert severity_of([floor("sev2")], "sev2", "sev2").decided_by == "floor"
    assert severity_of([floor("sev3")], "sev2", "sev2").decided_by == "claim"


def test_the_reason_of_the_deciding_floor_is_given() -> None:
    decision = severity_of([floor("sev3", "small"), floor("sev1", "great"), floor("sev2", "middling")], None, "sev4")
    assert (decision.severity, decision.reason) == ("sev1", "great")


def test_of_equal_floors_the_first_is_named() -> None:
    assert severity_of([floor("sev1", "first"), floor("sev1", "second")], None, "sev4").reason == "first"


def test_a_floor_without_severity_decides_nothing() -> None:
    assert severity_of([floor(None)], None, "sev4").decided_by == "suggestion"
