"""People change tickets over HTTP: each change is one event, made on the version that the person has seen."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from schemas import events as e
from services.api.changes import CHANGES, Change
from services.api.routes import openapi_document
from services.ledger import Ledger
from services.lifecycle import LIFECYCLE
from tests.desks import ANY, TICKET, app_of, client_of, refused, submitted, taken
from tests.lives import entries_of, types_of

QA_ONLY = ("accept",)
PEOPLE = {"Hypercare-Actor": "erik", "Hypercare-Role": "automation_engineer"}
BY_VERB = {change.verb: change for change in CHANGES}
NOT_BY_PEOPLE = {e.TicketClassified, e.TicketQueued, e.ClockWarned, e.ClockBreached}
WAY_TO: dict[str, list[str]] = {
    "acknowledge": ["route"],
    "assign": ["route"],
    "hold": ["route", "acknowledge"],
    "resume": ["route", "acknowledge", "hold"],
    "resolve": ["route", "acknowledge"],
    "return": ["route"],
    "reopen": ["route", "resolve"],
    "close": ["route", "resolve"],
    "ungroup": ["group"],
    "accept": ["workaround"],
}


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        client.headers.update(PEOPLE)
        yield client


def done(client: TestClient, ticket: str, verb: str, headers: dict[str, str] = ANY, **body: Any) -> httpx2.Response:
    role = {"Hypercare-Role": "qa_reviewer"} if verb in QA_ONLY else {}
    return client.post(f"/v1/tickets/{ticket}/{verb}", json=BY_VERB[verb].example | body, headers=headers | role)


def brought_to(client: TestClient, verb: str) -> str:
    """A ticket in a state in which this change is possible."""
    if "group" in (verb, *WAY_TO.get(verb, [])):
        for _ in range(7):  # the example names the seventh as parent
            submitted(client)
    ticket = submitted(client)
    for step in WAY_TO.get(verb, []):
        taken(done(client, ticket, step))
    return ticket


def test_people_may_make_every_event_of_the_lifecycle_but_the_classifiers() -> None:
    assert {change.event for change in CHANGES} == set(LIFECYCLE) - NOT_BY_PEOPLE


@pytest.mark.parametrize("change", CHANGES, ids=list(BY_VERB))
def test_a_change_is_one_event_with_who_in_which_role_and_why(client: TestClient, ledger: Ledger, change: Change) -> None:
    ticket = brought_to(client, change.verb)
    before = taken(client.get(f"/v1/tickets/{ticket}"))
    answer = done(client, ticket, change.verb, {"If-Match": f'"{before["version"]}"'}, reason="agreed with the shift lead")
    after = taken(answer)
    entry = entries_of(ledger, ticket)[-1]
    role = "qa_reviewer" if change.verb in QA_ONLY else "automation_engineer"
    assert (entry.type, entry.actor, entry.role) == (change.event.__name__, "erik", role)
    assert (entry.reason, after["version"]) == ("agreed with the shift lead", before["version"] + LIFECYCLE[change.event].counts)
    assert (answer.headers["etag"], after) == (f'"{after["version"]}"', taken(client.get(f"/v1/tickets/{ticket}")))
    assert entry.data.items() <= (change.example | {"team": "lims"}).items()


@pytest.mark.parametrize("change", CHANGES, ids=list(BY_VERB))
def test_a_change_needs_the_version_that_was_seen_unless_it_takes_nothing_away(client: TestClient, ledger: Ledger, change: Change) -> None:
    ticket = brought_to(client, change.verb)
    before = types_of(ledger, ticket)
    blind = done(client, ticket, change.verb, {})
    if change.blind:
        taken(blind)
    else:
        refused(blind, 428, "version-required")
        refused(done(client, ticket, change.verb, {"If-Match": '"99"'}), 412, "stale")
        assert types_of(ledger, ticket) == before


def test_a_ticket_may_be_acknowledged_again_and_stays_with_whoever_has_it(client: TestClient) -> None:
    ticket = brought_to(client, "hold")
    first = taken(client.get(f"/v1/tickets/{ticket}"))
    taken(done(client, ticket, "hold"))
    again = taken(client.post(f"/v1/tickets/{ticket}/acknowledge", headers={"Hypercare-Actor": "quinn", "Hypercare-Role": "qa_reviewer"}))
    assert (again["state"], again["assignee"], again["acknowledged_at"]) == ("waiting", "erik", first["acknowledged_at"])


@pytest.mark.parametrize("verb", ["acknowledge", "comments"])
def test_a_version_that_is_given_must_be_right_even_where_none_is_needed(client: TestClient, verb: str) -> None:
    refused(done(client, brought_to(client, verb), verb, {"If-Match": '"99"'}), 412, "stale")


@pytest.mark.parametrize("change", [each for each in CHANGES if LIFECYCLE[each.event].reason], ids=lambda change: change.verb)
def test_a_change_that_auditors_ask_about_needs_a_reason(client: TestClient, change: Change) -> None:
    ticket = brought_to(client, change.verb)
    for reason in ("", "why", "      "):
        problem = refused(done(client, ticket, change.verb, reason=reason), 422, "invalid")
        assert problem["errors"][0]["pointer"] == "#/reason"


@pytest.mark.parametrize("verb", ["acknowledge", "resume", "close"])
def test_a_change_without_content_needs_no_body(client: TestClient, verb: str) -> None:
    ticket = brought_to(client, verb)
    taken(client.post(f"/v1/tickets/{ticket}/{verb}", headers=ANY))


@pytest.mark.parametrize(
    ("tag", "matches"), [('"1"', True), ("1", True), ('"7", "1"', True), ("*", True), ('W/"1"', False), ('"7", "8"', False), ('"01"', True)]
)
def test_the_version_may_be_told_as_http_allows(client: TestClient, tag: str, matches: bool) -> None:
    answer = done(client, submitted(client), "classify", {"If-Match": tag})
    assert answer.status_code == (200 if matches else 412)


@pytest.mark.parametrize("tag", ["", '"', '"x"', '"1" "2"', '"1",', "1.0", '"' + "9" * 19 + '"'])
def test_a_version_that_cannot_be_read_is_refused(client: TestClient, tag: str) -> None:
    refused(done(client, submitted(client), "classify", {"If-Match": tag}), 422, "invalid")


async def test_of_two_people_who_saw_the_same_version_one_wins(ledger: Ledger) -> None:
    transport = httpx2.ASGITransport(app=app_of(ledger))
    async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
        ticket = (await client.post("/v1/tickets", json=TICKET)).json()["id"]
        change = [
            client.post(f"/v1/tickets/{ticket}/classify", json={"severity": "sev2", "reason": f"opinion {n}"}, headers={"If-Match": '"1"'})
            for n in range(20)
        ]
        answers = await asyncio.gather(*change)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 19}
    assert types_of(ledger, ticket) == ["TicketSubmitted", "TicketReclassified"]


def test_a_ticket_goes_to_the_team_that_owns_the_system(client: TestClient) -> None:
    ticket = submitted(client)
    routed = taken(done(client, ticket, "route", system="plc_scada"))
    assert (routed["state"], routed["system"], routed["team"]) == ("routed", "plc_scada", "automation")
    moved = taken(done(client, ticket, "route", system="lims"))
    assert (moved["team"], moved["moved_from"]) == ("lims", ["plc_scada"])
    assert "known systems" in refused(done(client, ticket, "route", system="coffee"), 422, "invalid")["detail"]


def test_the_team_is_not_for_the_caller_to_name(client: TestClient) -> None:
    refused(done(client, submitted(client), "route", team="mes"), 422, "invalid")


def test_what_the_state_does_not_allow_is_refused_with_the_states_that_do(client: TestClient) -> None:
    problem = refused(done(client, submitted(client), "close"), 409, "refused")
    assert "only while it is resolved" in problem["detail"]


def test_only_qa_lowers_a_gxp_flag(client: TestClient) -> None:
    ticket = submitted(client)
    taken(done(client, ticket, "classify", gxp="confirmed"))
    refused(done(client, ticket, "classify", gxp="none"), 403, "forbidden")
    assert taken(done(client, ticket, "classify", ANY | {"Hypercare-Role": "qa_reviewer"}, gxp="none"))["gxp"] == "none"


def test_a_classification_says_at_least_one_thing(client: TestClient) -> None:
    ticket = submitted(client)
    answer = client.post(f"/v1/tickets/{ticket}/classify", json={"reason": "no idea yet"}, headers=ANY)
    assert "Give a severity, a gxp flag, or what it was caused_by" in refused(answer, 422, "invalid")["detail"]


def test_a_ticket_that_does_not_exist_cannot_be_changed(client: TestClient) -> None:
    for verb in BY_VERB:
        refused(done(client, "HC-999", verb), 404, "not-found")


def test_every_change_is_described_with_its_refusals_and_an_example() -> None:
    document = openapi_document()
    for change in CHANGES:
        operation = document["paths"][f"/v1/tickets/{{ticket}}/{change.verb}"]["post"]
        shape = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert operation["operationId"] == f"{change.verb.removesuffix('s')}_ticket"
        assert operation["description"] == change.event.__doc__
        assert document["components"]["schemas"][shape]["examples"] == [change.example]
        assert {"404", "409", "412", "415", "422", "503"} <= set(operation["responses"])
        assert ("428" in operation["responses"]) is not change.blind
