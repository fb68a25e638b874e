"""Anybody can see how far the model may act alone, on what evidence, and what is missing."""

from typing import Any

from services.ledger import Ledger
from services.trust import LEAST_CHECKED
from tests.desks import app_of, client_of, taken
from tests.test_judgements import confirmed, decided


def standing(ledger: Ledger, **asked: str) -> dict[str, Any]:
    with client_of(app_of(ledger)) as client:
        told: dict[str, Any] = taken(client.get("/v1/autonomy", params=asked))
    return told


def test_before_the_first_decision_there_is_nothing_to_say(ledger: Ledger) -> None:
    assert standing(ledger) == {"mode": "earned", "check": None, "classes": [], "sev1": []}


def test_each_class_of_a_site_says_what_it_rests_on_and_what_is_missing(ledger: Ledger) -> None:
    confirmed(ledger, 24)
    decided(ledger, site="Lyon")
    (cork,) = standing(ledger, site="Cork")["classes"]
    assert (cork["system"], cork["state"], cork["judged"], cork["right"], cork["missing"]) == ("erp", "suggest", 24, 24, 1)
    assert [each["site"] for each in standing(ledger)["classes"]] == ["Cork", "Lyon"]
    assert standing(ledger, site="Lyon")["sev1"][0]["guard"] == "all flagged"
    confirmed(ledger, 1)
    assert standing(ledger, site="Cork")["classes"][0]["state"] == "route"


def test_a_version_that_fails_its_check_may_do_nothing_alone_and_says_why(ledger: Ledger) -> None:
    confirmed(ledger, LEAST_CHECKED - 10, 10)
    told = standing(ledger)
    assert told["check"]["holds"] is False
    assert {each["state"] for each in told["classes"]} == {"suggest"}
    assert "fails its rolling check" in told["classes"][0]["why"]
