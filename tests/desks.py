"""A desk over a real ledger, in this process or behind a real server on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from services.api import answering
from services.api.desk import Desk
from services.api.routes import ROUTERS, furnish
from services.ledger import Ledger
from services.teams import load_teams
from services.web.app import create_app
from services.web.callers import Callers, SelfNamed

TEAMS = load_teams(None)
TICKET: dict[str, Any] = {"title": "Line 3 stopped, no tags", "site": "Cork", "reporter": "olga"}
ANY = {"If-Match": "*"}
PROBLEM = "application/problem+json"


def app_of(ledger: Ledger, callers: Callers | None = None, **desk: Any) -> FastAPI:
    app = create_app(ROUTERS, callers or SelfNamed(), unlocked=[answering.router])
    app.state.seal = None
    furnish(app, Desk(ledger, **{"teams": TEAMS} | desk))
    return app


@contextmanager
def client_of(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a server on loopback. It ends as the product does: the drain begins, then the server closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, ws="none", log_config=None, timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            app.state.drain.begin()
            server.should_exit = True
            thread.join()


def submitted(client: TestClient, **fields: Any) -> str:
    """The id of a new ticket."""
    return str(taken(client.post("/v1/tickets", json=TICKET | fields))["id"])


def taken(answer: httpx2.Response) -> dict[str, Any]:
    """The content of an answer that must be a good one."""
    assert answer.is_success, answer.text
    content: dict[str, Any] = answer.json()
    return content


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem in an answer that must be a refusal: small, named, and explained."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/docs/errors#{code}")
    assert len(answer.content) <= 4096
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert ("retry-after" in answer.headers) == (code in ("unavailable", "in-flight"))
    return problem
