"""Every refusal is a problem that says what to do, and leads to a page that says more."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import APIRouter, HTTPException
from starlette.testclient import TestClient

from services import errors
from services.errors import HypercareError
from services.web import remedies
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.desks import client_of, refused

ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, HypercareError)]
PAGE = Path(__file__).parent.parent / "docs" / "errors.md"
SECRET = "s3cret-4711"


class Broken(Exception):
    pass


def raising(error: Exception) -> Any:
    def endpoint() -> None:
        raise error

    return endpoint


@pytest.fixture
def client() -> Iterator[TestClient]:
    router = APIRouter()
    for each in ERRORS:
        router.add_api_route(f"/raise/{each.__name__}", raising(each("Do it otherwise")))
    router.add_api_route("/raise/bug", raising(Broken(SECRET)))
    router.add_api_route("/raise/http", raising(HTTPException(418, "I am short and stout", {"X-Spout": "here"})))
    router.add_api_route("/raise/long", raising(errors.Invalid("x" * 100_000)))
    router.add_api_route("/request-id", lambda: structlog.contextvars.get_contextvars())
    with client_of(create_app([router], SelfNamed())) as client:
        yield client


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_is_told_as_its_class_says(client: TestClient, error: type[HypercareError]) -> None:
    answer = client.get(f"/raise/{error.__name__}")
    problem = answer.json()
    assert (answer.status_code, problem["title"], problem["detail"]) == (error.status, error().title, "Do it otherwise")
    assert (problem["code"], problem["status"]) == (error().code, error.status)
    assert ("retry-after" in answer.headers) == error.retry
    assert ("www-authenticate" in answer.headers) == (error.status == 401)
    assert "errors" not in problem


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_type_of_a_problem_leads_to_what_to_do_on_the_service_and_in_the_docs(client: TestClient, error: type[HypercareError]) -> None:
    page, _, anchor = client.get(f"/raise/{error.__name__}").json()["type"].partition("#")
    assert f'id="{anchor}"' in client.get(page).text
    assert f"\n## {anchor}\n" in PAGE.read_text("utf-8")


def test_every_error_of_the_tree_has_a_remedy_of_its_own() -> None:
    assert set(remedies.REMEDIES) == set(ERRORS)


def test_the_page_of_errors_is_the_one_that_the_tree_makes() -> None:
    assert PAGE.read_text("utf-8") == remedies.as_markdown()


def test_a_fault_of_our_own_shows_nothing_but_where_to_look(client: TestClient) -> None:
    answer = client.get("/raise/bug")
    problem = refused(answer, 500, "hypercare-error")
    assert problem["request_id"] in problem["detail"]
    assert not re.search(f"{SECRET}|Broken|Traceback|File", answer.text)


def test_what_the_framework_refuses_is_a_problem_too(client: TestClient) -> None:
    refused(client.get("/nowhere"), 404, "not-found")
    refused(client.get("/livez/"), 404, "not-found")
    answer = client.delete("/livez")
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"
    stout = client.get("/raise/http")
    assert refused(stout, 418, "i-m-a-teapot")["detail"] == "I am short and stout"
    assert stout.headers["x-spout"] == "here"


def test_a_long_story_is_cut(client: TestClient) -> None:
    assert len(refused(client.get("/raise/long"), 422, "invalid")["detail"]) == 1_000


@pytest.mark.parametrize("given", ["desk-7.42_A", "x" * 64])
def test_a_request_id_of_the_caller_is_kept_in_answer_and_log(client: TestClient, given: str) -> None:
    answer = client.get("/request-id", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"], answer.json()) == (given, {"request_id": given})


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "é", "{}", "a;b"])
def test_a_request_id_that_could_spoil_a_log_is_replaced(client: TestClient, given: str) -> None:
    ids = {client.get("/livez", headers={b"X-Request-ID": given.encode()}).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
