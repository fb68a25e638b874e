"""A ticket changes only by events that its lifecycle allows, and is what its events made of it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import events as e
from schemas.clock_events import PolicyAdopted
from schemas.entries import Attribution
from schemas.events import EVENTS, Event
from schemas.golive_events import GOLIVE_EVENTS
from schemas.oncall_events import ONCALL_EVENTS
from schemas.words import OPEN_STATES, STATES
from services.db import Database
from services.deliveries import DELIVERY_CHANGES
from services.errors import Forbidden, HypercareError, Invalid, KeyReused, NotFound, Refused, Stale
from services.ledger import Ledger
from services.lifecycle import LIFECYCLE, OPEN
from services.tickets import fold, submit
from tests.lives import DESK, ENGINEER, QA, SERVICE, entries_of, happened, submitted, ticket_of, told, types_of

ROUTED = e.TicketRouted(system="plc_scada", team="automation")
RESOLVED = e.TicketResolved(cause_system="plc_scada", cause_class="configuration", resolution="mapped the tag")


def test_the_same_key_and_body_make_one_ticket(ledger: Ledger) -> None:
    assert submitted(ledger, key="k").id == submitted(ledger, key="k").id == "HC-1"
    assert types_of(ledger, "HC-1") == ["TicketSubmitted"]


def test_the_same_key_with_another_body_is_refused(ledger: Ledger) -> None:
    submitted(ledger, key="k")
    with pytest.raises(KeyReused, match="HC-1"):
        submitted(ledger, key="k", title="Another problem")


def test_a_key_belongs_to_its_caller(ledger: Ledger) -> None:
    submitted(ledger, key="k")
    other = Attribution("doris", "support_desk")
    assert ledger.write(lambda draft: submit(draft, told(), other, "k")).result()[0].id == "HC-2"


def test_a_source_systems_record_becomes_one_ticket_for_ever(ledger: Ledger) -> None:
    first = submitted(ledger, source_system="servicenow", source_id="INC1")
    assert submitted(ledger, source_system="servicenow", source_id="INC1", title="edited there").id == first.id
    assert submitted(ledger, source_system="servicenow", source_id="INC2").id != first.id


def test_a_life_from_submission_to_closure(ledger: Ledger) -> None:
    ticket = submitted(ledger, reported_severity="sev2")
    assert (ticket.state, ticket.severity, ticket.version) == ("submitted", "sev2", 1)
    states = [
        happened(ledger, ticket.id, event).state
        for event in (
            ROUTED, e.TicketAcknowledged(), e.TicketAssigned(assignee="erik"), e.TicketPutOnHold(waiting_for="vendor"),
            e.TicketResumed(), RESOLVED, e.TicketReopened(), e.TicketAcknowledged(), RESOLVED, e.TicketClosed(),
        )
    ]  # fmt: skip
    assert states == [
        "routed",
        "acknowledged",
        "acknowledged",
        "waiting",
        "acknowledged",
        "resolved",
        "routed",
        "acknowledged",
        "resolved",
        "closed",
    ]
    closed = ticket_of(ledger, ticket.id)
    assert (closed.reopened, closed.version, closed.cause_class, closed.assignee) == (1, 11, "configuration", "erik")


def test_the_first_acknowledgement_counts(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, ROUTED)
    first = happened(ledger, ticket.id, e.TicketAcknowledged()).acknowledged_at
    happened(ledger, ticket.id, RESOLVED)
    happened(ledger, ticket.id, e.TicketReopened())
    assert happened(ledger, ticket.id, e.TicketAcknowledged()).acknowledged_at == first


def test_a_stale_version_is_refused_and_changes_nothing(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, ROUTED, version=1)
    with pytest.raises(Stale, match=r"version 1 of HC-1; it is at 2"):
        happened(ledger, ticket.id, e.TicketAcknowledged(), version=1)
    assert ticket_of(ledger, ticket.id).state == "routed"


def test_comments_and_notifications_leave_the_version_alone(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, e.TicketCommented(text="photo follows"))
    happened(ledger, ticket.id, e.NotificationRequested(delivery="d", channel="console", address="x", urgency="page"))
    assert ticket_of(ledger, ticket.id).version == 1
    assert [entry.ticket_version for entry in entries_of(ledger, ticket.id)] == [1, 1, 1]


def test_an_unknown_ticket_is_named_in_the_error(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="HC-99"):
        happened(ledger, "HC-99", ROUTED)


@pytest.mark.parametrize(
    "event", [e.TicketPutOnHold(waiting_for="vendor"), e.TicketReturned(), e.TicketCancelled(), e.TicketReclassified(severity="sev1")]
)
def test_some_changes_need_a_reason(ledger: Ledger, event: Event) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, ROUTED)
    happened(ledger, ticket.id, e.TicketAcknowledged())
    with pytest.raises(Invalid, match="Say why"):
        happened(ledger, ticket.id, event, Attribution("erik", "automation_engineer"))
    assert happened(ledger, ticket.id, event, ENGINEER)


def test_moving_a_ticket_between_teams_needs_a_reason_and_is_remembered(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, ROUTED, DESK)
    erp = e.TicketRouted(system="erp", team="erp")
    with pytest.raises(Invalid, match="Say why"):
        happened(ledger, ticket.id, erp, DESK)
    assert happened(ledger, ticket.id, erp).moved_from == ["plc_scada"]


def test_a_returned_ticket_waits_for_triage_and_a_service_never_sends_it_back(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, ROUTED, SERVICE)
    returned = happened(ledger, ticket.id, e.TicketReturned(evidence="gateway shows good quality"))
    assert (returned.state, returned.system, returned.team, returned.moved_from) == ("triage", None, None, ["plc_scada"])
    with pytest.raises(Refused, match="does not override people"):
        happened(ledger, ticket.id, ROUTED, SERVICE)
    assert happened(ledger, ticket.id, ROUTED).moved_from == []


def test_a_service_never_overrides_what_a_person_set(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev3", gxp="potential"), ENGINEER)
    classified = happened(ledger, ticket.id, _classified(severity="sev1", gxp="none"), SERVICE)
    assert (classified.severity, classified.gxp, classified.decision is not None) == ("sev3", "potential", True)


def test_only_qa_lowers_a_gxp_flag_or_the_severity_beneath_it(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, _classified(severity="sev1", gxp="potential"), SERVICE)
    for change in ({"gxp": "none"}, {"severity": "sev3"}):
        with pytest.raises(Forbidden, match="only QA"):
            happened(ledger, ticket.id, e.TicketReclassified.model_validate(change), ENGINEER)
    happened(ledger, ticket.id, e.TicketReclassified(gxp="confirmed"), ENGINEER)
    with pytest.raises(Forbidden):
        happened(ledger, ticket.id, e.TicketReclassified(gxp="potential"), ENGINEER)
    assert happened(ledger, ticket.id, e.TicketReclassified(gxp="none", severity="sev3"), QA).gxp == "none"


def test_an_engineer_may_lower_the_severity_where_no_gxp_flag_is(ledger: Ledger) -> None:
    ticket = submitted(ledger, reported_severity="sev1")
    assert happened(ledger, ticket.id, e.TicketReclassified(severity="sev3"), ENGINEER).severity == "sev3"


def test_a_classification_without_content_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Invalid, match="severity, a gxp flag"):
        happened(ledger, submitted(ledger).id, e.TicketReclassified())


def test_a_ticket_resolved_in_triage_returns_to_triage_when_reopened(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, e.TicketQueued(suggestion="access_training"), SERVICE)
    happened(ledger, ticket.id, RESOLVED)
    assert happened(ledger, ticket.id, e.TicketReopened()).state == "triage"


def test_every_event_is_in_the_lifecycle_or_about_deliveries_letters_known_errors_models_or_golives() -> None:
    elsewhere = {e.TicketSubmitted, e.EventParked, e.RecordQuarantined, e.DeadLetterReplayed, e.DeadLetterDiscarded, e.RelayRewound}
    elsewhere |= {e.KnownErrorRecorded, e.KnownErrorApproved, e.KnownErrorRetired}
    elsewhere |= {*GOLIVE_EVENTS, *ONCALL_EVENTS, PolicyAdopted}
    elsewhere |= {e.ModelTrained, e.ModelShadowed, e.ModelPromoted, e.ModelRolledBack, e.ModelTakenUp}
    assert set(EVENTS.values()) == set(LIFECYCLE) | set(DELIVERY_CHANGES) | elsewhere


def test_every_state_can_be_reached_and_open_states_can_be_left() -> None:
    reached = {rule.to for rule in LIFECYCLE.values()} | {"submitted"}
    assert reached - {None} == set(STATES)
    assert set(OPEN_STATES) == OPEN
    for state in OPEN:
        assert any(state in rule.after and rule.to in ("resolved", "cancelled") for rule in LIFECYCLE.values())


def _classified(**fields: Any) -> e.TicketClassified:
    told = {"system": "erp", "severity": "sev3", "gxp": "none", "decided_by": "suggestion", "prediction": {"confidence": 0.9}}
    return e.TicketClassified.model_validate(told | {"model": "m", "rules": "r", "configuration": "c"} | fields)


LIFE = st.lists(
    st.sampled_from([
        ROUTED, e.TicketRouted(system="erp", team="erp"), e.TicketQueued(), _classified(), _classified(severity="sev1", gxp="potential"),
        e.TicketAcknowledged(), e.TicketAssigned(assignee="ann"), e.TicketPutOnHold(waiting_for="retest"), e.TicketResumed(), RESOLVED,
        e.TicketReturned(), e.TicketReopened(), e.TicketClosed(), e.TicketCancelled(), e.TicketCommented(text="hm"),
        e.TicketReclassified(severity="sev2"), e.TicketReclassified(gxp="confirmed"),
    ]),
    max_size=30,
)  # fmt: skip


@given(life=LIFE, people=st.lists(st.sampled_from([ENGINEER, QA, DESK, SERVICE]), min_size=30, max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_ticket_always_equals_the_fold_of_its_entries(database: Database, life: list[Event], people: list[Attribution]) -> None:
    ledger = Ledger(database)
    ticket = submitted(ledger)
    for event, by in zip(life, people, strict=False):
        try:
            happened(ledger, ticket.id, event, by)
        except HypercareError:
            continue
    entries = entries_of(ledger, ticket.id)
    assert fold(entries) == ticket_of(ledger, ticket.id)
    assert fold(entries[1:]) is None
    ledger.close()
