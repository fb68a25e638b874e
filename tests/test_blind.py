"""A blind ticket is decided by a person who has not seen which system the model suggests; how grave it is stays in sight."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from schemas import events as e
from schemas.tickets import Ticket
from services.blind import TELLS_NO_SYSTEM, shown
from services.ledger import Ledger
from services.lifecycle import SHOWN
from tests.desks import ANY, TICKET, app_of, client_of, taken
from tests.dispatching import decided
from tests.lives import SERVICE, happened, submitted, ticket_of
from tests.test_dispatcher import read

BLIND = decided(
    "lims", "sev2", words=[{"term": "sample", "weight": 0.4}], similar=[{"ticket": "HC-9", "score": 0.9}], threshold=0.7
).model_copy(
    update={
        "gxp": "potential",
        "blind": True,
        "reasons": ("a result cannot be released",),
        "autonomy": {"system": "lims", "alone": True},
        "known_errors": ({"known_error": "KE-1", "score": 0.61, "title": "LIMS gateway", "workaround": "restart it"},),
    }
)
ROUTED = e.TicketRouted(system="plc_scada", team="automation")
IN_SIGHT = {
    "severity",
    "gxp",
    "decided_by",
    "reasons",
    "sev1_risk",
    "sev1_candidate",
    "model",
    "rules",
    "configuration",
    "as_of",
    "sev1_guard",
    "blind",
}


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


def queued(ledger: Ledger, decision: e.TicketClassified = BLIND) -> Ticket:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, decision, SERVICE)
    return happened(ledger, ticket.id, e.TicketQueued(), SERVICE)


def answers(client: TestClient, ticket: str) -> Iterator[dict[str, Any]]:
    """The ticket in every answer of the desk that holds one."""
    now = taken(client.get(f"/v1/tickets/{ticket}"))
    yield now
    yield taken(client.get(f"/v1/tickets/{ticket}", params={"as_of": now["changed_at"]}))
    yield taken(client.get("/v1/tickets"))["tickets"][0]
    yield taken(client.get("/v1/triage"))["tickets"][0]["ticket"]
    yield taken(client.post(f"/v1/tickets/{ticket}/comments", json={"text": "photo follows"}))
    yield taken(client.post(f"/v1/tickets/{ticket}/classify", json={"severity": "sev2", "reason": "a line waits for it"}, headers=ANY))


def test_no_answer_says_which_system_before_a_person_has_routed_it(client: TestClient, ledger: Ledger) -> None:
    ticket = queued(ledger).id
    for answer in answers(client, ticket):
        assert set(answer["decision"]) == IN_SIGHT
        assert not {"lims", "HC-9", "KE-1", "sample"} & set(str(answer).replace("'", " ").split())
        assert (answer["severity"], answer["gxp"], answer["decision"]["reasons"]) == ("sev2", "potential", ["a result cannot be released"])


def test_a_repeated_submission_says_no_more(client: TestClient, ledger: Ledger) -> None:
    key = {"Idempotency-Key": "call-1"}
    ticket = taken(client.post("/v1/tickets", json=TICKET, headers=key))["id"]
    happened(ledger, ticket, BLIND, SERVICE)
    assert set(taken(client.post("/v1/tickets", json=TICKET, headers=key))["decision"]) == IN_SIGHT


def test_the_triage_queue_suggests_nothing_for_it(client: TestClient, ledger: Ledger) -> None:
    queued(ledger)
    queued(ledger, BLIND.model_copy(update={"blind": False}))
    blind, seeing = (each["suggestion"] for each in taken(client.get("/v1/triage"))["tickets"])
    assert (blind, seeing["system"]) == (None, "lims")


def test_the_message_suggests_nothing_either(ledger: Ledger) -> None:
    message = read(ledger, queued(ledger))
    assert [line for line in message.text.splitlines() if line.startswith(("Suggestion", "Known error"))] == []
    assert "lims" not in message.text.lower()
    data: Any = message.data
    assert (message.about and message.about.system, data["suggestion"]["system"], data["suggestion"]["words"], data["known_errors"]) == (
        "undecided",
        None,
        None,
        [],
    )
    assert "Severity: sev2, because a result cannot be released" in message.text.splitlines()
    assert "GxP impact: potential; QA decides about it" in message.text.splitlines()


def test_everything_is_in_sight_once_a_person_has_routed_it_also_after_it_comes_back(client: TestClient, ledger: Ledger) -> None:
    ticket = queued(ledger).id
    happened(ledger, ticket, ROUTED)
    assert taken(client.get(f"/v1/tickets/{ticket}"))["decision"]["system"] == "lims"
    assert "Suggestion: lims" in read(ledger, ticket_of(ledger, ticket)).text
    happened(ledger, ticket, e.TicketReturned())
    assert taken(client.get("/v1/triage"))["tickets"][0]["suggestion"]["system"] == "lims"


def test_other_tickets_are_shown_whole(ledger: Ledger) -> None:
    for ticket in (submitted(ledger), queued(ledger, decided())):
        assert shown(ticket) is ticket


def test_what_a_decision_may_come_to_say_is_hidden_unless_it_is_known_to_be_harmless() -> None:
    assert set(SHOWN) & set(TELLS_NO_SYSTEM) == {"sev1_risk", "sev1_candidate"}
    assert set(TELLS_NO_SYSTEM) <= {*e.TicketClassified.model_fields, *SHOWN}
