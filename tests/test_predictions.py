"""The shapes between models and services."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from pydantic import ValidationError

from models.fixed import prediction
from schemas.predictions import Floor, Prediction, RankedSystem, TicketText, Word
from schemas.tickets import Submission, Ticket


def submission(**more: Any) -> Submission:
    given = {"title": "Line 4 stands", "body": "since 6", "site": "Cork", "reporter": "A. Reporter", "reporter_role": "operator"}
    return Submission.model_validate(given | more)


def test_a_text_is_taken_from_a_submission_without_the_reporter() -> None:
    text = TicketText.model_validate(submission(area="Line 4", stopped="line 4", batch="B1"))
    assert (text.title, text.area, text.stopped, text.batch) == ("Line 4 stands", "Line 4", "line 4", "B1")
    assert "A. Reporter" not in text.model_dump_json()


def test_a_text_is_taken_from_a_ticket_as_it_stands() -> None:
    now = datetime(2026, 3, 1, 6, 15, tzinfo=UTC)
    told = submission(title="Label blank", reporter_role="warehouse", workaround="by hand").model_dump() | {"occurred_at": now}
    kept = Ticket.model_validate(told | {"id": "HC-1", "version": 1, "state": "submitted", "submitted_at": now, "changed_at": now})
    text = TicketText.model_validate(kept)
    assert (text.title, text.reporter_role, text.workaround, text.equipment) == ("Label blank", "warehouse", "by hand", None)


def test_the_claimed_severity_is_nothing_that_a_model_may_see() -> None:
    assert "reported_severity" not in TicketText.model_fields
    assert "system" not in TicketText.model_fields


def test_figures_are_rounded_to_four_decimals() -> None:
    assert RankedSystem(system="erp", probability=0.123456).probability == 0.1235
    assert Word(term="stock", weight=-0.00001).weight == 0.0
    assert str(Word(term="stock", weight=-0.00001).weight) == "0.0"


def test_a_prediction_survives_canonical_json_unchanged() -> None:
    answer = prediction("erp", 1 / 3 + 0.5)
    written = rfc8785.dumps(answer.model_dump(mode="json"))
    again = Prediction.model_validate_json(written)
    assert again == answer
    assert rfc8785.dumps(again.model_dump(mode="json")) == written


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_probability_outside_zero_and_one_is_refused(probability: float) -> None:
    with pytest.raises(ValidationError):
        RankedSystem(system="erp", probability=probability)


def test_a_weight_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValidationError):
        Word(term="stock", weight=float("nan"))


def test_an_unknown_field_is_refused() -> None:
    data = json.loads(prediction("erp", 0.9).model_dump_json()) | {"mood": "good"}
    with pytest.raises(ValidationError, match="mood"):
        Prediction.model_validate(data)


def test_a_prediction_names_at_least_one_system() -> None:
    data = json.loads(prediction("erp", 0.9).model_dump_json()) | {"systems": []}
    with pytest.raises(ValidationError, match="systems"):
        Prediction.model_validate(data)


def test_a_prediction_cannot_be_changed() -> None:
    answer = prediction("erp", 0.9)
    with pytest.raises(ValidationError, match="frozen"):
        answer.confidence = 1.0  # type: ignore[misc]


def test_a_floor_may_flag_without_a_severity() -> None:
    assert Floor(rule="operator-deviation", severity=None, gxp=True, reason="why").severity is None
