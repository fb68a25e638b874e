"""/livez says whether the process answers, /readyz what is missing for work and how to mend it."""

import threading
from collections.abc import Callable

import httpx2
import pytest
from fastapi import FastAPI

from services.db import Database, migrate, open_database, ping
from services.errors import Unavailable
from services.web.app import create_app
from services.web.callers import SelfNamed
from services.web.health import Check, Health
from tests.databases import running_postgres
from tests.desks import client_of, refused, serving, taken


def away() -> None:
    raise Unavailable("Kafka does not answer; is HYPERCARE_KAFKA_BOOTSTRAP_SERVERS right?")


def buggy() -> None:
    raise KeyError("secret")


def app_with(*checks: tuple[str, Callable[[], None]], deadline: float = 2.0) -> FastAPI:
    app = create_app([], SelfNamed())
    app.state.health = Health([Check(*check) for check in checks], app.state.drain, deadline)
    return app


def test_a_process_whose_dependencies_answer_is_ready(database: Database) -> None:
    with client_of(app_with(("database", lambda: ping(database)))) as client:
        assert taken(client.get("/readyz")) == {"status": "ready", "checks": ["database"]}
        assert taken(client.get("/livez")) == {"status": "alive"}


def test_what_is_missing_is_named_with_its_remedy_and_nothing_else() -> None:
    with client_of(app_with(("database", lambda: None), ("kafka", away), ("model", buggy))) as client:
        problem = refused(client.get("/readyz"), 503, "unavailable")
        assert client.get("/livez").status_code == 200
    assert problem["detail"] == "Not ready: kafka, model"
    assert problem["errors"] == [
        {"pointer": "kafka", "detail": "Kafka does not answer; is HYPERCARE_KAFKA_BOOTSTRAP_SERVERS right?", "code": "unavailable"},
        {"pointer": "model", "detail": "It failed with KeyError; the log of this process tells more", "code": "failed"},
    ]


def test_a_check_that_hangs_is_given_up_and_not_started_twice() -> None:
    release, started = threading.Event(), []

    def hangs() -> None:
        started.append(1)
        release.wait(30)

    with client_of(app_with(("database", hangs), ("kafka", lambda: None), deadline=0.05)) as client:
        for _ in range(3):
            assert refused(client.get("/readyz"), 503, "unavailable")["errors"][0]["code"] == "no-answer"
        assert started == [1]
        release.set()
        while (answer := client.get("/readyz")).status_code == 503:
            pass
        assert answer.json()["checks"] == ["database", "kafka"]


def test_a_process_that_is_about_to_end_is_alive_but_not_ready() -> None:
    app = app_with(("kafka", away))
    with client_of(app) as client:
        app.state.drain.begin()
        assert [fault["code"] for fault in refused(client.get("/readyz"), 503, "unavailable")["errors"]] == ["draining"]
        assert client.get("/livez").status_code == 200


def test_readiness_follows_a_database_that_goes_and_comes_back() -> None:
    with running_postgres() as server:
        database = open_database(server.url.render_as_string(hide_password=False))
        migrate(database)
        with client_of(app_with(("database", lambda: ping(database)))) as client:
            assert client.get("/readyz").status_code == 200
            server.crash()
            assert refused(client.get("/readyz"), 503, "unavailable")["errors"][0]["pointer"] == "database"
            assert client.get("/livez").status_code == 200
            server.start()
            assert client.get("/readyz").status_code == 200
        database.close()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_over_a_real_connection(path: str) -> None:
    with serving(create_app([], SelfNamed())) as url:
        assert httpx2.get(url + path).status_code == 200
