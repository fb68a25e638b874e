"""What the columns of other people's files mean."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.tickets import Submission
from schemas.words import SEVERITIES as KNOWN
from services.cli.columns import NAMES, SEVERITIES, cells_of, digest, faults, instant, meanings, submission_of
from services.cli.rows import Row

BERLIN = ZoneInfo("Europe/Berlin")
SAP = ("Kurzbeschreibung", "Beschreibung", "Werk", "Melder", "Schweregrad", "Auftrag", "Charge", "Aufgetreten am", "Nummer", "Bemerkung")


def test_german_columns_are_understood() -> None:
    assert meanings(SAP) == {
        "title": "Kurzbeschreibung",
        "body": "Beschreibung",
        "site": "Werk",
        "reporter": "Melder",
        "reported_severity": "Schweregrad",
        "process_order": "Auftrag",
        "batch": "Charge",
        "occurred_at": "Aufgetreten am",
        "source_id": "Nummer",
    }


def test_the_columns_of_a_service_desk_export_are_understood() -> None:
    found = meanings(("Number", "Short description", "Description", "Opened by", "Location", "Priority", "Configuration item", "Opened"))
    assert sorted(found) == ["body", "equipment", "occurred_at", "reported_severity", "reporter", "site", "source_id", "title"]


@pytest.mark.parametrize("field", Submission.model_fields)
def test_every_field_is_known_by_its_own_name_in_any_writing(field: str) -> None:
    assert meanings([field.upper().replace("_", " ") + ":"]) == {field: field.upper().replace("_", " ") + ":"}


def test_no_name_means_two_fields() -> None:
    names = [name for known in NAMES.values() for name in known]
    assert len(names) == len(set(names))


def test_the_fields_own_name_wins_over_an_alias_wherever_it_stands() -> None:
    assert meanings(["Problem", "Title"])["title"] == "Title"
    assert meanings(["Title", "Problem"])["title"] == "Title"


def test_of_two_columns_of_one_name_the_first_counts() -> None:
    assert meanings(["Titel", "TITEL"])["title"] == "Titel"


@pytest.mark.parametrize(
    ("said", "severity"), [("Kritisch", "sev1"), ("2 - High", "sev2"), ("P3", "sev3"), ("SEV4", "sev4"), ("s1", "sev1")]
)
def test_severities_are_understood_in_other_words(said: str, severity: str) -> None:
    assert submission_of({"reported_severity": said}, {}, None)["reported_severity"] == severity


def test_every_severity_has_other_words_and_an_unknown_word_is_left_for_the_check() -> None:
    assert set(SEVERITIES.values()) == set(KNOWN)
    assert submission_of({"reported_severity": "meh"}, {}, None)["reported_severity"] == "meh"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2026-03-01T06:15:00Z", "2026-03-01T06:15:00+00:00"),
        ("2026-03-01 06:15", "2026-03-01T06:15:00+01:00"),
        ("01.07.2026 06:15", "2026-07-01T06:15:00+02:00"),
        ("01.07.2026, 06:15:30", "2026-07-01T06:15:30+02:00"),
        (datetime(2026, 3, 1, 6, 15), "2026-03-01T06:15:00+01:00"),
        ("3/1/2026", "3/1/2026"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_told_with_their_offset_and_nothing_is_guessed(value: str | datetime, told: str) -> None:
    assert instant(value, BERLIN) == told


def test_a_time_without_offset_and_zone_is_a_fault_that_says_what_to_give() -> None:
    submission = submission_of({"title": "t", "site": "s", "reporter": "r", "occurred_at": "2026-03-01 06:15"}, {}, None)
    assert "--time-zone" in faults(submission)[0]


def test_a_given_value_fills_what_the_row_leaves_open_and_no_more() -> None:
    assert submission_of({"site": "Cork"}, {"site": "Köln", "reporter": "desk"}, None) == {"site": "Cork", "reporter": "desk"}


def test_faults_name_the_fields() -> None:
    assert faults({"title": "t", "site": "Cork", "reporter": "olga"}) == []
    told = faults({"title": " ", "site": "Cork", "reporter": "a\x00b", "equipment": "x" * 101})
    assert [fault.partition(":")[0] for fault in told] == ["title", "reporter", "equipment"]


@given(st.dictionaries(st.sampled_from(list(NAMES)), st.text(min_size=1), min_size=1))
def test_the_digest_depends_on_what_is_said_not_on_the_columns_names_or_order(cells: dict[str, str]) -> None:
    backwards = Row(2, {f"column of {field}": value for field, value in reversed(cells.items())})
    assert digest(cells_of(backwards, {field: f"column of {field}" for field in cells})) == digest(cells)
    assert digest(cells) != digest({**cells, "title": cells.get("title", "") + "!"})
