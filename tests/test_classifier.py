"""The classifier routes what it is sure of, hands the rest to a person, and can say of every decision why."""

from collections.abc import Sequence

import pytest

from models.fixed import FixedModel, prediction
from models.registry import load_model
from models.triage import Model
from schemas.events import EVENTS, Event, TicketClassified, TicketQueued, TicketRouted
from schemas.tickets import Ticket
from services.classifier import classifier
from services.ledger import Ledger
from services.runner import Occurrence
from services.teams import load_teams
from tests.lives import entries_of, submitted
from tests.minds import FLOORS, decider


def occurrences(ledger: Ledger, tickets: Sequence[Ticket]) -> list[Occurrence]:
    entries = {entry.ticket: entry for entry in entries_of(ledger)}
    return [
        Occurrence(entries[ticket.id], EVENTS[entries[ticket.id].type].model_validate(entries[ticket.id].data), ticket)
        for ticket in tickets
    ]


def decided(ledger: Ledger, model: Model, **fields: object) -> list[Event]:
    return decider(ledger, model).decide(occurrences(ledger, [submitted(ledger, **fields)]))[0]


def sure(**given: object) -> FixedModel:
    return FixedModel({}, otherwise=prediction("plc_scada", 0.97, **given))  # type: ignore[arg-type]


def test_a_sure_answer_routes_to_the_team_that_owns_the_system(ledger: Ledger) -> None:
    classified, routed = decided(ledger, sure())
    assert isinstance(classified, TicketClassified)
    assert (classified.system, classified.severity, classified.decided_by) == ("plc_scada", "sev3", "suggestion")
    assert routed == TicketRouted(system="plc_scada", team="automation")


def test_an_unsure_answer_waits_for_a_person_with_the_suggestion(ledger: Ledger) -> None:
    unsure = FixedModel({}, otherwise=prediction("plc_scada", 0.4))
    classified, queued = decided(ledger, unsure)
    assert isinstance(classified, TicketClassified)
    assert queued == TicketQueued(suggestion="plc_scada")


def test_a_system_that_nobody_owns_waits_for_a_person(ledger: Ledger) -> None:
    model = FixedModel({}, otherwise=prediction("warehouse_robots", 0.99))
    assert decided(ledger, model)[1] == TicketQueued(suggestion="warehouse_robots")


def test_a_claim_is_never_lowered_and_a_suggestion_may_raise_it(ledger: Ledger) -> None:
    cases = [("sev1", "sev3", "sev1", "claim"), ("sev4", "sev2", "sev2", "suggestion"), (None, "sev4", "sev4", "suggestion")]
    for claim, suggestion, severity, decided_by in cases:
        classified = decided(ledger, sure(severity=suggestion), reported_severity=claim)[0]
        assert isinstance(classified, TicketClassified)
        assert (classified.severity, classified.decided_by) == (severity, decided_by)
        assert classified.reasons


def test_a_floor_beats_claim_and_suggestion_and_says_why(ledger: Ledger) -> None:
    told = {"title": "wrong label on the cartons", "body": "wrong label for SKU, batch B-7 is running", "reported_severity": "sev4"}
    classified = decided(ledger, sure(severity="sev4"), **told)[0]
    assert isinstance(classified, TicketClassified)
    assert (classified.severity, classified.gxp, classified.decided_by) == ("sev1", "potential", "floor")
    assert "label" in classified.reasons[0].lower()
    assert classified.floors[0]["reason"] == classified.reasons[0]


def test_a_batch_is_answered_in_its_order(ledger: Ledger) -> None:
    tickets = [submitted(ledger, title=title) for title in ("order missing", "sample missing", "order missing")]
    model = FixedModel({"order missing": prediction("erp", 0.99), "sample missing": prediction("lims", 0.99)})
    answers = decider(ledger, model).decide(occurrences(ledger, tickets))
    assert [answer[0].system for answer in answers if isinstance(answer[0], TicketClassified)] == ["erp", "lims", "erp"]


def test_every_decision_names_what_it_rests_on(ledger: Ledger) -> None:
    model = load_model(None)
    work = occurrences(ledger, [submitted(ledger, title="IDoc 51 on LOIPRO since 02:00, orders missing in MES")])
    first, again = (decider(ledger, model).decide(work)[0][0] for _ in range(2))
    assert isinstance(first, TicketClassified)
    assert first == again
    assert (first.model, first.rules, first.configuration) == (model.version, FLOORS.digest, load_teams(None).digest())
    assert first.prediction["words"]


def test_a_ticket_that_the_classifier_cannot_read_goes_to_a_person(ledger: Ledger) -> None:
    service = classifier(decider(ledger, sure()))
    occurrence = occurrences(ledger, [submitted(ledger)])[0]
    assert list(service.rescue(occurrence)) == [TicketQueued()]
    assert service.types == ("TicketSubmitted",)


@pytest.mark.parametrize("title", ["x", "¡¡¡", "9", "é" * 300, "DROP TABLE ticket; --", "\u202eabc"])
def test_any_text_gets_a_decision(ledger: Ledger, title: str) -> None:
    assert len(decided(ledger, load_model(None), title=title, body="ß" * 20_000)) == 2
