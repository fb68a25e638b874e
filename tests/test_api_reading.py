"""Tickets are found, paged through, read as they stand and as they stood."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from schemas import events as e
from schemas.entries import Attribution
from schemas.words import OPEN_STATES
from services.db import Database, migrate, open_database
from services.ledger import Ledger
from services.tickets import submit
from tests.desks import app_of, client_of, refused, submitted, taken
from tests.lives import DESK, QA, SERVICE, entries_of, happened, told

ROUTED = e.TicketRouted(system="plc_scada", team="automation")
RESOLVED = e.TicketResolved(cause_system="plc_scada", cause_class="configuration", resolution="mapped the tag")


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


def ids(client: TestClient, **filters: Any) -> list[str]:
    return [ticket["id"] for ticket in taken(client.get("/v1/tickets", params=filters))["tickets"]]


def classified(ledger: Ledger, ticket: str, **changes: Any) -> None:
    decision: dict[str, Any] = {"system": "lims", "severity": "sev2", "gxp": "potential", "decided_by": "floor", "reasons": ["label stop"]}
    digests = {"model": "starter", "rules": "r", "configuration": "c", "prediction": {"confidence": 0.71}}
    happened(ledger, ticket, e.TicketClassified(**(decision | digests | changes)), SERVICE)


def test_a_life_is_read_back_for_every_version_as_it_stood(client: TestClient, ledger: Ledger) -> None:
    ticket = submitted(client)
    steps = (ROUTED, e.TicketAcknowledged(), e.TicketPutOnHold(waiting_for="vendor"), e.TicketResumed(), RESOLVED, e.TicketReopened())
    stood = [taken(client.get(f"/v1/tickets/{ticket}"))]
    for step in steps:
        happened(ledger, ticket, step)
        happened(ledger, ticket, e.TicketCommented(text="noted"))
        stood.append(taken(client.get(f"/v1/tickets/{ticket}")))
    for then in stood:
        answer = client.get(f"/v1/tickets/{ticket}", params={"as_of": then["changed_at"]})
        assert (answer.json(), answer.headers["etag"]) == (then, f'"{then["version"]}"')
    assert [then["version"] for then in stood] == list(range(1, 8))


def test_a_ticket_did_not_exist_before_it_was_submitted(client: TestClient) -> None:
    ticket = submitted(client, occurred_at="2020-01-01T00:00:00Z")
    refused(client.get(f"/v1/tickets/{ticket}", params={"as_of": "2025-01-01T00:00:00Z"}), 404, "not-found")
    refused(client.get("/v1/tickets/HC-99"), 404, "not-found")
    refused(client.get("/v1/tickets/HC-99/history"), 404, "not-found")


@pytest.mark.parametrize(
    "instant", ["2999-01-01T00:00:00Z", "2999-01-01T00:00:00+01:00", "2999-01-01t00:00:00.5z", "2999-01-01 00:00-00:30"]
)
def test_an_instant_may_be_written_as_rfc_3339_allows_and_unescaped(client: TestClient, instant: str) -> None:
    ticket = submitted(client)
    assert client.get(f"/v1/tickets/{ticket}?as_of={instant}").status_code == 200


@pytest.mark.parametrize(
    "instant", ["now", "1767225600", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00"]
)
def test_an_instant_that_is_none_is_refused(client: TestClient, instant: str) -> None:
    assert refused(client.get(f"/v1/tickets/HC-1?as_of={instant}"), 422, "invalid")["errors"][0]["pointer"] == "query/as_of"


def test_the_history_says_who_did_what_when_and_why(client: TestClient, ledger: Ledger) -> None:
    ticket = submitted(client)
    submitted(client)
    happened(ledger, ticket, ROUTED)
    happened(ledger, ticket, e.TicketCommented(text="noted"), QA)
    entries = taken(client.get(f"/v1/tickets/{ticket}/history"))["entries"]
    kept = [entry.model_dump(mode="json") for entry in entries_of(ledger, ticket)]
    assert entries == kept
    assert [(each["type"], each["actor"], each["reason"]) for each in entries][1:] == [
        ("TicketRouted", "erik", "checked the gateway, tag quality is bad"),
        ("TicketCommented", "quinn", "label content was verified by QA"),
    ]


def test_a_long_history_comes_in_pages(client: TestClient, ledger: Ledger) -> None:
    ticket = submitted(client)
    for number in range(4):
        happened(ledger, ticket, e.TicketCommented(text=str(number)))
    first = taken(client.get(f"/v1/tickets/{ticket}/history?limit=3"))
    second = taken(client.get(f"/v1/tickets/{ticket}/history?limit=3&after={first['next']}"))
    assert ([entry["seq"] for entry in first["entries"] + second["entries"]], second["next"]) == ([1, 2, 3, 4, 5], None)


@pytest.fixture
def plant(client: TestClient, ledger: Ledger) -> None:
    """Six tickets that differ in everything one may ask for."""
    submitted(client, site="Cork", title="LIMS does not answer")
    for number in (2, 3, 4):
        submitted(client, site="Ulm", title=f"Line {number} stopped", body="no tags", reported_severity=f"sev{number}")
    submitted(client, site="Ulm", title="100% of labels_are wrong", body="back\\slash")
    submitted(client, site="Cork", title="Straße gesperrt")
    happened(ledger, "HC-2", ROUTED)
    happened(ledger, "HC-3", ROUTED)
    happened(ledger, "HC-3", e.TicketAcknowledged())
    happened(ledger, "HC-4", e.TicketCancelled(), Attribution("dora", "support_desk", "told twice"))
    happened(ledger, "HC-5", e.TicketReclassified(gxp="confirmed"))


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"state": "routed"}, [2]),
        ({"state": ["routed", "acknowledged"]}, [3, 2]),
        ({"open": "true"}, [6, 5, 3, 2, 1]),
        ({"open": "false"}, [4]),
        ({"open": "false", "state": "routed"}, []),
        ({"site": "Ulm"}, [5, 4, 3, 2]),
        ({"site": "Ulm", "system": "plc_scada"}, [3, 2]),
        ({"team": "automation", "assignee": "erik"}, [3]),
        ({"severity": "sev3"}, [3]),
        ({"gxp": "confirmed"}, [5]),
        ({"q": "TAGS"}, [4, 3, 2]),
        ({"q": "lims"}, [1]),
        ({"q": "%"}, [5]),
        ({"q": "s_a"}, [5]),
        ({"q": "\\"}, [5]),
        ({"q": "Straße"}, [6]),
        ({"q": "'; DROP TABLE ticket; --"}, []),
        ({"submitted_after": "2020-01-01T00:00:00Z", "submitted_before": "2999-01-01T00:00:00Z"}, [6, 5, 4, 3, 2, 1]),
        ({"submitted_before": "2020-01-01T00:00:00Z"}, []),
    ],
)
def test_tickets_are_found_by_what_is_asked(client: TestClient, plant: None, filters: dict[str, Any], found: list[int]) -> None:
    assert ids(client, **filters) == [f"HC-{number}" for number in found]


@pytest.mark.parametrize(
    "question",
    [
        "stat=routed",
        "state=lost",
        "limit=0",
        "limit=201",
        "limit=ten",
        "after=HC-3",
        "after=WzEsMl0=",
        "q=",
        "q=%00",
        "site=%00",
        "q=" + "x" * 201,
    ],
)
def test_a_question_that_makes_no_sense_is_refused_and_not_half_answered(client: TestClient, question: str) -> None:
    place = question.partition("=")[0]
    assert refused(client.get(f"/v1/tickets?{question}"), 422, "invalid")["errors"][0]["pointer"].startswith(f"query/{place}")


def test_pages_neither_skip_nor_repeat_while_tickets_come_in(client: TestClient) -> None:
    old = [submitted(client, site="Ulm & Cork") for _ in range(11)]
    seen: list[str] = []
    address = "/v1/tickets?limit=3&site=Ulm+%26+Cork"
    while address:
        answer = client.get(address)
        seen += [ticket["id"] for ticket in taken(answer)["tickets"]]
        submitted(client, site="Ulm & Cork")
        address = answer.links["next"]["url"] if answer.json()["next"] else ""
    assert seen == old[::-1]


def test_tickets_of_one_transaction_keep_their_order_over_pages(client: TestClient, ledger: Ledger) -> None:
    def command(draft: Any) -> None:
        for _ in range(12):
            submit(draft, told(), DESK)

    ledger.write(command).result()
    pages: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = taken(client.get("/v1/tickets", params={"limit": 5, **cursor}))
        pages += [ticket["id"] for ticket in page["tickets"]]
        if page["next"] is None:
            break
        cursor = {"after": page["next"]}
    assert pages == [f"HC-{number}" for number in range(12, 0, -1)]


def test_the_triage_queue_shows_the_gravest_first_and_what_the_classifier_would_do(client: TestClient, ledger: Ledger) -> None:
    for severity in ("sev3", "sev2", "sev1", "sev2"):
        ticket = submitted(client, site="Ulm")
        classified(ledger, ticket, severity=severity)
        happened(ledger, ticket, e.TicketQueued(suggestion="lims"), SERVICE)
    unread = submitted(client)
    happened(ledger, unread, e.TicketQueued(), SERVICE)
    submitted(client)
    queue = taken(client.get("/v1/triage"))
    assert [each["ticket"]["id"] for each in queue["tickets"]] == [unread, "HC-3", "HC-2", "HC-4", "HC-1"]
    suggestions = [each["suggestion"] for each in queue["tickets"]]
    assert suggestions[0] is None
    lims = {"system": "lims", "severity": "sev1", "confidence": 0.71, "reasons": ["label stop"], "model": "starter", "known_errors": []}
    assert suggestions[1] == lims
    of_ulm = taken(client.get("/v1/triage?site=Ulm&limit=2"))
    assert ([each["ticket"]["id"] for each in of_ulm["tickets"]], of_ulm["waiting"]) == (["HC-3", "HC-2"], 4)


def test_a_team_that_gave_a_ticket_back_is_not_suggested_again(client: TestClient, ledger: Ledger) -> None:
    ticket = submitted(client)
    classified(ledger, ticket)
    happened(ledger, ticket, e.TicketRouted(system="lims", team="lims"), Attribution("erik", "engineer"))
    happened(ledger, ticket, e.TicketReturned())
    queued = taken(client.get("/v1/triage"))["tickets"][0]
    assert (queued["ticket"]["moved_from"], queued["suggestion"]["system"]) == (["lims"], None)


def test_reading_is_the_same_on_both_databases(database_url: str) -> None:
    database: Database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    with client_of(app_of(ledger)) as client:
        for title in ("Line 1", "LINE 2", "100%"):
            submitted(client, title=title)
        happened(ledger, "HC-1", e.TicketQueued(), SERVICE)
        assert (ids(client, q="line"), ids(client, q="0%"), ids(client, state=OPEN_STATES, limit=2)) == (
            ["HC-2", "HC-1"],
            ["HC-3"],
            ["HC-3", "HC-2"],
        )
        cursor = taken(client.get("/v1/tickets?limit=1"))["next"]
        assert ids(client, after=cursor) == ["HC-2", "HC-1"]
        assert taken(client.get("/v1/triage"))["waiting"] == 1
        stood = taken(client.get("/v1/tickets/HC-2"))
        assert taken(client.get("/v1/tickets/HC-2", params={"as_of": stood["changed_at"]})) == stood
    ledger.close()
    database.close()
