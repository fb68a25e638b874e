"""Known errors over HTTP: found, written, approved, worded anew and retired, and the tickets that they were offered to."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from schemas import events as e
from services.api.knownerrors import EXAMPLE
from services.api.routes import openapi_document
from services.ledger import Ledger
from tests.desks import app_of, client_of, refused, submitted, taken
from tests.dispatching import decided
from tests.lives import SERVICE, entries_of, happened

ERIK = {"Hypercare-Actor": "erik", "Hypercare-Role": "automation_engineer"}
QUINN = {"Hypercare-Actor": "quinn", "Hypercare-Role": "qa_reviewer"}
WHY = {"reason": "tried on line 3 with QA present"}
PLACE = "/v1/known-errors"
HIT = {"known_error": "KE-1", "score": 0.61, "title": "Printer", "workaround": "Load the recipe again"}


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


def written(client: TestClient, **changes: Any) -> str:
    """The id of a new draft."""
    return str(taken(client.post(PLACE, json=EXAMPLE | changes, headers=ERIK))["id"])


def approved(client: TestClient, **changes: Any) -> str:
    known = written(client, **changes)
    taken(client.post(f"{PLACE}/{known}/approve", json=WHY, headers=QUINN))
    return known


def ids(client: TestClient, **filters: Any) -> list[str]:
    return [known["id"] for known in taken(client.get(PLACE, params=filters))["known_errors"]]


def offered(ledger: Ledger, client: TestClient, *hits: dict[str, Any]) -> str:
    ticket = submitted(client)
    happened(ledger, ticket, decided("lims").model_copy(update={"known_errors": hits}), SERVICE)
    happened(ledger, ticket, e.TicketQueued(suggestion="lims"), SERVICE)
    return ticket


def test_a_new_one_is_a_draft_at_a_place_of_its_own(client: TestClient, ledger: Ledger) -> None:
    answer = client.post(PLACE, json=EXAMPLE, headers=ERIK)
    draft = taken(answer)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{PLACE}/KE-1")
    assert draft == taken(client.get(answer.headers["location"]))
    assert EXAMPLE.items() <= draft.items()
    assert (draft["state"], draft["author"], draft["hits"], draft["approver"]) == ("draft", "erik", 0, None)
    assert [(entry.type, entry.actor, entry.role) for entry in entries_of(ledger)] == [
        ("KnownErrorRecorded", "erik", "automation_engineer")
    ]


def test_a_life_from_draft_to_retirement(client: TestClient, ledger: Ledger) -> None:
    known = f"{PLACE}/{written(client)}"
    problem = refused(client.post(f"{known}/approve", json=WHY, headers=ERIK), 403, "forbidden")
    assert "somebody else from QA" in problem["detail"]
    assert taken(client.post(f"{known}/approve", json=WHY, headers=QUINN))["approver"] == "quinn"
    refused(client.post(f"{known}/approve", json=WHY, headers=QUINN), 409, "refused")
    anew = taken(client.put(known, json=EXAMPLE | {"cause": "a timeout of the line server"}, headers=ERIK))
    assert (anew["state"], anew["approver"], anew["cause"]) == ("draft", None, "a timeout of the line server")
    assert taken(client.post(f"{known}/retire", json=WHY, headers=QUINN))["state"] == "retired"
    refused(client.post(f"{known}/retire", json=WHY, headers=QUINN), 409, "refused")
    problem = refused(client.put(known, json=EXAMPLE, headers=ERIK), 409, "refused")
    assert "POST /v1/known-errors" in problem["detail"]
    assert [entry.reason for entry in entries_of(ledger)] == [None, WHY["reason"], None, WHY["reason"]]


@pytest.mark.parametrize("change", ["approve", "retire"])
def test_a_change_that_auditors_ask_about_needs_a_reason(client: TestClient, change: str) -> None:
    known = written(client)
    for body in ({}, {"reason": "why"}, {"reason": "      "}):
        problem = refused(client.post(f"{PLACE}/{known}/{change}", json=body, headers=QUINN), 422, "invalid")
        assert problem["errors"][0]["pointer"] == "#/reason"


def test_they_are_found_by_what_is_asked_the_newest_first(client: TestClient) -> None:
    approved(client, site="Cork", system="lims")
    written(client, site="Ulm", system="lims")
    everywhere = {key: value for key, value in EXAMPLE.items() if key != "site"}
    taken(client.post(PLACE, json=everywhere, headers=ERIK))
    assert ids(client) == ["KE-3", "KE-2", "KE-1"]
    assert ids(client, state="approved") == ["KE-1"]
    assert ids(client, system="lims") == ["KE-2", "KE-1"]
    assert ids(client, site="Cork") == ["KE-3", "KE-1"], "what holds at every site holds in Cork"
    assert ids(client, site="Ulm", system="lims", state="draft") == ["KE-2"]
    assert ids(client, limit=2) == ["KE-3", "KE-2"]
    taken(client.put(f"{PLACE}/KE-1", json=EXAMPLE, headers=ERIK))
    assert ids(client, limit=1) == ["KE-1"], "the newest wording counts"


@pytest.mark.parametrize("question", ["stat=draft", "state=lost", "limit=0", "limit=201", "site=%00", "system=A"])
def test_a_question_that_makes_no_sense_is_refused(client: TestClient, question: str) -> None:
    place = question.partition("=")[0]
    assert refused(client.get(f"{PLACE}?{question}"), 422, "invalid")["errors"][0]["pointer"].startswith(f"query/{place}")


def test_what_there_is_not_is_said_to_be_so(client: TestClient) -> None:
    refused(client.get(f"{PLACE}/KE-9"), 404, "not-found")
    refused(client.put(f"{PLACE}/KE-9", json=EXAMPLE), 404, "not-found")
    for change in ("approve", "retire"):
        refused(client.post(f"{PLACE}/KE-9/{change}", json=WHY, headers=QUINN), 404, "not-found")
    for name in ("9", "KE-0", "HC-1"):
        refused(client.get(f"{PLACE}/{name}"), 422, "invalid")


@pytest.mark.parametrize("wrong", [{"symptom": "too short"}, {"workaround": ""}, {"title": " "}, {"hits": 7}, {"state": "approved"}])
def test_what_cannot_be_a_known_error_is_refused(client: TestClient, wrong: dict[str, Any]) -> None:
    problem = refused(client.post(PLACE, json=EXAMPLE | wrong), 422, "invalid")
    assert problem["errors"][0]["pointer"] == f"#/{next(iter(wrong))}"


def test_the_system_is_one_that_somebody_owns(client: TestClient) -> None:
    known = written(client)
    for answer in (
        client.post(PLACE, json=EXAMPLE | {"system": "coffee"}),
        client.put(f"{PLACE}/{known}", json=EXAMPLE | {"system": "tea"}),
    ):
        assert "known systems: " in refused(answer, 422, "invalid")["detail"]


def test_hits_count_the_tickets_and_the_tickets_can_be_listed(client: TestClient, ledger: Ledger) -> None:
    for _ in range(11):
        approved(client)
    first = offered(ledger, client, HIT)
    other = offered(ledger, client, HIT | {"known_error": "KE-11"}, HIT | {"known_error": "KE-2"})
    submitted(client, title='"known_error":"KE-1"')
    assert [taken(client.get(f"{PLACE}/KE-{number}"))["hits"] for number in (1, 2, 3, 11)] == [1, 1, 0, 1]
    for known, tickets in (("KE-1", [first]), ("KE-2", [other]), ("KE-11", [other]), ("KE-3", [])):
        assert [each["id"] for each in taken(client.get("/v1/tickets", params={"known_error": known}))["tickets"]] == tickets
    refused(client.get("/v1/tickets?known_error=3"), 422, "invalid")


def test_the_triage_queue_shows_what_was_offered(client: TestClient, ledger: Ledger) -> None:
    approved(client)
    offered(ledger, client, HIT | {"told_by_a_newer_version": True})
    offered(ledger, client)
    queue = taken(client.get("/v1/triage"))["tickets"]
    assert [each["suggestion"]["known_errors"] for each in queue] == [[HIT], []]


def test_every_route_is_described_with_its_refusals_and_an_example() -> None:
    paths = openapi_document()["paths"]
    routes = {(path, method): each for path, item in paths.items() for method, each in item.items() if path.startswith(PLACE)}
    one = f"{PLACE}/{{known_error}}"
    assert {key: each["operationId"] for key, each in routes.items()} == {
        (PLACE, "get"): "list_known_errors",
        (PLACE, "post"): "submit_known_error",
        (one, "get"): "read_known_error",
        (one, "put"): "rewrite_known_error",
        (f"{one}/approve", "post"): "approve_known_error",
        (f"{one}/retire", "post"): "retire_known_error",
    }
    for (path, _), operation in routes.items():
        assert ("404" in operation["responses"]) is (path != PLACE)
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"]
            assert {"408", "413", "415", "422", "503"} <= set(operation["responses"])
