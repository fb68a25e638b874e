"""Tools that keep incidents of their own hear when one begins, when somebody is at it, and when it ends, whatever comes late."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest

from schemas import events as e
from services.dispatcher.channels import (
    About,
    AlertmanagerSettings,
    AppriseSettings,
    Message,
    PagerDutySettings,
    Undelivered,
    open_channels,
)
from services.dispatcher.channels.chat import fitting, unmentioned
from services.dispatcher.channels.courier import Road
from services.dispatcher.channels.incident import stage
from services.dispatcher.equipment import open_channels_from
from services.dispatcher.past import incidents, standing, stood_before
from services.dispatcher.requests import Requests
from services.errors import Misconfigured
from services.ledger import Ledger
from services.runner import Occurrence
from services.settings import load_settings
from services.tickets import fold
from tests.dispatching import TEAMS, asked, outcomes, routed, sending, settled, targets
from tests.lives import ENGINEER, entries_of, happened
from tests.sinks import Sink
from tests.test_dispatcher import facing

LOOPBACK = Road(["127.0.0.0/8"])
KEY = "0123456789abcdef0123456789abcdef"
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown how")
AT = "2026-03-02T06:10:00+00:00"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def about(state: str = "routed", cause: str = "TicketRouted", severity: str = "sev2") -> Message:
    told = {"state": state, "site": "Cork", "cause": {"type": cause, "at": AT}, "links": {"ticket": "https://h.example/v1/tickets/HC-12"}}
    return Message("dlv-1", "Line 3 stopped", "Line 3 stopped.", About("HC-12", severity, "erp", "erp-team"), told)


@pytest.mark.parametrize(
    ("state", "cause", "expected"),
    [
        ("routed", "TicketRouted", "trigger"),
        ("triage", "TicketQueued", "trigger"),
        ("acknowledged", "TicketAcknowledged", "acknowledge"),
        ("acknowledged", "TicketRouted", "acknowledge"),
        ("waiting", "TicketReclassified", "trigger"),
        ("resolved", "TicketResolved", "resolve"),
        ("cancelled", "TicketRouted", "resolve"),
        ("backlogged", "TicketBacklogged", "resolve"),
    ],
)
def test_the_stage_follows_the_ticket_and_only_a_raise_wakes_whoever_is_at_work(state: str, cause: str, expected: str) -> None:
    assert stage(about(state, cause)) == expected


@pytest.mark.parametrize("cause", ["TicketAcknowledged", "TicketCommented"])
def test_a_page_because_a_sign_of_work_has_expired_wakes_people_and_word_of_it_does_not(cause: str) -> None:
    told = about("acknowledged", cause)
    assert stage(replace(told, data={**told.data, "urgency": "page"})) == "trigger"
    assert stage(replace(told, data={**told.data, "urgency": "notify"})) == "acknowledge"


def test_one_ticket_is_one_incident_of_pagerduty_from_trigger_to_resolve(sink: Sink) -> None:
    duty = open_channels(PagerDutySettings({"erp": KEY}, sink.url, LOOPBACK))["pagerduty"]
    for state in ("routed", "acknowledged", "resolved"):
        duty.send(about(state), "erp")
    told = [json.loads(request.body) for request in sink.received]
    assert [each["event_action"] for each in told] == ["trigger", "acknowledge", "resolve"]
    assert {(each["dedup_key"], each["routing_key"]) for each in told} == {("hypercare:HC-12", KEY)}
    assert (told[0]["payload"]["severity"], told[0]["payload"]["source"]) == ("error", "Cork")
    assert told[0]["links"] == [{"href": "https://h.example/v1/tickets/HC-12", "text": "HC-12"}]


def test_a_name_without_a_routing_key_is_said_and_sends_nothing(sink: Sink) -> None:
    with pytest.raises(Undelivered, match="No routing key is configured under the name lims") as refused:
        open_channels(PagerDutySettings({"erp": KEY}, sink.url, LOOPBACK))["pagerduty"].send(about(), "lims")
    assert (refused.value.retry, sink.connections) == (False, 0)


def alerts(sink: Sink, message: Message) -> list[dict[str, Any]]:
    open_channels(AlertmanagerSettings(LOOPBACK))["alertmanager"].send(message, f"http://127.0.0.1:{sink.port}/am/")
    request = sink.wait_for(1)[-1]
    assert request.path == "/am/api/v2/alerts"
    told: list[dict[str, Any]] = json.loads(request.body)
    return told


def firing(told: list[dict[str, Any]]) -> list[str]:
    return [each["labels"]["severity"] for each in told if each["endsAt"] > each["startsAt"]]


def test_an_alert_fires_under_the_present_severity_and_ends_under_every_other(sink: Sink) -> None:
    told = alerts(sink, about(severity="sev2"))
    assert told[0]["labels"] == {"alertname": "HypercareTicket", "ticket": "HC-12", "site": "Cork", "severity": "sev2"}
    assert (firing(told), len(told)) == (["sev2"], 5)
    assert told[0]["generatorURL"] == "https://h.example/v1/tickets/HC-12"


def test_the_end_of_a_ticket_ends_its_alerts_under_every_severity(sink: Sink) -> None:
    told = alerts(sink, about("resolved", "TicketResolved"))
    assert (firing(told), len(told)) == ([], 5)
    assert {each["endsAt"] for each in told} == {AT}


def told_of(ledger: Ledger, ticket: str) -> set[tuple[str, str]]:
    entries = entries_of(ledger, ticket)
    database = ledger.database
    requests = Requests(TEAMS, partial(stood_before, database), partial(standing, database), partial(incidents, database))
    entry, now = entries[-1], fold(entries)
    assert now
    return targets(requests.handle([Occurrence(entry, e.EVENTS[entry.type].model_validate(entry.data), now)])[0])


@pytest.mark.parametrize("event", [e.TicketAcknowledged(), RESOLVED, e.TicketCancelled(), e.TicketBacklogged()])
def test_only_tools_that_opened_an_incident_hear_that_it_is_taken_or_ended(ledger: Ledger, event: e.Event) -> None:
    ticket = routed(ledger, "sev1")
    asked(ledger, ticket, "pagerduty:erp")
    asked(ledger, ticket, "alertmanager:http://10.0.0.1:9093/", "notify")
    asked(ledger, ticket, "mail:lea@plant.example")
    happened(ledger, ticket.id, event, replace(ENGINEER, reason="as agreed with the line"))
    assert told_of(ledger, ticket.id) == {("notify", "pagerduty:erp"), ("notify", "alertmanager:http://10.0.0.1:9093/")}


async def test_an_end_is_sent_although_nobody_needs_to_hear_of_the_ticket_any_more(ledger: Ledger, sink: Sink) -> None:
    ticket = routed(ledger, "sev1")
    page = asked(ledger, ticket, "pagerduty:erp")
    happened(ledger, ticket.id, RESOLVED)
    end = asked(ledger, ticket, "pagerduty:erp", "notify")
    async with sending(ledger, *open_channels(PagerDutySettings({"erp": KEY}, sink.url, LOOPBACK)).values()):
        await settled(ledger, 2)
    assert set(outcomes(ledger)) == {("NotificationWithdrawn", page), ("NotificationSent", end)}
    assert [json.loads(request.body)["event_action"] for request in sink.received] == ["resolve"]


async def test_an_end_that_was_overtaken_by_a_reopening_is_withdrawn(ledger: Ledger, sink: Sink) -> None:
    ticket = routed(ledger, "sev1")
    happened(ledger, ticket.id, RESOLVED)
    end = asked(ledger, ticket, "pagerduty:erp", "notify")
    happened(ledger, ticket.id, e.TicketReopened(), replace(ENGINEER, reason="it is back"))
    async with sending(ledger, *open_channels(PagerDutySettings({"erp": KEY}, sink.url, LOOPBACK)).values()):
        await settled(ledger)
    assert (outcomes(ledger), sink.received) == ([("NotificationWithdrawn", end)], [])


def test_targets_carry_names_and_the_secrets_behind_them_are_asked_for_by_setting() -> None:
    teams = facing("pagerduty:erp", "apprise:night", "alertmanager:https://am.plant.example/")
    with pytest.raises(Misconfigured) as refused:
        open_channels_from(load_settings(), teams)
    assert "add erp=ROUTING_KEY to HYPERCARE_PAGERDUTY_KEYS" in str(refused.value)
    assert "add night=URL to HYPERCARE_CHAT_URLS" in str(refused.value)
    settings = load_settings(pagerduty_keys=f"mes=x erp={KEY}")
    opened = open_channels_from(settings, facing("pagerduty:erp", "alertmanager:https://am.plant.example/"))
    assert sorted(opened) == ["alertmanager", "console", "pagerduty"]


@pytest.mark.skipif(find_spec("apprise") is not None, reason="NOT RUN: the chat extra is installed")
def test_without_the_chat_extra_the_line_that_installs_it_is_said() -> None:
    with pytest.raises(Misconfigured, match=r"pip install 'hypercare\[chat\]'"):
        open_channels(AppriseSettings({"night": "json://127.0.0.1/"}))


def test_a_text_calls_nobody_and_stays_legible() -> None:
    assert unmentioned("@everyone <!channel> <@U12> a@here.example @all") == "@ everyone < !channel> < @U12> a@ here.example @ all"
    assert unmentioned("lea@plant.example, 3 < 4, <b>") == "lea@plant.example, 3 < 4, <b>"


@dataclass
class Service:
    """What of an apprise service decides how much it is told."""

    body_maxlen: int
    title_maxlen: int = 250


def test_a_service_is_told_as_much_as_it_takes_and_the_way_to_answer_goes_last() -> None:
    message = replace(about(), text="x" * 900, brief="SEV2 HC-12 · Line 3 · Cork\nhttps://h.example/a/token")
    assert fitting(message, Service(4_000)) == f"{message.text}\n\nHC-12 · delivery dlv-1"
    assert fitting(message, Service(160)) == message.brief
    assert fitting(message, Service(40)) == "SEV2 HC-12 · Line 3 · Cork"
    assert fitting(message, Service(70, title_maxlen=0)) == message.brief
    assert fitting(message, Service(10)) == "SEV2 HC-12"
    assert fitting(replace(message, brief=""), Service(10)).startswith("xxx"), "rather too long than nothing"
