"""A woken person acknowledges or resolves by one link: looking changes nothing, one click does, in the name of whoever was told."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from schemas import events as e
from schemas.tickets import Ticket
from services.db import Database
from services.dispatcher.channels import Message
from services.dispatcher.leases import due, lease
from services.dispatcher.text import compose
from services.errors import Misconfigured
from services.ledger import Ledger
from services.links import Link, Links, Recipient, Seal, read_link
from services.teams import Teams
from services.web.callers import open_callers
from tests.desks import ANY, TEAMS, TICKET, app_of, client_of
from tests.dispatching import URL, Watch, asked, routed
from tests.lives import ENGINEER, entries_of, happened, ticket_of
from tests.processes import Process
from tests.processes import until as until_true
from tests.sinks import MailSink

SECRET, OTHER = "s" * 32, "o" * 32
LEA = "mail:lea@plant.example"
RESOLVED = {"cause_system": "erp", "cause_class": "configuration", "resolution": "The tag was mapped\r\nto the new address."}
NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
TOLD = Recipient("mail", "lea@plant.example", "HC-1")


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def timed(database: Database, watch: Watch) -> Iterator[Ledger]:
    opened = Ledger(database, watch)
    yield opened
    opened.close()


@pytest.fixture
def browser(timed: Ledger) -> Iterator[TestClient]:
    app = app_of(timed)
    app.state.seal = Seal([SECRET])
    with client_of(app) as client:
        yield client


def message(ledger: Ledger, ticket: Ticket, target: str = LEA, secret: str | None = SECRET) -> Message:
    """What arrives at a target because of what happened last to the ticket."""
    identity = asked(ledger, ticket, target)
    (candidate,) = [each for each in due(ledger, (), (), 100) if each.id == identity]
    leased = ledger.write(lambda draft: lease(draft, [candidate], 30.0)).result()[0]
    return compose(leased, Links(URL, Seal([secret]) if secret else None))


def link(told: Message, deed: str = "acknowledge") -> str:
    """The path of a message's link."""
    links: Any = told.data["links"]
    return str(urlsplit(links[f"{deed}_page"]).path)


def acknowledgements(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    return [(entry.actor, entry.role, entry.reason) for entry in entries_of(ledger) if entry.type == "TicketAcknowledged"]


def test_the_link_stands_in_the_mail_and_one_click_acknowledges_in_the_name_of_the_recipient(timed: Ledger, browser: TestClient) -> None:
    told = message(timed, routed(timed, "sev1", title="Line 3 stopped", stopped="Line 3", batch="B-2231", clock="40 min"))
    path = link(told)
    assert f"Acknowledge: {URL}{path}" in told.text.splitlines()
    page = browser.get(path)
    assert page.status_code == 200
    assert all(
        words in page.text for words in ("Acknowledge HC-1?", "Line 3", "B-2231", "40 min", "lea@plant.example", '<form method="post">')
    )
    assert acknowledgements(timed) == [], "looking changes nothing"
    answer = browser.post(path)
    assert (answer.status_code, "HC-1 is acknowledged" in answer.text) == (200, True)
    assert acknowledgements(timed) == [("lea@plant.example", "engineer", f"by link of delivery {told.delivery_id}")]
    assert (ticket_of(timed, "HC-1").state, ticket_of(timed, "HC-1").assignee) == ("acknowledged", "lea@plant.example")


@pytest.mark.parametrize(
    ("role", "acts_as"), [("engineer", "engineer"), ("lead", "engineer"), ("qa", "qa"), ("qa_reviewer", "qa_reviewer")]
)
def test_a_person_s_own_link_acts_under_their_key_and_shows_their_name(timed: Ledger, role: str, acts_as: str) -> None:
    own = {"name": "Lea <Ende>", "role": role, "page": [LEA, "apprise:lea"]}
    app = app_of(timed, teams=Teams.model_validate(TEAMS.model_dump() | {"people": {"lea": own}}))
    app.state.seal = Seal([SECRET])
    told = [message(timed, routed(timed, "sev1"), target) for target in (LEA, "apprise:lea")]
    path, other = link(told[0]), link(told[1], "resolve")
    with client_of(app) as client:
        assert "in the name of Lea &lt;Ende&gt;." in client.get(path).text
        assert (client.post(path).status_code, client.post(other, data=RESOLVED).status_code) == (200, 200)
    entries = [entry for entry in entries_of(timed) if entry.type in ("TicketAcknowledged", "TicketResolved")]
    assert [(entry.actor, entry.role) for entry in entries] == [("lea", acts_as)] * 2
    assert ticket_of(timed, "HC-1").assignee == "lea"


def test_a_link_at_an_address_of_two_people_acts_in_the_name_of_the_address(timed: Ledger) -> None:
    people = {key: {"name": key, "role": "qa", "page": [LEA]} for key in ("lea", "ben")}
    app = app_of(timed, teams=Teams.model_validate(TEAMS.model_dump() | {"people": people}))
    app.state.seal = Seal([SECRET])
    path = link(message(timed, routed(timed, "sev1")))
    with client_of(app) as client:
        assert "in the name of lea@plant.example." in client.get(path).text
        client.post(path)
    assert [(actor, role) for actor, role, _ in acknowledgements(timed)] == [("lea@plant.example", "engineer")]


def test_a_mail_scanner_that_follows_every_link_acknowledges_nothing(timed: Ledger, browser: TestClient) -> None:
    path = link(message(timed, routed(timed, "sev1")))
    for _ in range(3):
        browser.get(path)
        browser.head(path)
        browser.options(path)
    assert (acknowledgements(timed), ticket_of(timed, "HC-1").state) == ([], "routed")


def test_a_second_click_changes_nothing_and_says_who_has_it(timed: Ledger, browser: TestClient) -> None:
    first, second = (link(message(timed, ticket_of(timed, routed(timed, "sev1").id) if place == 0 else ticket_of(timed, "HC-1"), target))
                     for place, target in enumerate((LEA, "mail:erik@plant.example")))  # fmt: skip
    assert "<form" not in browser.post(first).text
    for path in (first, second):
        for page in (browser.get(path), browser.post(path)):
            assert (page.status_code, "lea@plant.example has it" in page.text) == (200, True)
    assert len(acknowledgements(timed)) == 1


def test_whoever_is_still_on_it_says_so_by_the_same_link_and_takes_it_from_nobody(timed: Ledger, browser: TestClient) -> None:
    told = message(timed, routed(timed, "sev1"), "mail:erik@plant.example")
    happened(timed, "HC-1", e.TicketAcknowledged(), ENGINEER)
    happened(timed, "HC-1", e.TicketPutOnHold(waiting_for="vendor"), ENGINEER)
    before = ticket_of(timed, "HC-1")
    page = browser.get(link(told))
    assert all(words in page.text for words in ("erik has it, erik acknowledged it last at", "I am on it"))
    assert acknowledgements(timed) == [(ENGINEER.actor, ENGINEER.role, ENGINEER.reason)], "looking changes nothing"
    answer = browser.post(link(told), data=seen(page))
    assert (answer.status_code, "erik@plant.example acknowledged it last" in answer.text, "<form" in answer.text) == (200, True, False)
    assert acknowledgements(timed)[1:] == [("erik@plant.example", "engineer", f"by link of delivery {told.delivery_id}")]
    after = ticket_of(timed, "HC-1")
    assert (after.state, after.assignee, after.acknowledged_at) == ("waiting", before.assignee, before.acknowledged_at)


def test_a_double_click_on_i_am_on_it_counts_once_and_so_does_one_after_somebody_elses(timed: Ledger, browser: TestClient) -> None:
    path = link(message(timed, routed(timed, "sev1")))
    browser.post(path)
    page = browser.get(path)
    for _ in range(3):
        assert browser.post(path, data=seen(page)).status_code == 200
    assert len(acknowledgements(timed)) == 2
    page = browser.get(path)
    happened(timed, "HC-1", e.TicketAssigned(assignee="ana"), ENGINEER)
    assert "ana has it" in browser.post(path, data=seen(page)).text
    assert len(acknowledgements(timed)) == 2, "who has it by now is shown first"


def seen(page: httpx2.Response) -> dict[str, str]:
    """What the page's button sends."""
    found = re.search(r'<input type="hidden" name="seen" value="([0-9]+)">', page.text)
    assert found is not None
    return {"seen": found[1]}


def test_after_an_engineer_s_link_that_of_qa_acknowledges_too_and_the_other_way_round(timed: Ledger) -> None:
    people: dict[str, Any] = {"quinn": {"name": "Quinn Feld", "role": "qa", "page": ["mail:quinn@plant.example", "mail:all@plant.example"]}}
    people["erik"] = {"name": "Erik Moe", "role": "engineer", "page": ["mail:all@plant.example"]}
    app = app_of(timed, teams=Teams.model_validate(TEAMS.model_dump() | {"people": people}))
    app.state.seal = Seal([SECRET])
    ticket = routed(timed, "sev1")
    with client_of(app) as client:
        for address in ("quinn", "all"):
            path = link(message(timed, ticket, f"mail:{address}@plant.example"))
            page = client.get(path)
            client.post(path, data=seen(page) if address == "all" else {})
    assert [(actor, role) for actor, role, _ in acknowledgements(timed)] == [
        ("quinn", "qa"),
        ("all@plant.example", "engineer"),
    ]


def test_a_link_lasts_for_a_day(timed: Ledger, browser: TestClient, watch: Watch) -> None:
    path = link(message(timed, routed(timed, "sev1")))
    watch.ahead = timedelta(hours=23, minutes=59)
    assert browser.get(path).status_code == 200
    watch.ahead = timedelta(hours=24, seconds=1)
    for page in (browser.get(path), browser.post(path)):
        assert (page.status_code, "has expired" in page.text) == (410, True)
    assert acknowledgements(timed) == []


@pytest.mark.parametrize("end", [e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown"), e.TicketCancelled()])
def test_of_an_ended_ticket_the_page_says_so(timed: Ledger, browser: TestClient, end: e.Event) -> None:
    path = link(message(timed, routed(timed, "sev1")))
    happened(timed, "HC-1", end, ENGINEER)
    page = browser.post(path)
    assert f"HC-1 is {ticket_of(timed, 'HC-1').state}" in page.text
    assert acknowledgements(timed) == []


def test_a_link_of_an_earlier_team_or_of_before_a_reopening_does_nothing(timed: Ledger, browser: TestClient) -> None:
    early = link(message(timed, routed(timed, "sev1")))
    happened(timed, "HC-1", e.TicketRouted(system="lims", team="lab"), ENGINEER)
    page = browser.post(early)
    assert (page.status_code, "It is with lab now" in page.text) == (409, True)
    late = link(message(timed, ticket_of(timed, "HC-1")))
    happened(timed, "HC-1", e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown"), ENGINEER)
    happened(timed, "HC-1", e.TicketReopened(), replace(ENGINEER, reason="it is back"))
    assert browser.post(late).status_code == 409
    assert acknowledgements(timed) == []


def test_resolving_by_link_asks_for_the_cause_and_for_what_was_done(timed: Ledger, browser: TestClient) -> None:
    told = message(timed, routed(timed, "sev1"))
    path = link(told, "resolve")
    page = browser.get(path)
    assert all(words in page.text for words in ("Resolve HC-1", 'name="cause_class"', '<option value="erp" selected>'))
    assert "not_recorded" not in page.text
    answer = browser.post(path, data=RESOLVED)
    assert (answer.status_code, "HC-1 is resolved" in answer.text) == (200, True)
    entry = entries_of(timed, "HC-1")[-1]
    assert (entry.type, entry.actor, entry.role) == ("TicketResolved", "lea@plant.example", "engineer")
    assert entry.data == {**RESOLVED, "resolution": "The tag was mapped\nto the new address."}
    assert browser.post(path, data=RESOLVED).status_code == 200
    assert [each.type for each in entries_of(timed)].count("TicketResolved") == 1


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        ({"resolution": "   "}, "what was done"),
        ({"cause_class": ""}, "the kind of cause"),
        ({"cause_class": "nonsense"}, "the kind of cause"),
        ({"cause_system": "<b>"}, "the system that caused it"),
    ],
)
def test_an_incomplete_form_comes_back_with_all_that_was_written(
    timed: Ledger, browser: TestClient, change: dict[str, str], asks: str
) -> None:
    path = link(message(timed, routed(timed, "sev1")), "resolve")
    answer = browser.post(path, data=RESOLVED | {"resolution": "Half an hour of <typing>"} | change)
    assert (answer.status_code, f"Please say {asks}" in answer.text) == (422, True)
    assert ("Half an hour of &lt;typing&gt;" in answer.text) is ("resolution" not in change)
    assert ticket_of(timed, "HC-1").state == "routed"


def test_a_form_without_any_field_or_with_too_many_is_asked_for_again(timed: Ledger, browser: TestClient) -> None:
    path = link(message(timed, routed(timed, "sev1")), "resolve")
    for body in (b"", b"\xff\xfe", b"a=1&" * 50):
        assert browser.post(path, content=body).status_code == 422
    assert browser.post(path, content=b"a=" + b"x" * 70_000).status_code == 413


def test_a_page_needs_no_key_and_nothing_from_elsewhere_and_may_stand_in_no_frame(timed: Ledger, tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text("")
    app = app_of(timed, open_callers(tmp_path / "keys.toml"))
    app.state.seal = Seal([SECRET])
    path = link(message(timed, routed(timed, "sev1", title="<script>alert(1)</script>\u202e", stopped='"><img src=x>')))
    with client_of(app) as client:
        assert client.get("/v1/tickets/HC-1").status_code == 401
        page = client.get(path)
    policy = page.headers["content-security-policy"]
    assert all(part in policy for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"))
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert not any(words in page.text for words in ("<script", "<img", "http://", "https://", "\u202e", ' src="'))
    assert "\\u202e" in page.text


def test_a_link_is_bound_to_its_recipient_ticket_deed_delivery_and_time(timed: Ledger, browser: TestClient) -> None:
    path = link(message(timed, routed(timed, "sev1")))
    deed, expires, delivery, episode, mark = path.removeprefix("/a/").split(".")
    other = link(message(timed, ticket_of(timed, "HC-1"), "mail:erik@plant.example")).removeprefix("/a/").split(".")
    forged = [
        ("resolve", expires, delivery, episode, mark),
        (deed, str(int(expires) + 1), delivery, episode, mark),
        (deed, expires, other[2], episode, mark),
        (deed, expires, delivery, "0-lab", mark),
        (deed, expires, delivery, episode, "A" * 22),
        (deed, expires, "none-such", episode, mark),
        (deed, expires, delivery, episode, mark[:-1]),
    ]
    for parts in forged:
        answer = browser.post("/a/" + ".".join(parts))
        assert (answer.status_code, "not valid" in answer.text) == (404, True), parts
    assert acknowledgements(timed) == []
    assert browser.post(path).status_code == 200


def test_without_a_secret_there_are_no_links_and_no_link_works(timed: Ledger, browser: TestClient) -> None:
    ticket = routed(timed, "sev1")
    path = link(message(timed, ticket))
    told = message(timed, ticket, "mail:erik@plant.example", secret=None)
    assert f"Acknowledge: POST {URL}/v1/tickets/HC-1/acknowledge" in told.text.splitlines()
    assert "/a/" not in told.text
    browser.app.state.seal = None  # type: ignore[attr-defined]
    assert browser.post(path).status_code == 404


@pytest.mark.parametrize("target", ["webhook:https://oncall.example/", "pagerduty:erp", "console:erp"])
def test_what_reaches_no_single_person_holds_no_link_that_acts_in_somebodys_name(timed: Ledger, target: str) -> None:
    told = message(timed, routed(timed, "sev1"), target)
    assert "/a/" not in f"{told.text}{told.brief}{told.data}"


def test_a_ticket_in_triage_cannot_be_acknowledged_so_its_message_holds_no_link(timed: Ledger) -> None:
    ticket = routed(timed, "sev1")
    happened(timed, ticket.id, e.TicketReturned(), replace(ENGINEER, reason="not ours at all"))
    assert "/a/" not in message(timed, ticket).text


def test_the_same_delivery_sent_again_holds_the_same_link() -> None:
    seal, made = Seal([SECRET]), Link("acknowledge", "dlv-1", "0-erp", NOW)
    assert seal.token(made, TOLD) == seal.token(made, TOLD)
    assert len(f"{URL}/a/{seal.token(made, TOLD)}") < 160


@pytest.mark.parametrize("change", [{"address": "erik@plant.example"}, {"channel": "apprise"}, {"ticket": "HC-2"}])
def test_a_seal_holds_for_the_recipient_and_the_ticket_that_it_was_made_for(change: dict[str, str]) -> None:
    token = Seal([SECRET]).token(Link("acknowledge", "dlv-1", "0-erp", NOW), TOLD)
    assert Seal([SECRET]).holds(token, TOLD)
    assert not Seal([SECRET]).holds(token, replace(TOLD, **change))


def test_while_a_secret_is_replaced_links_of_both_hold_and_new_ones_are_of_the_first() -> None:
    made = Link("acknowledge", "dlv-1", "0-erp", NOW)
    old = Seal([SECRET]).token(made, TOLD)
    both = Seal([OTHER, SECRET])
    assert both.holds(old, TOLD)
    assert Seal([OTHER]).holds(both.token(made, TOLD), TOLD)
    assert not Seal([OTHER]).holds(old, TOLD)


@given(place=st.integers(0, 200), letter=st.characters(codec="ascii"))
def test_a_token_with_one_changed_letter_never_holds(place: int, letter: str) -> None:
    token = Seal([SECRET]).token(Link("resolve", "dlv-1", "2-erp", NOW), TOLD)
    at = place % len(token)
    changed = token[:at] + letter + token[at + 1 :]
    assert Seal([SECRET]).holds(changed, TOLD) is (changed == token)


@given(st.text())
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    assert read_link(text) is None or "." in text


@pytest.mark.parametrize("secrets", [[], ["short"], [SECRET] * 3, [SECRET, "short"]])
def test_a_weak_secret_is_named_at_once_and_not_quoted(secrets: list[str]) -> None:
    with pytest.raises(Misconfigured, match="at least 32 characters") as refused:
        Seal(secrets)
    assert "short" not in str(refused.value)


TEAMS_FILE = """
[people.lea]
name = "Lea Ende"
time_zone = "Asia/Tokyo"
page = ["mail:lea@plant.example"]
[systems]
erp = "erp"
[teams.erp]
page = ["mail:lea@plant.example"]
notify = ["mail:lea@plant.example"]
[triage]
page = ["mail:lea@plant.example"]
"""


def test_in_the_real_process_a_letter_arrives_and_its_link_acknowledges(tmp_path: Path) -> None:
    (tmp_path / "teams.toml").write_text(TEAMS_FILE)
    with MailSink() as post:
        server = {"smtp_host": "127.0.0.1", "smtp_port": str(post.port), "smtp_security": "none", "smtp_sender": "hypercare@plant.example"}
        wanted = {"database_url": f"sqlite:///{tmp_path / 'h.db'}", "teams_file": str(tmp_path / "teams.toml"), "link_secret": SECRET}
        with Process(["services", "up"], wanted | server, tmp_path / "log") as process:
            url = process.ready().url
            ticket = httpx2.post(f"{url}/v1/tickets", json=TICKET).json()["id"]
            said = {"system": "erp", "reason": "orders are missing there"}
            httpx2.post(f"{url}/v1/tickets/{ticket}/route", json=said, headers=ANY).raise_for_status()
            letter = until_true(lambda: next((each for each in post.letters if "/a/acknowledge" in each.get_content()), None), "the letter")
            path = next(line for line in letter.get_content().splitlines() if line.startswith("Acknowledge: ")).rpartition("/a/")[2]
            assert " JST (" in letter.get_content()
            assert "Acknowledge HC-1?" in httpx2.get(f"{url}/a/{path}").text
            assert httpx2.post(f"{url}/a/{path}").status_code == 200
            taken = httpx2.get(f"{url}/v1/tickets/{ticket}").json()
            process.stop()
    assert (taken["state"], taken["assignee"]) == ("acknowledged", "lea")
