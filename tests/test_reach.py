"""A test message finds out whether a person can be reached, wakes nobody late, and mends what a message that was given up had broken."""

import asyncio
import json
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.db import migrate, open_database
from services.dispatcher.channels import Channel, Recorder, Undelivered
from services.ledger import Ledger
from services.oncall.given_up import given_up
from services.oncall.trial import LASTS, MOST
from services.teams import Teams
from tests.command_line import run
from tests.desks import app_of, client_of, refused, serving, taken
from tests.dispatching import Watch, outcomes, sending, settled, states, until
from tests.lives import entries_of

PEOPLE = """
[people.anna]
name = "Anna Berg"
page = ["mail:anna@plant.example", "pagerduty:anna"]
notify = ["console:anna", "mail:anna@plant.example"]

[people.tool]
name = "Only a tool"
page = ["alertmanager:https://alerts.plant.example/s3cret"]

[systems]
erp = "erp"

[teams.erp]
page = ["console:erp"]

[triage]
page = ["console:triage"]
"""
GAVE_UP = Undelivered("The mail server answered 550: no such mailbox", retry=False)
BUSY = Undelivered("The mail server answered 450: busy", retry=True)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def timed(database_url: str, watch: Watch) -> Iterator[Ledger]:
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database, watch)
    yield ledger
    ledger.close()
    database.close()


@pytest.fixture
def app(timed: Ledger) -> Any:
    return app_of(timed, teams=Teams.model_validate(tomllib.loads(PEOPLE)))


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    with client_of(app) as client:
        yield client


def tried(client: TestClient, person: str = "anna") -> dict[str, Any]:
    made: dict[str, Any] = taken(client.post(f"/v1/oncall/people/{person}/try", json={}, headers={"X-Actor": "dora"}))
    return made


def reach(client: TestClient) -> dict[str, tuple[str | None, str | None]]:
    return {each["target"]: (each.get("state"), each.get("error")) for each in client.get("/v1/oncall/people/anna/reach").json()["targets"]}


def sent(ledger: Ledger, *channels: Channel, number: int = 2) -> None:
    async def all_of_it() -> None:
        async with sending(ledger, *channels):
            await settled(ledger, number)

    asyncio.run(all_of_it())


def test_each_own_target_gets_one_message_that_says_that_nothing_has_happened(timed: Ledger, client: TestClient) -> None:
    mail, console = Recorder("mail"), Recorder("console")
    assert reach(client) == {"mail:anna@plant.example": (None, None), "pagerduty:anna": (None, None), "console:anna": (None, None)}
    made = tried(client)
    assert made["left_out"] == ["pagerduty:anna"]
    sent(timed, mail, console)
    ((message, address),) = mail.sent
    assert (address, message.title, message.about) == ("anna@plant.example", "Test: can Anna Berg be reached here?", None)
    assert "Nothing has happened" in message.text
    assert {message.delivery_id, console.sent[0][0].delivery_id} == set(made["deliveries"])
    assert reach(client)["mail:anna@plant.example"] == ("sent", None)
    (entry,) = [each for each in entries_of(timed) if each.type == "ReachTried"]
    assert (entry.actor in message.text, entry.data["person"]) == (True, "anna")


def test_a_message_that_was_given_up_breaks_a_target_and_a_test_that_arrives_mends_it(timed: Ledger, client: TestClient) -> None:
    mail, console = Recorder("mail"), Recorder("console")
    mail.refuse(GAVE_UP)
    tried(client)
    sent(timed, mail, console)
    assert reach(client)["mail:anna@plant.example"] == ("dead", GAVE_UP.reason)
    with timed.database.read() as connection:
        assert list(given_up(connection, timed.clock())) == [("mail", "anna@plant.example")]
    tried(client)
    sent(timed, mail, console, number=4)
    with timed.database.read() as connection:
        assert given_up(connection, timed.clock()) == {}


def test_a_test_that_could_not_be_sent_is_withdrawn_rather_than_sent_at_night(timed: Ledger, client: TestClient, watch: Watch) -> None:
    mail, console = Recorder("mail"), Recorder("console")
    mail.refuse(*[BUSY] * 50)
    tried(client)

    async def late() -> None:
        async with sending(timed, mail, console):
            await until(lambda: reach(client)["mail:anna@plant.example"] == ("pending", BUSY.reason))
            watch.ahead = LASTS + timedelta(seconds=1)
            await until(lambda: "NotificationWithdrawn" in dict(outcomes(timed)))

    asyncio.run(late())
    assert (mail.sent, sorted(states(timed))) == ([], ["sent", "withdrawn"])


def test_who_does_not_exist_and_who_has_only_a_tool_is_told(client: TestClient) -> None:
    refused(client.post("/v1/oncall/people/nobody/try", json={}), 404, "not-found")
    refused(client.get("/v1/oncall/people/nobody/reach"), 404, "not-found")
    answer = refused(client.post("/v1/oncall/people/tool/try", json={}), 422, "invalid")
    assert "tickets only" in str(answer)
    assert client.get("/v1/oncall/people/tool/reach").json()["targets"][0]["target"].startswith("alertmanager:alerts.plant.example#")


def test_a_person_is_not_tested_again_and_again(client: TestClient, watch: Watch) -> None:
    for _ in range(MOST):
        tried(client)
    assert "had 3 tests within 10 minutes" in str(refused(client.post("/v1/oncall/people/anna/try", json={}), 409, "conflict"))
    watch.ahead = LASTS + timedelta(seconds=1)
    tried(client)


def test_the_command_says_what_became_of_each_message(timed: Ledger, app: Any) -> None:
    mail, console = Recorder("mail"), Recorder("console")
    mail.refuse(GAVE_UP)

    async def tell(url: str) -> tuple[Any, Any]:
        async with sending(timed, mail, console):
            first = await asyncio.to_thread(run, "oncall", "try", "anna", "--url", url)
            second = await asyncio.to_thread(run, "oncall", "try", "anna", "--json", "--url", url)
        return first, second

    with serving(app) as url:
        first, second = asyncio.run(tell(url))
        third = run("oncall", "try", "anna", "--wait", "0", "--url", url)
    assert (first.exit_code, second.exit_code, third.exit_code) == (1, 0, 1)
    assert all(words in first.output for words in ("given up", "550", "arrived", "not tried"))
    assert [each["state"] for each in json.loads(second.stdout)] == ["sent", "sent"]
    assert "is a process with the role dispatcher running?" in " ".join(third.output.split())
