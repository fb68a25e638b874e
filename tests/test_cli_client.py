"""The client of the API: patient where patience helps, plain where it does not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from fastapi import Response
from typer import BadParameter

from services.cli.client import ATTEMPTS, LONGEST_ADVISED_WAIT, Caller, Client
from services.errors import Forbidden, HypercareError, Invalid, KeyReused, NotFound, Refused, TooLarge, Unauthenticated, Unavailable
from services.ledger import Ledger
from tests.fronts import Front, problem, serving

TOLD = {"title": "Line 3 stopped", "site": "Cork", "reporter": "olga"}


@pytest.fixture
def front(ledger: Ledger) -> Iterator[Front]:
    with serving(Front(ledger)) as served:
        yield served


def test_a_submission_gives_a_ticket_and_its_link(front: Front) -> None:
    with Client(Caller(front.url)) as client:
        receipt = client.submit(TOLD, "k1")
    assert (receipt.ticket, receipt.new, receipt.link) == ("HC-1", True, f"{front.url}/v1/tickets/HC-1")
    assert front.asked[0].headers["idempotency-key"] == "k1"


def test_the_same_key_gives_the_same_ticket_and_says_so(front: Front) -> None:
    with Client(Caller(front.url)) as client:
        assert client.submit(TOLD, "k1").ticket == client.submit(TOLD, "k1").ticket
        assert not client.submit(TOLD, "k1").new


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_api_is_asked_again_with_the_same_key(front: Front, status: int) -> None:
    front.failures.extend(Response(status_code=status) for _ in range(3))
    waited: list[float] = []
    with Client(Caller(front.url), waited.append) as client:
        assert client.submit(TOLD, "k1").ticket == "HC-1"
    assert {asked.headers["idempotency-key"] for asked in front.asked} == {"k1"}
    assert len(waited) == 3
    assert all(0 < wait <= 1 for wait in waited)


def test_a_request_in_flight_is_awaited(front: Front) -> None:
    front.failures.append(Response(status_code=409, headers={"Retry-After": "1"}))
    with Client(Caller(front.url), lambda _: None) as client:
        assert client.submit(TOLD, "k1").ticket == "HC-1"


@pytest.mark.parametrize(("asked", "least", "most"), [("7", 7, 7), ("86400", LONGEST_ADVISED_WAIT, LONGEST_ADVISED_WAIT), ("soon", 0, 1)])
def test_the_wait_that_the_api_asks_for_is_kept_within_reason(front: Front, asked: str, least: float, most: float) -> None:
    front.failures.append(Response(status_code=503, headers={"Retry-After": asked}))
    waited: list[float] = []
    with Client(Caller(front.url), waited.append) as client:
        client.submit(TOLD, "k1")
    assert least <= waited[0] <= most


def test_the_wait_may_be_asked_for_as_a_date(front: Front) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    front.failures.append(Response(status_code=503, headers={"Retry-After": then}))
    waited: list[float] = []
    with Client(Caller(front.url), waited.append) as client:
        client.submit(TOLD, "k1")
    assert 20 < waited[0] <= 30


def test_patience_ends_and_the_last_answer_is_told(front: Front) -> None:
    front.failures.extend(problem(Unavailable("The database is away")) for _ in range(ATTEMPTS))
    with Client(Caller(front.url), lambda _: None) as client, pytest.raises(Unavailable, match="The database is away"):
        client.submit(TOLD, "k1")
    assert len(front.asked) == ATTEMPTS


def test_where_nobody_answers_it_is_told_what_to_start(front: Front) -> None:
    waited: list[float] = []
    with Client(Caller("http://127.0.0.1:1"), waited.append) as client, pytest.raises(Unavailable, match="hypercare up"):
        client.submit(TOLD, "k1")
    assert len(waited) == ATTEMPTS - 1


@pytest.mark.parametrize("error", [Invalid, KeyReused, Refused, Forbidden, Unauthenticated, NotFound, TooLarge])
def test_a_refusal_is_not_repeated_and_comes_as_the_error_it_was(front: Front, error: type[HypercareError]) -> None:
    front.failures.append(problem(error("do it otherwise")))
    with Client(Caller(front.url)) as client, pytest.raises(HypercareError, match="do it otherwise") as refused:
        client.submit(TOLD, "k1")
    assert type(refused.value) is error


def test_a_refusal_names_the_fields(front: Front) -> None:
    content = '{"status":422,"detail":"1 fault to mend","errors":[{"pointer":"#/title","detail":"must not be blank"}]}'
    front.failures.append(Response(content, 422, media_type="application/problem+json"))
    with Client(Caller(front.url)) as client, pytest.raises(Invalid, match=r"1 fault to mend\. #/title: must not be blank"):
        client.submit(TOLD, "k1")


@pytest.mark.parametrize("content", ["<html>proxy</html>", "[]", '"text"'])
def test_something_else_at_the_address_is_told_apart(front: Front, content: str) -> None:
    front.failures.append(Response(content))
    with Client(Caller(front.url)) as client, pytest.raises(Unavailable, match="something else"):
        client.submit(TOLD, "k1")
    front.failures.append(Response(content, 418))
    with Client(Caller(front.url)) as client, pytest.raises(HypercareError, match="418"):
        client.submit(TOLD, "k1")


def test_a_batch_has_a_receipt_per_ticket_in_order(front: Front) -> None:
    tickets = [TOLD | {"title": title, "idempotency_key": key} for title, key in (("a", "1"), ("b", "1"), ("c", "2"))]
    with Client(Caller(front.url)) as client:
        first, second, third = client.submit_many(tickets)
    assert (first.ticket, first.new, third.ticket, third.new) == ("HC-1", True, "HC-2", True)
    assert "The key made ticket HC-1" in second.problem


def test_a_ticket_that_the_answer_forgets_is_a_problem_of_that_ticket(front: Front) -> None:
    front.failures.append(Response('{"results": [{"index": 1, "status": 201, "ticket": "HC-9"}]}', media_type="application/json"))
    with Client(Caller(front.url)) as client:
        first, second = client.submit_many([TOLD, TOLD])
    assert "send it again" in first.problem
    assert (second.ticket, second.new) == ("HC-9", True)


def test_the_caller_names_itself_in_utf8_or_by_key(front: Front, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hc_1_secret\n")
    for caller in (
        Caller(front.url, actor="Jürgen", role="qa"),
        Caller(front.url, key="hc_0_x"),
        Caller(front.url, key=f"@{tmp_path / 'key'}"),
    ):
        with Client(caller) as client:
            client.submit(TOLD, "k1")
    named, keyed, filed = (asked.headers for asked in front.asked)
    assert named["hypercare-actor"].encode("latin-1").decode() == "Jürgen"
    assert named["hypercare-role"] == "qa"
    assert (keyed["authorization"], filed["authorization"]) == ("Bearer hc_0_x", "Bearer hc_1_secret")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(BadParameter, match="--url"):
        Client(Caller(url, actor="dora"))


def test_a_key_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="--key"):
        Client(Caller(key=f"@{tmp_path / 'none'}"))


def test_a_look_asks_what_is_given_and_leaves_out_the_rest(front: Front) -> None:
    with Client(Caller(front.url)) as client:
        client.submit(TOLD, "k1")
        assert client.get("v1/tickets", {"site": "Cork", "state": None})["tickets"][0]["id"] == "HC-1"
        assert client.get("v1/tickets", {"site": "Limerick"})["tickets"] == []
        with pytest.raises(NotFound, match="no such ticket"):
            client.get("v1/tickets/HC-9")


def test_a_change_is_said_once_whatever_the_answer(front: Front) -> None:
    front.failures.append(problem(Unavailable("The database is away")))
    waited: list[float] = []
    with Client(Caller(front.url), waited.append) as client, pytest.raises(Unavailable, match="The database is away"):
        client.change("POST", "v1/golives", {"name": "wave 1"})
    with Client(Caller("http://127.0.0.1:1"), waited.append) as client, pytest.raises(Unavailable, match="hypercare up"):
        client.change("POST", "v1/golives", {"name": "wave 1"})
    assert (len(front.asked), waited) == (1, [])
