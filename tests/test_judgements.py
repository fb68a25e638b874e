"""What people made of the classifier's decisions is read from the ledger alone, and trust follows from it."""

import pytest

from models.fixed import FixedModel, prediction
from schemas import events as e
from schemas.entries import Attribution
from schemas.tickets import Ticket
from services.judgements import Judgement, Judgements
from services.ledger import Ledger
from services.runner import Occurrence
from services.stabilisation.board import board
from services.stabilisation.watching import Watch
from services.tickets import record_for_group
from services.trust import CHECKED, LEAST_CHECKED, LEAST_RIGHT, WILKS, Trust, lower_bound, upper_bound
from tests.lives import DESK, ENGINEER, QA, entries_of, happened, submitted, ticket_of
from tests.minds import decider

OPERATOR = Attribution("olga", "operator", reason="it is the printer, surely")
RESOLVED = e.TicketResolved(cause_system="erp", cause_class="configuration", resolution="the partner profile was set")
TO_ERP, TO_LIMS = (e.TicketRouted(system=system, team=system) for system in ("erp", "lims"))


def decided(ledger: Ledger, confidence: float = 0.97, severity: str = "sev3", system: str = "erp", **fields: object) -> Ticket:
    """A ticket that the model holds for this system's."""
    ticket = submitted(ledger, **fields)
    entry = entries_of(ledger, ticket.id)[0]
    model = FixedModel({}, prediction(system, confidence, severity=severity))  # type: ignore[arg-type]
    occurrence = Occurrence(entry, e.EVENTS[entry.type].model_validate(entry.data), ticket)
    for event in decider(ledger, model, "earned").decide([occurrence])[0][:2]:
        assert isinstance(event, e.Event)
        happened(ledger, ticket.id, event, Attribution("service:classifier", "service"))
    return ticket


def judgements(ledger: Ledger) -> Judgements:
    made = Judgements()
    with ledger.database.read() as connection:
        made.catch_up(connection)
    return made


def of(ledger: Ledger, ticket: Ticket) -> Judgement:
    return judgements(ledger).of[ticket.id]


def confirmed(ledger: Ledger, right: int, wrong: int = 0, **given: object) -> None:
    for number in range(right + wrong):
        ticket = decided(ledger, **given)  # type: ignore[arg-type]
        happened(ledger, ticket.id, TO_ERP if number < right else TO_LIMS, DESK)


def test_nothing_is_right_or_wrong_before_a_person_has_spoken(ledger: Ledger) -> None:
    assert of(ledger, decided(ledger)).right is None


def test_a_person_who_routes_confirms_or_corrects_and_stands_there_with_what_was_before(ledger: Ledger) -> None:
    right, wrong = decided(ledger), decided(ledger)
    happened(ledger, right.id, TO_ERP, DESK)
    happened(ledger, wrong.id, TO_LIMS, DESK)
    assert of(ledger, right).right is True
    label = of(ledger, wrong).system
    assert label is not None
    assert (of(ledger, wrong).right, label.value, label.before, label.actor, label.role) == (False, "lims", "erp", "dora", "support_desk")


def test_what_it_was_in_the_end_counts_more_than_where_it_was_sent(ledger: Ledger) -> None:
    ticket = decided(ledger)
    happened(ledger, ticket.id, TO_LIMS, DESK)
    happened(ledger, ticket.id, RESOLVED)
    assert of(ledger, ticket).right is True


def test_a_team_that_gives_a_ticket_back_says_that_it_was_wrong(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    service = Attribution("service:classifier", "service")
    said = prediction("erp", 0.97).model_dump(mode="json")
    facts = {"model": "m", "rules": "r", "configuration": "c", "prediction": said}
    happened(ledger, ticket.id, e.TicketClassified(system="erp", severity="sev3", gxp="none", decided_by="suggestion", **facts), service)
    happened(ledger, ticket.id, TO_ERP, service)
    happened(ledger, ticket.id, e.TicketReturned())
    assert (of(ledger, ticket).right, of(ledger, ticket).routed_alone) == (False, True)


def test_a_reporter_reports_and_does_not_judge(ledger: Ledger) -> None:
    ticket = decided(ledger)
    happened(ledger, ticket.id, TO_LIMS, OPERATOR)
    assert of(ledger, ticket).system is None


def test_what_a_child_got_with_its_parent_was_judged_once(ledger: Ledger) -> None:
    parent, child = decided(ledger), decided(ledger)
    happened(ledger, child.id, e.TicketGrouped(parent=parent.id), DESK)
    ledger.write(lambda draft: record_for_group(draft, parent.id, TO_LIMS, DESK)).result()
    assert (of(ledger, parent).right, of(ledger, child).right, ticket_of(ledger, child.id).system) == (False, None, "lims")


def test_only_somebody_else_confirms_a_resolution_and_reopening_takes_it_back(ledger: Ledger) -> None:
    own, other = decided(ledger), decided(ledger)
    for ticket, closer in ((own, ENGINEER), (other, DESK)):
        happened(ledger, ticket.id, TO_ERP, DESK)
        happened(ledger, ticket.id, RESOLVED)
        happened(ledger, ticket.id, e.TicketClosed(), closer)
    assert (of(ledger, own).confirmed, of(ledger, other).confirmed) == (False, True)
    happened(ledger, other.id, e.TicketReopened())
    assert of(ledger, other).confirmed is False


def test_read_in_two_goes_or_one_it_is_the_same(ledger: Ledger) -> None:
    confirmed(ledger, 3)
    made = judgements(ledger)
    confirmed(ledger, 2, 1)
    with ledger.database.read() as connection:
        made.catch_up(connection)
    assert made.of == judgements(ledger).of


def test_a_class_earns_its_autonomy_when_enough_of_it_was_confirmed(ledger: Ledger) -> None:
    confirmed(ledger, 24)
    before = Trust(judgements(ledger), "earned").autonomy("Cork", "erp")
    assert (before.state, before.judged, before.right, before.missing) == ("suggest", 24, 24, 1)
    confirmed(ledger, 1)
    after = Trust(judgements(ledger), "earned").autonomy("Cork", "erp")
    assert (after.state, after.missing) == ("route", 0)
    assert after.lower_bound >= LEAST_RIGHT
    assert Trust(judgements(ledger), "earned").autonomy("Lyon", "erp").state == "suggest"
    assert Trust(judgements(ledger), "earned").autonomy("Cork", "lims").state == "suggest"


def test_what_was_granted_is_withdrawn_when_people_move_too_much_elsewhere(ledger: Ledger) -> None:
    assert Trust(judgements(ledger), "granted").autonomy("Cork", "erp").state == "route"
    confirmed(ledger, 5, 5)
    after = Trust(judgements(ledger), "granted").autonomy("Cork", "erp")
    assert after.state == "suggest"
    assert "withdrawn" in after.why


def test_unsure_answers_are_no_evidence_for_sure_ones(ledger: Ledger) -> None:
    confirmed(ledger, 3, confidence=0.55)
    assert Trust(judgements(ledger), "earned").autonomy("Cork", "erp").judged == 0


def test_a_version_that_is_wrong_too_often_fails_its_rolling_check(ledger: Ledger) -> None:
    confirmed(ledger, LEAST_CHECKED - 8, 7)
    assert Trust(judgements(ledger), "granted").check("fixed-1").holds
    confirmed(ledger, 0, 1)
    check = Trust(judgements(ledger), "granted").check("fixed-1")
    assert (check.holds, check.judged) == (False, LEAST_CHECKED)
    assert Trust(judgements(ledger), "granted").check("another").holds


def test_the_sev1_guard_promises_nothing_before_59_were_confirmed(ledger: Ledger) -> None:
    for number in range(WILKS[0]):
        guard = Trust(judgements(ledger), "earned").sev1_guard("Cork", "fixed-1")
        assert (guard.guard, guard.confirmed_sev1, guard.edge) == ("all flagged", number, None)
        happened(ledger, decided(ledger, severity="sev1").id, e.TicketReclassified(severity="sev1"), QA)
    guard = Trust(judgements(ledger), "earned").sev1_guard("Cork", "fixed-1")
    assert (guard.confirmed_sev1, guard.edge) == (WILKS[0], 1.0)
    assert Trust(judgements(ledger), "earned").sev1_guard("Cork", "another").edge is None, "another version gives other risks"


@pytest.mark.parametrize(("right", "of", "lower", "upper"), [(0, 0, 0.0, 1.0), (10, 10, 0.7871, 1.0), (50, 100, 0.4188, 0.5812)])
def test_bounds_are_wilsons(right: int, of: int, lower: float, upper: float) -> None:
    """Recomputed by hand from Wilson (1927) with z = 1.6449."""
    assert (lower_bound(right, of), upper_bound(right, of)) == pytest.approx((lower, upper), abs=2e-4)
    assert CHECKED > LEAST_CHECKED


def test_the_board_says_what_the_model_may_do_alone_and_what_people_changed(ledger: Ledger) -> None:
    def seen() -> str:
        return board(ledger, "Cork", True, model=Watch("earned").look(ledger.database))

    confirmed(ledger, 24)
    assert "nothing yet" in seen()
    confirmed(ledger, 1)
    assert "nothing yet" not in seen()
    assert "The model fixed-1" in seen()
    happened(ledger, decided(ledger).id, TO_LIMS, ENGINEER)
    assert "nothing yet" in seen(), "one mistake in 26 is too much to be sure of nine in ten"
    assert seen().count("1 of 26") == 2, "one was routed alone, and people changed it"


def test_the_confirmed_sev1_of_a_site_say_from_which_risk_on_a_ticket_may_be_one(ledger: Ledger) -> None:
    """The version marks nothing below certainty; the site's own Sev1 had half that risk."""
    half = prediction("erp", 0.97).model_copy(update={"sev1_risk": 0.5})

    def marked() -> tuple[bool, str]:
        ticket = submitted(ledger)
        entry = entries_of(ledger, ticket.id)[0]
        work = [Occurrence(entry, e.EVENTS[entry.type].model_validate(entry.data), ticket)]
        classified = decider(ledger, FixedModel({}, half)).decide(work)[0][0]
        assert isinstance(classified, e.TicketClassified)
        assert classified.sev1_guard is not None
        happened(ledger, ticket.id, classified, Attribution("service:classifier", "service"))
        happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), QA)
        return classified.prediction["sev1_candidate"], classified.sev1_guard["guard"]

    assert {marked() for _ in range(WILKS[0])} == {(False, "all flagged")}
    assert marked() == (True, "flagged from a risk of 0.50 on")
