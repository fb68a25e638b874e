"""The life of one ticket, as everybody meets it: the desk, the classifier, the engineer, the reporter, the manager and the auditor."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.ledger import export
from services.settings import load_settings
from services.up import Stage, running
from services.verifier import verify

EMBEDDED = ("api", "classifier", "dispatcher", "stabilisation")
TOLD = {
    "title": "IDoc 51 on LOIPRO since 02:00, process orders missing in the MES",
    "body": "Orders released in SAP do not arrive in the MES order list, BD87 shows status 51. Line 3 has work until 14:00.",
    "site": "Cork", "reporter": "olga", "reporter_role": "planner", "area": "Line 3", "process_order": "100045712",
}  # fmt: skip
DORA = {"Hypercare-Actor": "dora", "Hypercare-Role": "support_desk"}
ERIK = {"Hypercare-Actor": "erik", "Hypercare-Role": "it_engineer"}
QUINN = {"Hypercare-Actor": "quinn", "Hypercare-Role": "qa_reviewer"}


@pytest.fixture
def phone() -> io.StringIO:
    """Where the people on call read what they are told."""
    return io.StringIO()


@pytest.fixture
async def stage(tmp_path: Path, phone: io.StringIO) -> AsyncIterator[Stage]:
    """Everything in one process on SQLite, as a newcomer runs it."""
    settings = load_settings(database_url=f"sqlite:///{tmp_path / 'hypercare.db'}", port=0, autonomy="granted", blind_share=0)
    async with running(settings, EMBEDDED, phone) as running_stage:
        yield running_stage


@pytest.fixture
async def http(stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=stage.url, timeout=20) as client:
        yield client


async def ask(http: httpx2.AsyncClient, path: str) -> Any:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until(http: httpx2.AsyncClient, path: str, condition: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(30):
        while not condition(found := await ask(http, path)):
            await asyncio.sleep(0.02)
    return found


async def do(http: httpx2.AsyncClient, ticket: dict[str, Any], verb: str, who: dict[str, str], **content: Any) -> dict[str, Any]:
    """A change by a person who has seen the ticket as it is."""
    seen = who | {"If-Match": f'"{ticket["version"]}"'}
    answer = await http.post(f"/v1/tickets/{ticket['id']}/{verb}", json=content, headers=seen)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


async def test_the_life_of_a_ticket(stage: Stage, http: httpx2.AsyncClient, phone: io.StringIO) -> None:
    # The desk submits. The answer comes after the commit: the ticket is safe.
    answer = await http.post("/v1/tickets", json=TOLD, headers=DORA | {"Idempotency-Key": "call-4711"})
    assert answer.status_code == 201
    home = answer.headers["location"]
    assert (home, answer.json()["state"]) == ("/v1/tickets/HC-1", "submitted")

    # The line was bad and the desk sends it again: the same ticket, not a second one.
    again = await http.post("/v1/tickets", json=TOLD, headers=DORA | {"Idempotency-Key": "call-4711"})
    assert (again.status_code, again.headers["location"]) == (200, home)

    # The classifier decides, and says why.
    ticket = await until(http, home, lambda found: found["state"] == "routed")
    assert (ticket["system"], ticket["team"]) == ("erp", "erp")
    assert ticket["decision"]["confidence"] >= ticket["decision"]["threshold"]
    assert ticket["decision"]["words"]

    # The team hears of it, once, with what a woken person needs.
    async with asyncio.timeout(30):
        while "HC-1" not in phone.getvalue():
            await asyncio.sleep(0.02)
    told = phone.getvalue()
    assert all(word in told for word in ("Cork", "Line 3", "100045712", "IDoc 51", f"/v1/tickets/{ticket['id']}"))

    # The engineer takes it, waits for SAP basis, goes on, and resolves it with the cause.
    ticket = await do(http, ticket, "acknowledge", ERIK)
    ticket = await do(http, ticket, "hold", ERIK, waiting_for="change_approval", reason="transport needs approval")
    ticket = await do(http, ticket, "resume", ERIK)
    ticket = await do(http, ticket, "resolve", ERIK, cause_system="erp", cause_class="master_data", resolution="partner profile mended")
    assert (ticket["state"], ticket["assignee"]) == ("resolved", "erik")

    # It was not solved. It comes back, QA looks at it, and at last it is closed.
    ticket = await do(http, ticket, "reopen", DORA, reason="order 100045713 is missing too")
    ticket = await do(http, ticket, "classify", QUINN, severity="sev2", gxp="potential", reason="a batch waits for its order")
    ticket = await do(http, ticket, "acknowledge", ERIK)
    ticket = await do(http, ticket, "resolve", ERIK, cause_system="erp", cause_class="interface_technical", resolution="queue unblocked")
    ticket = await do(http, ticket, "close", DORA, reason="planner sees both orders")

    # The manager's figures have moved.
    figures = await ask(http, "/v1/sites/Cork/figures")
    assert (figures["open"]["total"], figures["done"]["closed"], figures["reopened"]) == (0, 1, 1)
    assert figures["resolution"]["all"]["count"] == 1
    metrics = (await http.get("/metrics")).text
    assert 'hypercare_tickets_submitted_total{site="Cork"} 1.0' in metrics

    # The auditor sees who did what, when and why, and the ticket as it was at any time.
    history = await ask(http, f"{home}/history")
    people = [(entry["type"], entry["actor"]) for entry in history["entries"] if not entry["type"].startswith("Notification")]
    assert people == [
        ("TicketSubmitted", "dora"), ("TicketClassified", "service:classifier"), ("TicketRouted", "service:classifier"),
        ("TicketAcknowledged", "erik"), ("TicketPutOnHold", "erik"), ("TicketResumed", "erik"), ("TicketResolved", "erik"),
        ("TicketReopened", "dora"), ("TicketReclassified", "quinn"), ("TicketAcknowledged", "erik"), ("TicketResolved", "erik"),
        ("TicketClosed", "dora"),
    ]  # fmt: skip
    held = next(entry for entry in history["entries"] if entry["type"] == "TicketPutOnHold")
    assert held["reason"] == "transport needs approval"
    then = await http.get(home, params={"as_of": held["recorded_at"]})
    assert (then.json()["state"], then.json()["waiting_for"]) == ("waiting", "change_approval")

    # And the ledger that all this rests on is whole.
    with stage.ledger.database.read() as connection:
        assert verify(export(connection)).bad is None


async def test_a_ticket_that_the_classifier_is_not_sure_of_waits_for_a_person(http: httpx2.AsyncClient, phone: io.StringIO) -> None:
    vague = {"title": "does not work again!!", "site": "Cork", "reporter": "olga"}
    home = (await http.post("/v1/tickets", json=vague, headers=DORA)).headers["location"]
    ticket = await until(http, home, lambda found: found["state"] == "triage")
    queue = await ask(http, "/v1/triage")
    assert [waiting["ticket"]["id"] for waiting in queue["tickets"]] == [ticket["id"]]
    assert len(ticket["decision"]["systems"]) > 1
    routed = await do(http, ticket, "route", DORA, system="infrastructure", reason="called back: the terminal has no network")
    assert (routed["state"], routed["team"]) == ("routed", "it")
    async with asyncio.timeout(30):
        while "terminal" not in phone.getvalue() and "does not work again" not in phone.getvalue():
            await asyncio.sleep(0.02)
