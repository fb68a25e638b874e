"""Bodies are read within limits of size, time and form, whoever sends them."""

import json
import socket
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.testclient import TestClient

from services.errors import Invalid, Misconfigured
from services.ledger import Ledger
from services.strictjson import DEEPEST, LARGEST_INTEGER, parse
from services.web.app import create_app
from services.web.bodies import LARGEST_BATCH, LARGEST_BODY, MOST_DISCARDED, JsonRoute
from services.web.callers import SelfNamed
from tests.desks import TICKET, app_of, client_of, refused, serving, taken

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


def post(client: TestClient, body: bytes | str, kind: str = "application/json", path: str = "/v1/tickets") -> httpx2.Response:
    return client.post(path, content=body, headers={"Content-Type": kind} if kind else {})


GOOD = json.dumps(TICKET)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"']
)
def test_json_in_utf_8_is_taken(client: TestClient, kind: str) -> None:
    assert post(client, GOOD, kind).status_code == 201


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/problem+json", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "json", ";"],
)
def test_any_other_type_is_refused(client: TestClient, kind: str) -> None:
    refused(post(client, GOOD, kind), 415, "unsupported-media-type")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_another_encoding_is_refused_whatever_the_type_says(client: TestClient, encoding: str) -> None:
    refused(post(client, json.dumps(TICKET | {"title": "größer"}, ensure_ascii=False).encode(encoding)), 422, "invalid")


def test_a_byte_order_mark_is_no_fault(client: TestClient) -> None:
    assert post(client, GOOD.encode("utf-8-sig")).status_code == 201


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"title": "a", "title": "b"}', "a key twice"),
        ('{"a": {"b": 1, "b": 1}}', "a key twice"),
        ('{"title": NaN}', "NaN or Infinity"),
        ('{"title": -Infinity}', "NaN or Infinity"),
        ('{"title": 1e999}', "too large"),
        ('{"title": -1e999}', "too large"),
        (f'{{"title": {2**63}}}', "64 bits"),
        (f'{{"title": -{"9" * 5_000}}}', "64 bits"),
        ('{"title": "\\ud800"}', "surrogate"),
        ('{"\\udfff": 1}', "surrogate"),
        ('{"title": "a\nb"}', "line 1, column"),
        ('{"title": "a",}', "line 1, column"),
        ("{'title': 1}", "line 1, column"),
        ("", "1 fault"),
        (" ", "line 1, column"),
        (b'{"title": "\xff"}', "UTF-8"),
        (b'{"title": "\xed\xa0\x80"}', "UTF-8"),
        ("[" * 900 + "]" * 900, "levels deep"),
        ("[" * 100_000 + "]" * 100_000, "levels deep"),
        ('{"a":' * 9 + "1" + "}" * 9, "levels deep"),
    ],
)
def test_json_with_two_meanings_or_none_is_refused(client: TestClient, body: str | bytes, told: str) -> None:
    assert told in refused(post(client, body), 422, "invalid")["detail"]


def test_what_json_allows_is_read_exactly() -> None:
    nested: Any = 1
    for _ in range(DEEPEST):
        nested = [nested]
    value = {"a": nested[0], "n": [LARGEST_INTEGER, -LARGEST_INTEGER, 1.5, 1e308, True, None], "s": "\U0001f469\u200d\U0001f527"}
    assert parse(json.dumps(value).encode()) == value
    with pytest.raises(Invalid, match="deep"):
        parse(json.dumps([nested]).encode())


def test_a_body_may_be_as_large_as_the_limit_and_not_a_byte_larger(client: TestClient) -> None:
    padding = LARGEST_BODY - len(GOOD)
    assert post(client, GOOD + " " * padding).status_code == 201
    answer = post(client, GOOD + " " * (padding + 1))
    assert refused(answer, 413, "too-large")
    assert answer.headers["connection"] == "close"


def test_a_batch_may_be_larger(client: TestClient) -> None:
    body = json.dumps({"tickets": [TICKET | {"body": "x" * 7_000}] * 1_000})
    assert LARGEST_BODY < len(body) < LARGEST_BATCH
    assert len(taken(post(client, body, path="/v1/tickets:batch"))["results"]) == 1_000
    refused(post(client, body + " " * LARGEST_BATCH, path="/v1/tickets:batch"), 413, "too-large")


def test_a_million_fields_are_too_large(client: TestClient) -> None:
    refused(post(client, json.dumps({f"f{number}": 1 for number in range(1_000_000)})), 413, "too-large")


def test_a_sender_of_far_too_much_gets_the_answer(ledger: Ledger) -> None:
    with serving(app_of(ledger)) as url:
        refused(httpx2.post(f"{url}/v1/tickets", content=b"x" * 20_000_000, headers=JSON, timeout=20), 413, "too-large")


async def test_a_body_without_end_is_given_up_and_not_kept(ledger: Ledger) -> None:
    sent, answers = 0, []
    part = b"x" * 65_536

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += len(part)
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/tickets",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    tracemalloc.start()
    await app_of(ledger)(scope, receive, send)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answers[0]["status"] == 413
    assert sent <= MOST_DISCARDED + len(part)
    assert peak < 5_000_000


class Impatient(JsonRoute):
    deadline = 0.2


class Word(BaseModel):
    word: str


def spoken(word: Word) -> Word:
    return word


def test_a_body_that_does_not_come_ends_the_connection_and_holds_nobody_up() -> None:
    router = APIRouter()
    router.add_api_route("/words", spoken, methods=["POST"], route_class_override=Impatient)
    with serving(create_app([router], SelfNamed())) as url:
        address = (httpx2.URL(url).host, httpx2.URL(url).port or 0)
        half_sent = [socket.create_connection(address, timeout=10) for _ in range(200)]
        for connection in half_sent:
            connection.sendall(b'POST /words HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"word":')
        assert httpx2.get(f"{url}/livez").status_code == 200
        for connection in half_sent:
            answer = connection.makefile("rb").read()
            assert b"408 Request Timeout" in answer
            assert b"/docs/errors#request-timeout" in answer
            connection.close()
        assert httpx2.post(f"{url}/words", json={"word": "in time"}).json() == {"word": "in time"}


def test_a_sender_who_leaves_half_way_is_no_fault_of_ours(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with serving(app_of(ledger)) as url:
        connection = socket.create_connection((httpx2.URL(url).host, httpx2.URL(url).port or 0))
        connection.sendall(b'POST /v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"title":')
        assert httpx2.get(f"{url}/livez").status_code == 200
        connection.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_router_that_would_read_bodies_without_limit_is_not_accepted() -> None:
    careless = APIRouter()
    careless.add_api_route("/words", spoken, methods=["POST"])
    with pytest.raises(Misconfigured, match="/words takes a body"):
        create_app([careless], SelfNamed())
