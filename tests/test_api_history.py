"""POST /v1/history: a result per event, ticket by ticket, and the same again changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.ledger import Ledger
from tests.desks import app_of, client_of, refused, taken
from tests.lives import entries_of, ticket_of
from tests.pasts import Row, past, row


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as opened:
        yield opened


def results(client: TestClient, *events: Any, source: str = "earlier", **headers: str) -> list[Row]:
    found: list[Row] = taken(client.post("/v1/history", json={"source": source, "events": events}, headers=headers))["results"]
    assert [each.pop("index") for each in found] == list(range(len(events)))
    return found


def test_events_in_any_order_become_tickets_and_the_same_again_is_known(client: TestClient, ledger: Ledger) -> None:
    a, b = past("A", "submitted", "acknowledged", "resolved"), past("B", "submitted")
    mixed = [a[2], b[0], a[0], a[1]]
    assert [(each["status"], each["ticket"]) for each in results(client, *mixed)] == [
        ("created", "HC-1"), ("created", "HC-2"), ("created", "HC-1"), ("created", "HC-1"),
    ]  # fmt: skip
    before = len(entries_of(ledger))
    assert {each["status"] for each in results(client, *mixed)} == {"known"}
    assert [each["status"] for each in results(client, *mixed, row("A", "closed", 5))] == [*["known"] * 4, "created"]
    assert (len(entries_of(ledger)), ticket_of(ledger, "HC-1").state) == (before + 1, "closed")


def test_another_source_calls_other_tickets_by_the_same_name(client: TestClient) -> None:
    assert [results(client, *past("A", "submitted"), source=name)[0]["ticket"] for name in ("jira", "servicenow")] == ["HC-1", "HC-2"]


def test_a_wrong_event_is_told_and_the_others_of_its_ticket_wait(client: TestClient, ledger: Ledger) -> None:
    wrong = [
        row("A", "resolved", 1) | {"occurred_at": "yesterday"},
        {"ticket": "C", "type": "submitted", "occurred_at": "2026-02-01T06:00:00Z"},
        {"type": "closed", "mood": "good"},
        "not an event",
    ]
    found = results(client, *past("A", "submitted"), *wrong, *past("B", "submitted", "closed"), *past("D", "submitted"))
    assert [each["status"] for each in found] == [*["refused"] * 7, "created"]
    assert [each["problem"]["status"] for each in found[:-1]] == [409, 422, 422, 422, 422, 409, 409]
    assert "Waits: another event" in found[0]["problem"]["detail"]
    assert found[1]["problem"]["errors"][0]["pointer"] == "#/occurred_at"
    assert "title, site, reporter" in found[2]["problem"]["errors"][0]["detail"]
    assert len(entries_of(ledger)) == 1


def test_a_mended_event_lets_its_ticket_in(client: TestClient) -> None:
    rows = past("A", "submitted", "acknowledged", "resolved")
    results(client, rows[0], rows[1] | {"system": "sap"}, rows[2])
    assert [each["status"] for each in results(client, rows[0], rows[1] | {"system": "erp"}, rows[2])] == ["created"] * 3


def test_who_moved_it_over_stands_in_the_reason_and_who_did_it_in_the_actor(client: TestClient, ledger: Ledger) -> None:
    results(client, *past("A", "submitted", actor="olga"), **{"Hypercare-Actor": "mia", "Hypercare-Role": "qa"})
    entry = entries_of(ledger)[0]
    assert (entry.actor, entry.role, entry.reason) == ("history:olga", "history", "moved over by mia from earlier")


@pytest.mark.parametrize("body", [{"source": "x", "events": []}, {"events": past("A", "submitted")}, {"source": " ", "events": [1]}])
def test_a_request_that_is_no_history_is_refused_as_a_whole(client: TestClient, body: dict[str, Any]) -> None:
    refused(client.post("/v1/history", json=body), 422, "invalid")


def test_too_many_events_or_too_many_bytes_are_refused(client: TestClient, ledger: Ledger) -> None:
    many = [*past("A", "submitted")] * 1_001
    refused(client.post("/v1/history", json={"source": "x", "events": many}), 422, "invalid")
    long = [row(f"A{number}", "submitted", 0, body="x" * 20_000) for number in range(450)]
    refused(client.post("/v1/history", json={"source": "x", "events": long}), 413, "too-large")
    assert entries_of(ledger) == []
