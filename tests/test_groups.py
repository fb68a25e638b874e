"""Tickets of one incident stand under a parent: it is decided once, told once, and never hides one that must be seen for itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from schemas import events as e
from schemas.events import Event
from services.api.search import Search, wanted
from services.db import Database, migrate, open_database
from services.errors import Invalid, NotFound, Refused
from services.ledger import Ledger
from services.stabilisation.figures import figures
from services.tickets import fold, record
from tests.desks import app_of, client_of, refused, taken
from tests.dispatching import decided
from tests.lives import DESK, ENGINEER, SERVICE, decided_for_group, entries_of, happened, submitted, ticket_of, types_of

ERP = e.TicketRouted(system="erp", team="erp")
LIMS = e.TicketRouted(system="lims", team="lab")
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="opened the port")
GROUPED = e.TicketGrouped(parent="HC-1")
CLASSIFIED = decided(severity="sev2")


def pair(ledger: Ledger, **fields: Any) -> tuple[str, str]:
    """A parent of sev2, and a ticket of the same site that may stand under it."""
    parent = submitted(ledger, reported_severity="sev2").id
    return parent, submitted(ledger, **({"reported_severity": "sev3"} | fields)).id


def group(ledger: Ledger, *steps: Event, **fields: Any) -> tuple[str, str]:
    """A pair in which one stands under the other, both after the same steps."""
    parent, child = pair(ledger, **fields)
    for step in steps:
        happened(ledger, parent, step)
        happened(ledger, child, step)
    happened(ledger, child, e.TicketGrouped(parent=parent), SERVICE)
    return parent, child


def test_a_child_stays_a_ticket_of_its_own(ledger: Ledger) -> None:
    parent, child = group(ledger, ERP)
    grouped = ticket_of(ledger, child)
    assert (grouped.parent, grouped.state, grouped.team, grouped.version) == (parent, "routed", "erp", 3)
    assert happened(ledger, child, e.TicketAcknowledged(), ENGINEER).state == "acknowledged"
    assert ticket_of(ledger, parent).state == "routed"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"site": "Ulm"}, "it is of another site than HC-1"),
        ({"batch": "B-7"}, "it names batch B-7"),
        ({"reported_severity": "sev1"}, "it is sev1, graver than HC-1"),
    ],
)
def test_one_that_must_be_seen_for_itself_is_refused_as_a_child(ledger: Ledger, fields: dict[str, Any], why: str) -> None:
    _, child = pair(ledger, **fields)
    for by in (ENGINEER, SERVICE):
        with pytest.raises(Refused, match=f"HC-2 stays by itself: {why}"):
            happened(ledger, child, GROUPED, by)


@pytest.mark.parametrize(
    ("classified", "why"),
    [
        (CLASSIFIED.model_copy(update={"gxp": "potential"}), "it has a GxP flag"),
        (decided(severity="sev1"), "it is sev1"),
        (decided(severity="sev3", sev1_candidate=True), "it may be a Sev1, which HC-1 is not held for"),
    ],
)
def test_what_the_classifier_sees_in_a_ticket_may_keep_it_out_of_a_group(ledger: Ledger, classified: Event, why: str) -> None:
    _, child = pair(ledger)
    happened(ledger, child, classified, SERVICE)
    with pytest.raises(Refused, match=why):
        happened(ledger, child, GROUPED, SERVICE)


def test_the_same_batch_and_less_grave_are_no_obstacle(ledger: Ledger) -> None:
    parent = submitted(ledger, reported_severity="sev1", batch="B-7").id
    for fields in ({"batch": "B-7", "reported_severity": "sev1"}, {"reported_severity": "sev4"}, {}):
        child = submitted(ledger, **fields).id
        assert happened(ledger, child, e.TicketGrouped(parent=parent), SERVICE).parent == parent


@pytest.mark.parametrize("end", [RESOLVED, e.TicketCancelled()])
def test_nothing_new_is_grouped_under_a_ticket_that_is_ended(ledger: Ledger, end: Event) -> None:
    parent, child = pair(ledger)
    happened(ledger, parent, ERP)
    happened(ledger, parent, end)
    with pytest.raises(Refused, match=r"HC-1 is (resolved|cancelled)"):
        happened(ledger, child, GROUPED)


def test_a_group_is_a_parent_and_its_children_and_no_deeper(ledger: Ledger) -> None:
    parent, child = group(ledger)
    third = submitted(ledger, reported_severity="sev3").id
    with pytest.raises(Refused, match="HC-3 cannot stand under itself"):
        happened(ledger, third, e.TicketGrouped(parent=third))
    with pytest.raises(Refused, match="HC-2 stands under HC-1: put HC-3 under HC-1 too"):
        happened(ledger, third, e.TicketGrouped(parent=child))
    with pytest.raises(Refused, match="HC-1 stands for HC-2: put those under HC-3 first"):
        happened(ledger, parent, e.TicketGrouped(parent=third))
    with pytest.raises(NotFound, match="HC-99"):
        happened(ledger, third, e.TicketGrouped(parent="HC-99"))


def test_two_groupings_in_one_transaction_make_no_chain_either(ledger: Ledger) -> None:
    first, second, third = (submitted(ledger).id for _ in range(3))

    def both(draft: Any) -> None:
        record(draft, first, e.TicketGrouped(parent=second), SERVICE)
        record(draft, second, e.TicketGrouped(parent=third), SERVICE)

    with pytest.raises(Refused, match="HC-2 stands for HC-1"):
        ledger.write(both).result()


def test_ungrouping_needs_a_reason_and_keeps_services_away(ledger: Ledger) -> None:
    parent, child = group(ledger)
    with pytest.raises(Invalid, match="Say why"):
        happened(ledger, child, e.TicketUngrouped(), DESK)
    alone = happened(ledger, child, e.TicketUngrouped(), ENGINEER)
    assert (alone.parent, alone.kept_apart) == (None, True)
    with pytest.raises(Refused, match="a service does not override that"):
        happened(ledger, child, GROUPED, SERVICE)
    assert happened(ledger, child, GROUPED, DESK).parent == parent
    with pytest.raises(Refused, match="HC-1 stands for itself already"):
        happened(ledger, parent, e.TicketUngrouped(), ENGINEER)


def test_a_service_takes_no_ticket_from_one_group_to_another(ledger: Ledger) -> None:
    _, child = group(ledger)
    other = submitted(ledger, reported_severity="sev2").id
    with pytest.raises(Refused, match="a service does not override that"):
        happened(ledger, child, e.TicketGrouped(parent=other), SERVICE)
    assert happened(ledger, child, e.TicketGrouped(parent=other), DESK).parent == other


def test_what_a_person_does_with_the_parent_holds_for_its_children_but_for_the_closing(ledger: Ledger) -> None:
    parent, child = group(ledger)
    for step in (ERP, e.TicketAcknowledged(), RESOLVED):
        assert decided_for_group(ledger, parent, step).state == ticket_of(ledger, child).state
    assert (ticket_of(ledger, child).assignee, ticket_of(ledger, child).cause_class) == ("erik", "configuration")
    decided_for_group(ledger, parent, e.TicketClosed())
    assert (ticket_of(ledger, parent).state, ticket_of(ledger, child).state) == ("closed", "resolved")


def test_the_history_of_a_child_holds_everything_with_who_why_and_because_of_what(ledger: Ledger) -> None:
    parent, child = group(ledger)
    decided_for_group(ledger, parent, ERP)
    decided_for_group(ledger, parent, e.TicketAcknowledged(), DESK)
    causes = {entry.id: entry for entry in entries_of(ledger, parent)}
    _, grouped, routed, taken_up = entries_of(ledger, child)
    assert [entry.type for entry in (grouped, routed, taken_up)] == ["TicketGrouped", "TicketRouted", "TicketAcknowledged"]
    assert (routed.actor, routed.role, routed.reason) == (ENGINEER.actor, ENGINEER.role, f"as {parent}: {ENGINEER.reason}")
    assert (taken_up.actor, taken_up.reason) == ("dora", f"as {parent}")
    assert [causes[str(entry.cause)].type for entry in (routed, taken_up)] == ["TicketRouted", "TicketAcknowledged"]
    assert fold(entries_of(ledger, child)) == ticket_of(ledger, child)


@pytest.mark.parametrize("change", [{"gxp": "potential"}, {"severity": "sev1"}])
def test_a_child_that_has_come_to_stand_for_itself_does_not_follow(ledger: Ledger, change: dict[str, Any]) -> None:
    parent, child = group(ledger)
    happened(ledger, child, e.TicketReclassified(**change))
    for step in (ERP, e.TicketAcknowledged(), RESOLVED):
        decided_for_group(ledger, parent, step)
    assert (ticket_of(ledger, child).state, ticket_of(ledger, child).parent) == ("submitted", parent)


def test_a_child_that_another_team_has_is_neither_taken_nor_resolved_with_its_parent(ledger: Ledger) -> None:
    parent, child = group(ledger, ERP)
    happened(ledger, child, LIMS)
    decided_for_group(ledger, parent, e.TicketAcknowledged())
    assert ticket_of(ledger, child).state == "routed"
    decided_for_group(ledger, parent, RESOLVED)
    assert (ticket_of(ledger, child).state, ticket_of(ledger, child).parent) == ("routed", None)


def test_a_child_does_not_follow_to_a_team_that_gave_it_back(ledger: Ledger) -> None:
    parent, child = group(ledger, ERP)
    happened(ledger, child, e.TicketReturned())
    happened(ledger, parent, e.TicketReturned())
    decided_for_group(ledger, parent, ERP)
    assert ticket_of(ledger, child).state == "triage"
    decided_for_group(ledger, parent, LIMS)
    assert ticket_of(ledger, child).team == "lab"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (e.TicketCancelled(), "HC-1 is cancelled"),
        (e.TicketReclassified(severity="sev4"), "it is sev3, graver than HC-1"),
        (RESOLVED, "HC-1 is resolved"),
    ],
)
def test_a_child_that_its_parent_ceases_to_stand_for_leaves_the_group(ledger: Ledger, change: Event, why: str) -> None:
    """Nobody was woken for it, so that somebody has to hear of it now. A resolution finds this one undecided, so that it cannot follow."""
    parent, child = group(ledger)
    happened(ledger, parent, ERP)
    decided_for_group(ledger, parent, change)
    alone, last = ticket_of(ledger, child), entries_of(ledger, child)[-1]
    assert (alone.state, alone.parent, last.type, last.actor) == ("submitted", None, "TicketUngrouped", "erik")
    assert last.reason == f"HC-1 no longer stands for it: {why}"


def test_a_refused_change_of_the_parent_changes_no_child(ledger: Ledger) -> None:
    parent, child = group(ledger)
    with pytest.raises(Refused):
        decided_for_group(ledger, parent, e.TicketAcknowledged())
    assert types_of(ledger, child) == ["TicketSubmitted", "TicketGrouped"]


def test_what_a_service_does_with_a_parent_is_the_parents_alone(ledger: Ledger) -> None:
    parent, child = group(ledger)
    happened(ledger, parent, ERP, SERVICE)
    assert ticket_of(ledger, child).state == "submitted"


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


def test_every_child_counts_and_is_listed_like_any_other_ticket(client: TestClient, ledger: Ledger) -> None:
    for _ in range(4):
        submitted(ledger)
    before = _counted(ledger)
    for child in ("HC-2", "HC-3", "HC-4"):
        happened(ledger, child, GROUPED, SERVICE)
    assert _counted(ledger) == before
    listed = [each["id"] for each in taken(client.get("/v1/tickets?open=true"))["tickets"]]
    assert listed == ["HC-4", "HC-3", "HC-2", "HC-1"]
    assert [each["id"] for each in taken(client.get("/v1/tickets?parent=HC-1"))["tickets"]] == ["HC-4", "HC-3", "HC-2"]
    assert taken(client.get("/v1/tickets?parent=HC-2"))["tickets"] == []
    refused(client.get("/v1/tickets?parent=1"), 422, "invalid")


def _counted(ledger: Ledger) -> Any:
    """What the board says of the open tickets."""
    return figures(ledger, "Cork").open.model_dump(exclude={"oldest_seconds"})


def test_a_group_is_the_same_on_both_databases(database_url: str) -> None:
    database: Database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    parent, child = group(ledger)
    for step in (ERP, e.TicketAcknowledged(), RESOLVED):
        decided_for_group(ledger, parent, step)
    with database.read() as connection:
        found = connection.execute(wanted(Search(parent=parent))).mappings().all()
    assert [(row["id"], row["state"]) for row in found] == [(child, "resolved")]
    ledger.close()
    database.close()
