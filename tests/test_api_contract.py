"""The API keeps what its OpenAPI document says."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from schemathesis.specs.openapi.schemas import OpenApiSchema

from services.api.desk import Desk
from services.api.routes import ROUTERS, furnish, openapi_document
from services.ledger import Ledger
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.desks import TEAMS, client_of, submitted

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
