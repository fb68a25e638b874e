"""A ticket comes in over HTTP: stored once, answered for only when it is stored."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, func, select, text
from starlette.testclient import TestClient

from schemas.tables import TICKETS
from services.db import Database, migrate, open_database
from services.faults import EXIT_STATUS
from services.ledger import Ledger
from tests.databases import running_postgres
from tests.desks import TICKET, app_of, client_of, refused, submitted, taken
from tests.lives import entries_of

KEY = {"Idempotency-Key": '"shift-7-0001"'}


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


def stored(ledger: Ledger) -> int:
    with ledger.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(TICKETS)).scalar_one())


def test_a_new_ticket_is_answered_with_its_place_and_version(client: TestClient) -> None:
    answer = client.post("/v1/tickets", json=TICKET | {"reported_severity": "sev2", "occurred_at": "2026-03-01T06:15:00+01:00"})
    assert (answer.status_code, answer.headers["location"], answer.headers["etag"]) == (201, "/v1/tickets/HC-1", '"1"')
    assert answer.json()["occurred_at"] == "2026-03-01T05:15:00Z"
    assert taken(client.get(answer.headers["location"])) == answer.json()


def test_the_caller_stands_in_the_ledger_with_role_and_trace(client: TestClient, ledger: Ledger) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {b"Hypercare-Actor": "Jörg Ødegård".encode(), b"Hypercare-Role": b"support_desk", b"traceparent": trace.encode()}
    client.post("/v1/tickets", json=TICKET, headers=headers)
    entry = entries_of(ledger)[0]
    assert (entry.actor, entry.role, entry.traceparent) == ("Jörg Ødegård", "support_desk", trace)


def test_the_same_key_and_body_again_answer_with_the_same_ticket(client: TestClient, ledger: Ledger) -> None:
    first = client.post("/v1/tickets", json=TICKET, headers=KEY)
    again = client.post("/v1/tickets", json=TICKET, headers={"Idempotency-Key": "shift-7-0001"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert (again.json(), again.headers["location"], again.headers["etag"]) == (
        first.json(), first.headers["location"], first.headers["etag"],
    )  # fmt: skip
    assert stored(ledger) == 1


def test_a_key_is_not_reused_for_another_body(client: TestClient) -> None:
    submitted_with_key = client.post("/v1/tickets", json=TICKET, headers=KEY)
    assert submitted_with_key.status_code == 201
    refused(client.post("/v1/tickets", json=TICKET | {"title": "Another"}, headers=KEY), 422, "key-reused")


@pytest.mark.parametrize("key", ["", '""', "k" * 256, '"' + "k" * 256 + '"', "tab\tbed", "naïve"])
def test_an_unusable_key_is_refused(client: TestClient, key: str) -> None:
    answer = client.post("/v1/tickets", json=TICKET, headers={b"Idempotency-Key": key.encode("latin-1")})
    assert refused(answer, 422, "invalid")["errors"][0]["pointer"] == "header/Idempotency-Key"


def test_the_longest_key_is_taken_quoted_and_bare(client: TestClient) -> None:
    quoted = client.post("/v1/tickets", json=TICKET, headers={"Idempotency-Key": '"' + "k" * 255 + '"'})
    assert client.post("/v1/tickets", json=TICKET, headers={"Idempotency-Key": "k" * 255}).json() == quoted.json()


def test_a_source_record_that_comes_again_is_a_replay(client: TestClient) -> None:
    record = TICKET | {"source_system": "servicenow", "source_id": "INC1"}
    statuses = [client.post("/v1/tickets", json=record).status_code for _ in range(2)]
    assert statuses == [201, 200]


@pytest.mark.parametrize("field", ["id", "version", "state", "actor", "severity", "team", "decision", "submitted_at"])
def test_what_hypercare_decides_itself_cannot_be_sent(client: TestClient, field: str) -> None:
    problem = refused(client.post("/v1/tickets", json=TICKET | {field: 1}), 422, "invalid")
    assert problem["errors"] == [{"pointer": f"#/{field}", "detail": "is not a field that is known here", "code": "extra-forbidden"}]


def at_desk(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://desk", timeout=20)


async def post_all(apps: list[FastAPI], times: int) -> list[httpx2.Response]:
    """The same request to every app, all at once."""
    clients = [at_desk(app) for app in apps]
    posts = [client.post("/v1/tickets", json=TICKET, headers=KEY) for client in clients for _ in range(times)]
    answers = await asyncio.gather(*posts)
    await asyncio.gather(*(client.aclose() for client in clients))
    return answers


async def test_fifty_identical_requests_at_once_make_one_ticket(ledger: Ledger) -> None:
    app = app_of(ledger)
    answers = await post_all([app], 50)
    counted = Counter(answer.status_code for answer in answers)
    assert counted[201] == 1
    assert set(counted) <= {201, 200, 409}
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, 409, "in-flight")
    replays = await post_all([app], 1)
    assert {answer.json()["id"] for answer in [*answers, *replays] if answer.is_success} == {"HC-1"}
    assert stored(ledger) == 1


async def test_two_processes_that_get_the_same_key_make_one_ticket(ledger: Ledger, database: Database) -> None:
    other = Ledger(database)
    answers = await post_all([app_of(ledger), app_of(other)], 20)
    other.close()
    assert {answer.json()["id"] for answer in answers if answer.is_success} == {"HC-1"}
    assert stored(ledger) == 1


def test_a_batch_has_one_result_per_item_in_order(client: TestClient, ledger: Ledger) -> None:
    known = TICKET | {"idempotency_key": "k1"}
    items = [known, {"title": ""}, 3, known, known | {"title": "Another"}, TICKET | {"idempotency_key": "", "state": "closed"}, TICKET]
    results = taken(client.post("/v1/tickets:batch", json={"tickets": items}))["results"]
    assert [(each["index"], each["status"], each.get("ticket")) for each in results] == [
        (0, 201, "HC-1"), (1, 422, None), (2, 422, None), (3, 200, "HC-1"), (4, 422, None), (5, 422, None), (6, 201, "HC-2"),
    ]  # fmt: skip
    assert [each["problem"]["code"] for each in results if "problem" in each] == ["invalid", "invalid", "key-reused", "invalid"]
    assert {fault["pointer"] for fault in results[5]["problem"]["errors"]} == {"#/idempotency_key", "#/state"}
    assert stored(ledger) == 2


def test_a_batch_keeps_a_claimed_time_as_a_single_ticket_does(client: TestClient) -> None:
    item = TICKET | {"occurred_at": "2026-03-01T06:15:00+01:00", "reported_severity": "sev1"}
    taken(client.post("/v1/tickets:batch", json={"tickets": [item | {"idempotency_key": "k"}]}))
    ticket = taken(client.post("/v1/tickets", json=item, headers={"Idempotency-Key": "k"}))
    assert (ticket["id"], ticket["occurred_at"], ticket["severity"]) == ("HC-1", "2026-03-01T05:15:00Z", "sev1")


def test_a_thousand_tickets_fit_a_batch_and_no_more(client: TestClient, ledger: Ledger) -> None:
    results = taken(client.post("/v1/tickets:batch", json={"tickets": [TICKET | {"body": "x" * 500}] * 1_000}))["results"]
    assert {each["status"] for each in results} == {201}
    assert stored(ledger) == len({each["ticket"] for each in results}) == 1_000
    for count in (0, 1_001):
        refused(client.post("/v1/tickets:batch", json={"tickets": [TICKET] * count}), 422, "invalid")


def forbid_commit(connection: Connection) -> None:
    """From now on every entry breaks a foreign key that SQLite checks at COMMIT, and only there."""
    connection.execute(text("CREATE TABLE nowhere (id INTEGER PRIMARY KEY)"))
    connection.execute(text("CREATE TABLE broken (id INTEGER REFERENCES nowhere (id) DEFERRABLE INITIALLY DEFERRED)"))
    connection.execute(text("CREATE TRIGGER breaks AFTER INSERT ON entry BEGIN INSERT INTO broken VALUES (1); END"))


def test_a_commit_that_fails_is_never_answered_as_done(client: TestClient, ledger: Ledger, database: Database) -> None:
    with database.write() as connection:
        forbid_commit(connection)
    refused(client.post("/v1/tickets", json=TICKET, headers=KEY), 503, "unavailable")
    refused(client.post("/v1/tickets:batch", json={"tickets": [TICKET, TICKET]}), 503, "unavailable")
    assert stored(ledger) == 0
    with database.write() as connection:
        connection.execute(text("DROP TRIGGER breaks"))
    assert client.post("/v1/tickets", json=TICKET, headers=KEY).status_code == 201


def test_a_batch_says_which_items_can_never_be_stored_even_while_the_database_is_away(client: TestClient, database: Database) -> None:
    with database.write() as connection:
        forbid_commit(connection)
    results = taken(client.post("/v1/tickets:batch", json={"tickets": [TICKET, {}]}))["results"]
    assert [each["status"] for each in results] == [503, 422]


def test_a_database_that_goes_and_comes_back_costs_retries_and_no_ticket() -> None:
    with running_postgres() as server:
        database = open_database(server.url.render_as_string(hide_password=False))
        migrate(database)
        ledger = Ledger(database)
        with client_of(app_of(ledger)) as client:
            assert submitted(client) == "HC-1"
            server.crash()
            for answer in (client.post("/v1/tickets", json=TICKET, headers=KEY), client.get("/v1/tickets"), client.get("/v1/tickets/HC-1")):
                refused(answer, 503, "unavailable")
            assert client.get("/livez").status_code == 200
            server.start()
            assert client.post("/v1/tickets", json=TICKET, headers=KEY).json()["id"] == "HC-2"
        ledger.close()
        database.close()


async def test_a_write_that_takes_too_long_is_given_up_but_not_undone(ledger: Ledger, database: Database) -> None:
    """The answer cannot say what will become of it; the same key tells later. Whoever shares the transaction is served."""
    async with at_desk(app_of(ledger, longest_write=0.05)) as impatient, at_desk(app_of(ledger)) as patient:
        with database.write():
            ledger.write(lambda draft: None)
            requests = [client.post("/v1/tickets", json=TICKET, headers=key) for client, key in ((impatient, KEY), (patient, {}))]
            given_up, waiting = map(asyncio.create_task, requests)
            refused(await given_up, 503, "unavailable")
        assert (await waiting).status_code == 201
        again = await patient.post("/v1/tickets", json=TICKET, headers=KEY)
    assert (again.status_code, stored(ledger)) == (200, 2)


DIES: Any = """
import sys
from services.db import open_database
from services.ledger import Ledger
from tests.desks import TICKET, app_of, client_of
with client_of(app_of(Ledger(open_database(sys.argv[1])), fault="api-after-commit")) as client:
    print(client.post("/v1/tickets", json=TICKET, headers={"Idempotency-Key": sys.argv[2]}).status_code)
"""


def test_a_process_that_dies_after_the_commit_has_stored_the_ticket_for_the_retry(client: TestClient, database: Database) -> None:
    url = database.engine.url.render_as_string()
    died = subprocess.run([sys.executable, "-c", DIES, url, "k"], capture_output=True, text=True, check=False)
    assert (died.returncode, died.stdout) == (EXIT_STATUS, "")
    again = client.post("/v1/tickets", json=TICKET, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (200, "HC-1")


def test_a_database_error_while_reading_is_told_without_its_words(client: TestClient, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE ticket RENAME TO elsewhere"))
    assert "elsewhere" not in str(refused(client.get("/v1/tickets"), 503, "unavailable"))
