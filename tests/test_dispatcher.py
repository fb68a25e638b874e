"""Who is told of what, and what they read."""

import io
from collections.abc import Sequence
from typing import Any

import pytest

from schemas import events as e
from schemas.entries import Attribution
from schemas.tables import TICKETS
from schemas.tickets import Ticket
from services.dispatcher import dispatcher, open_channels_from
from services.dispatcher.channels import Message
from services.dispatcher.leases import due, lease
from services.dispatcher.requests import LISTENS_TO, candidates
from services.dispatcher.text import compose
from services.errors import Misconfigured
from services.ledger import Ledger
from services.links import Links
from services.log import Batch
from services.log.table import TableLog
from services.runner import Occurrence
from services.settings import load_settings
from services.teams import Teams
from tests.dispatching import TEAMS, URL, asked, decided, routed, targets, until
from tests.lives import ENGINEER, QA, SERVICE, decided_for_group, entries_of, happened, submitted, ticket_of
from tests.test_runner import Script, handled, running

LEAD = Attribution("lea", "triage_lead", reason="a second line has stopped")
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown how")
SECRET = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"


def last(ledger: Ledger, ticket: str) -> Occurrence:
    """What happened last to a ticket that the dispatcher listens to, as the runner would hand it over."""
    entry = next(each for each in reversed(entries_of(ledger, ticket)) if e.EVENTS[each.type] in LISTENS_TO)
    return Occurrence(entry, e.EVENTS[entry.type].model_validate(entry.data), ticket_of(ledger, ticket))


def told(ledger: Ledger, *work: Occurrence, teams: Teams = TEAMS) -> list[Sequence[e.Event]]:
    return list(dispatcher(teams, ledger.database).handle(work))


def told_of(ledger: Ledger, ticket: Ticket, teams: Teams = TEAMS) -> set[tuple[str, str]]:
    """Who hears of what happened last to the ticket."""
    return targets(told(ledger, last(ledger, ticket.id), teams=teams)[0])


def queued(ledger: Ledger, classified: e.TicketClassified | None) -> Ticket:
    ticket = submitted(ledger)
    if classified:
        happened(ledger, ticket.id, classified, SERVICE)
    return happened(ledger, ticket.id, e.TicketQueued(), SERVICE)


@pytest.mark.parametrize(
    ("severity", "expected"),
    [("sev1", ("page", "pager:erp")), ("sev2", ("page", "pager:erp")), ("sev3", ("notify", "desk:erp")), ("sev4", ("notify", "desk:erp"))],
)
def test_grave_tickets_page_the_team_and_the_others_tell_it(ledger: Ledger, severity: str, expected: tuple[str, str]) -> None:
    assert told_of(ledger, routed(ledger, severity)) == {expected}


def test_every_target_of_the_team_is_asked_for_once_with_an_id_of_its_own(ledger: Ledger) -> None:
    work = last(ledger, routed(ledger, "sev1", "automation").id)
    first, again = told(ledger, work, work)
    assert targets(first) == {("page", "pager:automation"), ("page", "desk:wall")}
    assert [event.model_dump()["delivery"] for event in first] == [event.model_dump()["delivery"] for event in again]
    assert len({event.model_dump()["delivery"] for event in first}) == 2
    assert len(told(ledger, last(ledger, routed(ledger, team="lab").id))[0]) == 1, "a target named twice hears once"


def test_a_team_without_a_pager_is_told_where_it_looks_and_without_either_the_triage_lead_is(ledger: Ledger) -> None:
    assert told_of(ledger, routed(ledger, "sev1", "lab")) == {("page", "desk:lab")}
    assert told_of(ledger, routed(ledger, "sev1", "nobody")) == {("page", "pager:lead")}
    assert told_of(ledger, routed(ledger, "sev1", "team-of-yesterday")) == {("page", "pager:lead")}
    assert told_of(ledger, routed(ledger, "sev4", "nobody")) == set()


def test_a_ticket_in_triage_tells_the_triage_lead(ledger: Ledger) -> None:
    for classified in (decided(severity="sev3"), decided(severity="sev2"), None):
        assert told_of(ledger, queued(ledger, classified)) == {("notify", "desk:triage")}


@pytest.mark.parametrize("classified", [decided("plc_scada", "sev1"), decided("plc_scada", "sev3", sev1_candidate=True)])
def test_what_may_be_a_sev1_pages_the_lead_and_the_candidate_teams_at_once(ledger: Ledger, classified: e.TicketClassified) -> None:
    expected = {("page", "pager:lead"), ("page", "pager:automation"), ("page", "desk:wall"), ("page", "desk:lab")}
    assert told_of(ledger, queued(ledger, classified)) == expected


def test_a_person_who_set_the_severity_ends_the_models_doubt(ledger: Ledger) -> None:
    ticket = queued(ledger, decided("plc_scada", "sev4", sev1_candidate=True))
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev3"), LEAD)
    assert told_of(ledger, ticket) == {("notify", "desk:triage")}


def test_candidates_are_the_few_most_probable_systems_that_did_not_give_it_back() -> None:
    even = [{"system": name, "probability": 0.2} for name in ("a", "b", "c", "d", "e")]
    sure = [{"system": "a", "probability": 0.9}, {"system": "b", "probability": 0.1}]
    ticket = Ticket.model_construct(decision={"systems": even}, moved_from=["b"])
    assert candidates(ticket) == ["a", "c", "d"]
    assert candidates(ticket.model_copy(update={"decision": {"systems": sure}})) == ["a"]
    assert candidates(ticket.model_copy(update={"decision": None})) == []


def test_a_candidate_system_that_nobody_owns_keeps_no_one_else_from_being_paged(ledger: Ledger) -> None:
    assert ("page", "pager:lead") in told_of(ledger, queued(ledger, decided("unheard_of", "sev1")))


def test_a_sev1_given_back_pages_the_lead_and_the_other_candidates(ledger: Ledger) -> None:
    ticket = routed(ledger, "sev1")
    happened(ledger, ticket.id, e.TicketReturned(), ENGINEER)
    assert told_of(ledger, ticket) == {("page", "pager:lead"), ("page", "desk:lab"), ("page", "pager:automation"), ("page", "desk:wall")}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (e.TicketReclassified(severity="sev1"), {("page", "pager:erp")}),
        (e.TicketReclassified(severity="sev3"), set()),
        (e.TicketReclassified(severity="sev4"), set()),
        (e.TicketReclassified(gxp="potential"), {("notify", "desk:erp")}),
        (e.TicketReclassified(gxp="none"), set()),
        (e.TicketReclassified(severity="sev4", gxp="confirmed"), {("notify", "desk:erp")}),
    ],
)
def test_only_a_raise_is_told(ledger: Ledger, change: e.TicketReclassified, expected: set[tuple[str, str]]) -> None:
    ticket = routed(ledger, "sev3")
    happened(ledger, ticket.id, change, QA)
    assert told_of(ledger, ticket) == expected


def test_a_raise_is_measured_against_the_moment_before_not_against_the_classifier(ledger: Ledger) -> None:
    ticket = routed(ledger, "sev4")
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), LEAD)
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev2"), LEAD)
    assert told_of(ledger, ticket) == set()


def test_a_reopened_ticket_is_told_to_its_team(ledger: Ledger) -> None:
    ticket = routed(ledger, "sev2")
    happened(ledger, ticket.id, RESOLVED)
    happened(ledger, ticket.id, e.TicketReopened(), LEAD)
    assert told_of(ledger, ticket) == {("page", "pager:erp")}


def grouped(ledger: Ledger, parent: Ticket, child: Ticket) -> Ticket:
    return happened(ledger, child.id, e.TicketGrouped(parent=parent.id), SERVICE)


def under(ledger: Ledger, parent: Ticket, severity: str = "sev2", team: str = "erp") -> Ticket:
    """A ticket that is grouped in the transaction that routes it, as the classifier does it."""
    child = submitted(ledger)
    happened(ledger, child.id, decided(severity=severity), SERVICE)
    happened(ledger, child.id, e.TicketRouted(system="erp", team=team), SERVICE)
    return grouped(ledger, parent, child)


def test_a_storm_pages_once_and_every_ticket_of_it_is_told(ledger: Ledger) -> None:
    parent = routed(ledger, "sev2")
    assert told_of(ledger, parent) == {("page", "pager:erp")}
    for _ in range(20):
        assert told_of(ledger, under(ledger, parent)) == {("notify", "desk:erp")}


def test_only_a_team_that_was_not_woken_for_the_parent_is_woken_for_the_child(ledger: Ledger) -> None:
    parent = routed(ledger, "sev2")
    assert told_of(ledger, under(ledger, parent, team="automation")) == {("page", "pager:automation"), ("page", "desk:wall")}
    waiting = queued(ledger, decided("plc_scada", "sev1"))
    child = submitted(ledger)
    happened(ledger, child.id, decided("erp", "sev1"), SERVICE)
    happened(ledger, child.id, e.TicketQueued(), SERVICE)
    grouped(ledger, waiting, child)
    quiet = {("notify", "desk:triage"), ("notify", "desk:erp"), ("notify", "desk:lab")}
    assert told_of(ledger, child) == {("page", "pager:erp")} | quiet, "the lead and the lab were woken for the parent"


def test_a_parent_for_which_nobody_was_woken_quiets_nobody(ledger: Ledger) -> None:
    undecided = submitted(ledger, reported_severity="sev1")
    in_triage = queued(ledger, decided(severity="sev2"))
    for parent in (undecided, in_triage):
        assert told_of(ledger, under(ledger, parent, team="nobody")) == {("page", "pager:lead")}, "the lead was told of the parent at most"


def test_a_child_that_comes_to_stand_for_itself_pages_like_any_other(ledger: Ledger) -> None:
    parent = routed(ledger, "sev2")
    for change in (e.TicketReclassified(severity="sev1"), e.TicketReclassified(gxp="potential")):
        child = under(ledger, parent)
        happened(ledger, child.id, change, LEAD)
        assert told_of(ledger, child) == {("page", "pager:erp")}


def test_whoever_is_taken_out_of_a_group_is_told_of_by_itself(ledger: Ledger) -> None:
    parent = routed(ledger, "sev2")
    for severity, expected in (("sev2", ("page", "pager:erp")), ("sev3", ("notify", "desk:erp"))):
        child = under(ledger, parent, severity)
        happened(ledger, child.id, e.TicketUngrouped(), LEAD)
        assert told_of(ledger, child) == {expected}
    assert read(ledger, child).text.splitlines()[0] == "Stands for itself again, by lea: a second line has stopped"
    undecided = submitted(ledger)
    grouped(ledger, submitted(ledger), undecided)
    happened(ledger, undecided.id, e.TicketUngrouped(), LEAD)
    assert told_of(ledger, undecided) == set(), "its decision will be told"


def test_those_that_a_parent_no_longer_stands_for_are_told_when_it_ends(ledger: Ledger) -> None:
    parent = routed(ledger, "sev2")
    child = under(ledger, parent)
    decided_for_group(ledger, parent.id, e.TicketCancelled(), LEAD)
    assert told_of(ledger, child) == {("page", "pager:erp")}


@pytest.mark.parametrize("end", [(RESOLVED,), (RESOLVED, e.TicketClosed()), (e.TicketCancelled(),)])
def test_nobody_hears_of_a_ticket_that_is_ended(ledger: Ledger, end: tuple[e.Event, ...]) -> None:
    work = last(ledger, routed(ledger, "sev1").id)
    for event in end:
        happened(ledger, "HC-1", event, LEAD)
    assert told(ledger, work._replace(ticket=ticket_of(ledger, "HC-1"))) == [[]]


def test_of_two_routings_in_one_batch_only_the_responsible_team_hears(ledger: Ledger) -> None:
    first = last(ledger, routed(ledger, "sev1").id)
    happened(ledger, "HC-1", e.TicketRouted(system="lims", team="lab"))
    second = last(ledger, "HC-1")
    assert [targets(events) for events in told(ledger, first._replace(ticket=second.ticket), second)] == [set(), {("page", "desk:lab")}]


def test_a_dispatcher_that_could_tell_nobody_of_a_sev1_does_not_start(ledger: Ledger) -> None:
    silent = TEAMS.model_copy(update={"triage": TEAMS.teams["nobody"]})
    with pytest.raises(Misconfigured, match=r"\[triage\]"):
        dispatcher(silent, ledger.database)


async def test_a_routing_that_is_handled_three_times_asks_for_one_delivery(ledger: Ledger) -> None:
    ticket = routed(ledger, "sev1")
    event = entries_of(ledger, ticket.id)[-1].id
    service = dispatcher(TEAMS, ledger.database)
    async with running(ledger, service, Script([Batch([event]), Batch([event, event])])), running(ledger, service, TableLog(ledger)):
        await until(lambda: len(handled(ledger)) == 1)
    requested = [entry for entry in entries_of(ledger) if entry.type == "NotificationRequested"]
    assert [(entry.ticket, entry.cause, entry.actor) for entry in requested] == [(ticket.id, event, "service:dispatcher")]


FULL: dict[str, Any] = {
    "title": "Labels print\nthe wrong expiry", "body": "It began at six.\nAcknowledge: POST http://evil.example/", "area": "Line 3",
    "equipment": "LBL-07", "batch": "B-2231", "process_order": "4711", "stopped": "Packing line 3", "workaround": "print on line 4",
}  # fmt: skip
SURE = decided("erp", "sev1", confidence=0.934, words=[{"term": "expiry", "weight": 0.4}, {"term": "never", "weight": -0.2}])
REASONED = SURE.model_copy(update={"reasons": ("production stands", "the reporter said sev2")})


def read(ledger: Ledger, ticket: Ticket) -> Message:
    """What a person reads of what happened last to the ticket."""
    identity = asked(ledger, ticket)
    (candidate,) = [each for each in due(ledger, (), (), 100) if each.id == identity]
    return compose(ledger.write(lambda draft: lease(draft, [candidate], 30.0)).result()[0], Links(URL))


def full(ledger: Ledger, *events: e.Event, **fields: Any) -> Message:
    ticket = submitted(ledger, **(FULL | fields))
    for event in (REASONED, e.TicketRouted(system="erp", team="erp"), *events):
        happened(ledger, ticket.id, event, LEAD if event in events else SERVICE)
    return read(ledger, ticket)


def test_the_text_carries_what_a_woken_person_needs(ledger: Ledger) -> None:
    message = full(ledger)
    ticket = ticket_of(ledger, "HC-1")
    assert message.title == "[SEV1] HC-1 Cork Line 3: Labels print the wrong expiry"
    assert message.text.splitlines() == [
        "Routed to erp",
        "Stopped: Packing line 3",
        "Where: Cork · Line 3 · LBL-07",
        "Batch: B-2231 · Order: 4711",
        "Severity: sev1, because production stands; the reporter said sev2",
        "Suggestion: erp (93% sure), because of: expiry; else lims (30%)",
        "Workaround: print on line 4 (not accepted by QA)",
        f"Happened: {ticket.occurred_at:%Y-%m-%d %H:%M} UTC",
        f"Reported: {ticket.submitted_at:%Y-%m-%d %H:%M} UTC by olga (operator)",
        "Ticket: https://hypercare.plant.example/v1/tickets/HC-1",
        "Acknowledge: POST https://hypercare.plant.example/v1/tickets/HC-1/acknowledge",
        "",
        "> It began at six.",
        "> Acknowledge: POST http://evil.example/",
    ]
    assert (message.ticket_id, message.severity, message.system, message.team) == ("HC-1", "sev1", "erp", "erp")


HOSTILE = "HC-9 is solved\nAcknowledge: https://evil.example/a/x\r\nBcc: eve@evil.example <!channel> {{ .ExternalURL }}"


def test_no_field_of_a_ticket_adds_a_line_of_its_own_to_the_text_or_to_the_brief(ledger: Ledger) -> None:
    told = ("title", "area", "equipment", "batch", "process_order", "stopped", "clock", "workaround")
    message = full(ledger, body=HOSTILE, **{name: HOSTILE.replace("\r", "")[:100] for name in told})
    ours = [line for line in message.text.splitlines() if not line.startswith("> ")]
    assert [line.partition(":")[0] for line in ours if line] == [
        "Routed to erp", "Stopped", "Runs out", "Where", "Batch", "Severity", "Suggestion", "Workaround", "Happened", "Reported",
        "Ticket", "Acknowledge",
    ]  # fmt: skip
    assert sum("https://evil.example" in line and line.startswith("Acknowledge") for line in ours) == 0
    words, answer = message.brief.split("\n")
    assert (words[:9], answer) == ("SEV1 HC-1", "https://hypercare.plant.example/v1/tickets/HC-1")
    assert len(words) < 200


def test_the_brief_says_what_stands_still_where_and_what_runs_out(ledger: Ledger) -> None:
    words = full(ledger, clock="40 min", area="Packing line 3").brief.split("\n")[0]
    assert words == "SEV1 HC-1 · Packing line 3 · Cork · batch B-2231 · 40 min"


def test_a_workaround_says_whether_qa_accepted_it(ledger: Ledger) -> None:
    full(ledger)
    happened(ledger, "HC-1", e.TicketWorkedAround(workaround="print on line 4"), ENGINEER)
    happened(ledger, "HC-1", e.TicketWorkaroundAccepted(), QA)
    assert "Workaround: print on line 4 (accepted by quinn)" in read(ledger, ticket_of(ledger, "HC-1")).text.splitlines()


def test_the_text_says_who_changed_something_and_why(ledger: Ledger) -> None:
    lines = full(ledger, e.TicketReclassified(severity="sev2", gxp="potential")).text.splitlines()
    assert lines[0] == "Raised, by lea: a second line has stopped"
    assert "Severity: sev2, set by lea: a second line has stopped" in lines
    assert "GxP impact: potential; QA decides about it" in lines
    happened(ledger, "HC-1", RESOLVED)
    happened(ledger, "HC-1", e.TicketReopened(), ENGINEER)
    lines = read(ledger, ticket_of(ledger, "HC-1")).text.splitlines()
    assert lines[0] == "Reopened, by erik: checked the gateway, tag quality is bad"
    assert "Severity: sev2, set by lea: a second line has stopped" in lines


def test_what_is_not_known_is_said_to_be_so(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, e.TicketQueued(), SERVICE)
    message = read(ledger, ticket)
    assert message.title == "[UNDECIDED] HC-1 Cork: Line 3 stopped, no tags"
    assert {"Stopped: not told", "Workaround: none known", "Severity: undecided"} <= set(message.text.splitlines())
    assert (message.severity, message.system, message.team) == ("undecided", "undecided", "triage")
    assert "Suggestion" not in message.text


def test_a_possible_sev1_shows_in_the_title_and_with_its_risk(ledger: Ledger) -> None:
    message = read(ledger, queued(ledger, decided(severity="sev3", sev1_candidate=True, sev1_risk=0.12)))
    assert message.title.startswith("[SEV3, SEV1?] HC-1")
    assert "Severity: sev3; Sev1 is not excluded (12%)" in message.text.splitlines()


def test_the_text_names_the_group(ledger: Ledger) -> None:
    parent = routed(ledger, "sev2")
    child = under(ledger, parent)
    assert "Group: stands under HC-1" in read(ledger, child).text.splitlines()
    assert "Group: stands for 1 more open ticket" in read(ledger, parent).text.splitlines()
    decided_for_group(ledger, under(ledger, parent).id, RESOLVED)
    under(ledger, parent)
    message = read(ledger, parent)
    assert "Group: stands for 2 more open tickets" in message.text.splitlines()
    assert (message.data["children"], message.data["parent"], read(ledger, child).data["parent"]) == (2, None, "HC-1")


def test_the_text_offers_the_way_round_a_known_error(ledger: Ledger) -> None:
    hits = (
        {"known_error": "KE-3", "score": 0.612, "title": "Labels come\nblank", "workaround": "Load the recipe again,\nprint one label."},
        {"known_error": "KE-7", "score": 0.3, "title": "Long", "workaround": "x" * 20_000},
    )
    ticket = submitted(ledger)
    happened(ledger, ticket.id, decided().model_copy(update={"known_errors": hits}), SERVICE)
    message = read(ledger, happened(ledger, ticket.id, e.TicketQueued(), SERVICE))
    lines = message.text.splitlines()
    place = lines.index("Known error, approved: KE-3 (61%), Labels come blank: Load the recipe again, print one label.")
    assert lines[place - 1].startswith("Suggestion: ")
    assert (lines[place + 1][:40], lines[place + 1][-1], len(lines[place + 1]) < 400) == (
        "Known error, approved: KE-7 (30%), Long:",
        "…",
        True,
    )
    assert lines[place + 2] == "Workaround: none known"
    assert message.data["known_errors"] == list(hits)


def test_the_text_of_a_long_report_is_cut(ledger: Ledger) -> None:
    assert full(ledger, body="x" * 20_000).text.endswith("x…")
    assert len(full(ledger, body="x" * 20_000).text) < 2_000


def test_machines_get_the_same_as_json(ledger: Ledger) -> None:
    data: Any = full(ledger).data
    assert (data["site"], data["batch"], data["gxp"], data["urgency"], data["may_be_sev1"]) == ("Cork", "B-2231", "none", "page", True)
    assert data["suggestion"]["words"][0] == {"term": "expiry", "weight": 0.4}
    assert (data["cause"]["type"], data["cause"]["id"]) == ("TicketRouted", entries_of(ledger, "HC-1")[-2].id)


def test_a_message_shows_the_ticket_as_it_stands_when_it_goes_out(ledger: Ledger) -> None:
    ticket = routed(ledger, "sev2")
    identity = asked(ledger, ticket)
    (candidate,) = due(ledger, (), (), 1)
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), LEAD)
    (leased,) = ledger.write(lambda draft: lease(draft, [candidate], 30.0), (TICKETS, (ticket.id,))).result()
    assert compose(leased, Links(URL)).title.startswith("[SEV1]")
    assert compose(leased, Links(URL)).delivery_id == identity


def facing(*addresses: str) -> Teams:
    return TEAMS.model_copy(update={"teams": {}, "triage": TEAMS.triage.model_copy(update={"page": addresses, "notify": ()})})


def test_the_channels_that_the_teams_file_asks_for_are_opened() -> None:
    teams = facing("console:wall", "mail:lea@plant.example", "webhook:https://oncall.example/hook", "webhook:http://10.1.2.3/hook")
    given = {"smtp_host": "mail.plant.example", "webhook_secrets": f"{SECRET} {SECRET}", "webhook_networks": "10.0.0.0/8, 192.168.7.0/24"}
    assert sorted(open_channels_from(load_settings(**given), teams, io.StringIO())) == ["console", "mail", "webhook"]
    assert sorted(open_channels_from(load_settings(), facing("console:wall"))) == ["console"]


def test_everything_that_keeps_a_page_from_its_people_is_said_at_once() -> None:
    teams = facing("sms:+353871234567", "mail:lea@plant.example", "webhook:https://oncall.example/hook", "webhook:ftp://oncall.example/")
    with pytest.raises(Misconfigured) as refused:
        open_channels_from(load_settings(), teams)
    lines = str(refused.value).splitlines()
    hints = (
        "the channels are alertmanager, apprise, console, mail, pagerduty, webhook",
        "set HYPERCARE_SMTP_HOST",
        "set HYPERCARE_WEBHOOK_SECRETS",
        "must read https://",
    )
    assert all(any(hint in line for line in lines) for hint in hints), lines
    with pytest.raises(Misconfigured, match="whsec_"):
        open_channels_from(load_settings(webhook_secrets="hunter2"), facing("webhook:https://oncall.example/hook"))
