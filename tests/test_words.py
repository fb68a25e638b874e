"""Text and times that some part of the way could not carry are refused at the door; everything else is kept as it is."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.tickets import Submission
from schemas.words import Instant, Line, Reason
from tests.lives import told

INSTANT = TypeAdapter(Instant)


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "\ud800", "\x7f", "   ", ""])
def test_what_cannot_be_carried_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(text)


@pytest.mark.parametrize("text", ["Ventil öffnet nicht", "a\tb", "a\r\nb", "\u202eabc", "e\u0301", "👩\u200d🔧", "=cmd|' /C calc'!A0"])
def test_everything_else_is_kept(text: str) -> None:
    assert TypeAdapter(Line).validate_python(text) == text


@pytest.mark.parametrize(
    "given",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        1767225600,
        "1767225600",
        1.5,
        True,
        "2026-01-01",
        "2026-01-01T00:00:00",
        "yesterday",
    ],
)
def test_a_time_needs_date_time_and_offset(given: object) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(given)


def test_times_are_kept_in_utc() -> None:
    assert INSTANT.validate_python("2026-03-01T06:15:00+01:00") == datetime(2026, 3, 1, 5, 15, tzinfo=UTC)


def test_a_reason_has_to_say_something() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Reason).validate_python("ok")


def test_a_submission_knows_its_fields_and_no_others() -> None:
    with pytest.raises(ValidationError, match="severity_final"):
        told(severity_final="sev4")
    assert set(Submission.model_fields) >= {"title", "site", "reporter", "occurred_at", "source_id"}
