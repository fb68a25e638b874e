"""Who is told of what, and by which channels."""

import io
from collections.abc import Sequence

import pytest

from schemas import events as e
from schemas.entries import Attribution
from schemas.tickets import Ticket
from services.dispatcher import dispatcher, open_channels_from
from services.dispatcher.requests import LISTENS_TO, candidates
from services.errors import Misconfigured
from services.ledger import Ledger
from services.log import Batch
from services.log.table import TableLog
from services.runner import Occurrence
from services.settings import load_settings
from services.teams import Teams
from tests.dispatching import TEAMS, decided, read, routed, targets, until
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


LEADS = TEAMS.model_dump() | {
    "people": {
        "lea": {"name": "Lea Ende", "role": "lead", "page": ["pager:lea"], "notify": ["desk:lea"]},
        "lou": {"name": "Lou Falk", "role": "lead", "sites": ["Leiden"], "page": ["pager:lou"]},
        "pat": {"name": "Pat Gill", "role": "lead", "page": ["pager:lead"], "notify": ["desk:triage"]},
    }
}


def bounced(ledger: Ledger, severity: str, number: int) -> Ticket:
    """Given back by so many teams, one after the other."""
    ticket = routed(ledger, severity)
    for team in ("erp", "lab", "automation")[:number]:
        happened(ledger, ticket.id, e.TicketRouted(system="erp", team=team), ENGINEER)
        happened(ledger, ticket.id, e.TicketReturned(), ENGINEER)
    return ticket


@pytest.mark.parametrize(
    ("severity", "number", "told"),
    [
        ("sev1", 1, set()),
        ("sev1", 2, {("page", "pager:lea"), ("page", "pager:lead")}),
        ("sev1", 3, {("page", "pager:lea"), ("page", "pager:lead")}),
        ("sev2", 2, {("page", "pager:lea"), ("page", "pager:lead"), ("notify", "desk:triage")}),
        ("sev3", 2, {("notify", "desk:lea"), ("notify", "desk:triage")}),
    ],
)
def test_the_lead_hears_of_a_ticket_that_two_teams_gave_back_also_without_a_ladder(
    ledger_on_each: Ledger, severity: str, number: int, told: set[tuple[str, str]]
) -> None:
    ticket = bounced(ledger_on_each, severity, number)
    without, found = (told_of(ledger_on_each, ticket, teams) for teams in (TEAMS, Teams.model_validate(LEADS)))
    assert found == without | told


def test_where_the_ladder_tells_the_lead_nothing_is_told_twice(ledger: Ledger) -> None:
    ticket = bounced(ledger, "sev1", 2)
    climbing = Teams.model_validate(LEADS | {"triage": {"page": ["pager:lead"], "ladder": "standard"}})
    assert told_of(ledger, ticket, climbing) == set()
    short = {"sev2": {"steps": [{"after": "0m", "who": ["role:lead"]}]}}
    other = Teams.model_validate(LEADS | {"triage": {"page": ["pager:lead"], "ladder": "short"}, "ladders": {"short": short}})
    assert ("page", "pager:lea") in told_of(ledger, ticket, other), "its ladder has no steps for a Sev1"


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
