"""The API keeps what its OpenAPI document says."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from services.api.desk import Desk
from services.api.routes import ROUTERS, furnish, openapi_document
from services.ledger import Ledger
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.desks import PROBLEM, TEAMS, client_of, submitted

KEPT = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


APP = create_app(ROUTERS, SelfNamed())
DESCRIBED = schemathesis.openapi.from_asgi("/openapi.json", APP).include(path_regex="^/v1/").exclude(path="/v1/stream")


@pytest.fixture
def furnished(ledger: Ledger) -> Iterator[None]:
    furnish(APP, Desk(ledger, TEAMS))
    with client_of(APP) as client:
        for _ in range(3):
            submitted(client)
        yield


@DESCRIBED.parametrize()
@settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_one_that_is_described(case: Any, furnished: None) -> None:
    refusing = [] if case.path == "/v1/tickets:batch" else [checks.negative_data_rejection]
    case.call_and_validate(checks=KEPT + refusing)


def test_the_document_is_valid_for_the_version_that_it_names() -> None:
    document = openapi_document()
    assert document["openapi"] == "3.2.0"
    validate(document)


def test_an_older_version_would_not_allow_what_the_stream_says() -> None:
    assert not OpenAPIV31SpecValidator(openapi_document() | {"openapi": "3.1.0"}).is_valid()


def test_every_refusal_is_described_as_a_problem() -> None:
    document = openapi_document()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            refusals = {status: each for status, each in operation["responses"].items() if status >= "400"}
            assert {content for each in refusals.values() for content in each["content"]} <= {PROBLEM}, (method, path)
    assert {"type", "title", "status", "detail", "request_id"} <= set(document["components"]["schemas"]["Problem"]["required"])


def test_the_desk_needs_neither_a_model_nor_a_broker() -> None:
    code = "import sys, services.api.routes; print([name for name in ('sklearn', 'scipy', 'numpy', 'aiokafka') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
