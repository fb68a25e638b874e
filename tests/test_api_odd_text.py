"""Whatever people, machines and attackers send: kept to the byte or refused with 422, never a 5xx, never echoed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.ledger import Ledger
from tests.desks import TICKET, app_of, client_of, refused, taken
from tests.odd_texts import FORMS, HOSTILE, ODD_TEXTS, SURROGATES, WRITTEN, is_kept


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


def sent(client: TestClient, content: Any, **headers: str) -> Any:
    """Escapes everything that is not ASCII: the only way in which half a surrogate pair can be written."""
    return client.post("/v1/tickets", content=json.dumps(content), headers={"Content-Type": "application/json", **headers})


def test_the_corpus_is_large_and_has_both_kinds() -> None:
    assert len(ODD_TEXTS) >= 300
    assert min(sum(map(is_kept, ODD_TEXTS)), sum(not is_kept(text) for text in ODD_TEXTS)) >= 80


def test_a_body_is_kept_to_the_byte_or_refused(client: TestClient) -> None:
    texts = [text for text in ODD_TEXTS if not set(SURROGATES) & set(text)]
    results = taken(client.post("/v1/tickets:batch", json={"tickets": [TICKET | {"body": text} for text in texts]}))["results"]
    assert [each["status"] for each in results] == [201 if is_kept(text) else 422 for text in texts]
    for text, each in zip(texts, results, strict=True):
        if is_kept(text):
            assert taken(client.get(f"/v1/tickets/{each['ticket']}"))["body"] == text


def test_a_title_is_kept_to_the_byte_or_refused_and_must_not_be_blank(client: TestClient) -> None:
    for text in ODD_TEXTS:
        answer = sent(client, TICKET | {"title": text})
        if is_kept(text) and text.strip():
            assert taken(answer)["title"] == text
        else:
            refused(answer, 422, "invalid")


def test_twins_of_different_normal_forms_stay_two_texts(client: TestClient) -> None:
    kept = {taken(sent(client, TICKET | {"title": text}))["title"] for text in FORMS}
    assert kept == set(FORMS)


def test_text_is_the_same_whether_it_comes_escaped_or_as_utf_8(client: TestClient) -> None:
    for text in filter(is_kept, WRITTEN):
        raw = json.dumps(TICKET | {"title": text}, ensure_ascii=False).encode()
        assert taken(client.post("/v1/tickets", content=raw, headers={"Content-Type": "application/json"}))["title"] == text


def test_an_odd_text_is_found_again_by_search(client: TestClient) -> None:
    """Search may neither fail nor find too little, whatever LIKE thinks of the text."""
    for text in filter(is_kept, HOSTILE[:60]):
        ticket = taken(sent(client, TICKET | {"body": f"<{text}>"}))["id"]
        found = taken(client.get("/v1/tickets", params={"q": text[:200]}))["tickets"]
        assert found[0]["id"] == ticket, text


@pytest.mark.parametrize("place", ["q", "site", "after", "as_of"])
def test_odd_text_in_a_question_is_never_an_error_of_ours(client: TestClient, place: str) -> None:
    for text in ODD_TEXTS[::3]:
        address = "/v1/tickets/HC-1" if place == "as_of" else "/v1/tickets"
        answer = client.get(address, params={place: text.encode(errors="replace")})
        assert answer.status_code in (200, 400, 404, 422), (text, answer.text)


@pytest.mark.parametrize("name", ["Hypercare-Actor", "Hypercare-Role", "X-Request-ID", "If-Match"])
def test_odd_text_in_a_header_is_never_an_error_of_ours(client: TestClient, name: str) -> None:
    for text in ODD_TEXTS[::3]:
        value = text.encode(errors="surrogatepass").translate(None, b"\r\n\0")
        answer = client.post("/v1/tickets/HC-1/comments", json={"text": "noted"}, headers={name.encode(): value})
        assert answer.status_code in (404, 412, 422, 403), (text, answer.text)


def test_odd_text_in_an_idempotency_key_is_taken_or_refused(client: TestClient) -> None:
    for text in ODD_TEXTS[::3]:
        value = text.encode(errors="surrogatepass").translate(None, b"\r\n\0")
        answer = client.post("/v1/tickets", json=TICKET | {"title": repr(text)[:300]}, headers={b"Idempotency-Key": value})
        usable = value and value.isascii() and value.decode().isprintable()
        assert answer.status_code == (201 if usable else 422), text


def test_a_refusal_repeats_nothing_of_what_was_sent(client: TestClient) -> None:
    canary = "canary-4711"
    for content in (
        {"title": 5, "site": [canary], "reporter": {"a": canary}},
        TICKET | {"title": canary + "\0"},
        TICKET | {"reported_severity": canary, "language": canary.upper(), "occurred_at": canary},
        TICKET | {f"<b>{canary}</b>": canary},
        TICKET | {"title": canary * 20_000},
        TICKET | {f"{canary}{number:050}": 1 for number in range(2_000)},
        [canary],
        canary,
    ):
        assert canary not in str(refused(sent(client, content), 422, "invalid"))


def test_a_thousand_faults_fit_a_small_answer(client: TestClient) -> None:
    problem = refused(sent(client, {f"unknown_field_{number}": number for number in range(1_000)}), 422, "invalid")
    assert len(problem["errors"]) == 10
    assert problem["detail"] == "1003 faults to mend; the first 10 are listed"
