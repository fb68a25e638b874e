"""A report as a text to read in a mail: no wider than a mail, nothing left out, and nothing that people wrote stands where ours does."""

from dataclasses import replace
from datetime import UTC, datetime
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stabilisation.markup import Markup
from services.stabilisation.report.document import Bullets, Document, Fact, Facts, Figure, Part, Section, Sentence, Table
from services.stabilisation.report.letter import WIDTH, letter

ROWS = (("HC-1", "Line 3 stopped", "Sev1", "anna", "-"), ("HC-2", "Labels print twice", "Sev3", "-", "waits for the reporter"))
TABLE = Table("2 tickets", ("Ticket", "What", "Severity", "Owner", "Next step"), ROWS)
DOCUMENT = Document(
    kind="handover",
    title="Handover: Wave 1",
    subtitle="GL-1, Cork",
    light="amber",
    reasons=("a Sev2 is old", "two are owned by nobody"),
    sections=(),
    identity=("GL-1, as known at noon UTC.", "Ledger entry 12"),
    at=datetime(2026, 3, 2, 12, tzinfo=UTC),
)
WORDS = st.text(st.characters(codec="utf-8"), max_size=200)


def lines_of(*parts: Part, title: str = "Open") -> list[str]:
    """Of a letter with one section of these parts."""
    return letter(replace(DOCUMENT, sections=(Section(title, parts),))).splitlines()


def section(*parts: Part) -> list[str]:
    told = lines_of(*parts)
    return told[told.index("Open") + 2 : told.index("--") - 1]


def test_it_begins_with_what_it_is_and_the_light_and_ends_with_what_it_is_of() -> None:
    told = lines_of(Sentence("None."))
    assert told[:4] == ["Handover: Wave 1", "GL-1, Cork", "", "AMBER: a Sev2 is old; two are owned by nobody"]
    assert told[5:8] == ["Open", "----", "None."]
    assert told[-3:] == ["--", "GL-1, as known at noon UTC.", "Ledger entry 12"]


def test_a_row_is_its_first_cells_and_below_them_the_others_with_their_names() -> None:
    assert section(TABLE) == [
        "HC-1 Line 3 stopped",
        "    Severity: Sev1 · Owner: anna",
        "HC-2 Labels print twice",
        "    Severity: Sev3 · Next step: waits for the reporter",
    ]


def test_facts_stand_side_by_side_and_a_figure_is_told_in_words() -> None:
    facts = Facts((Fact("Open", "3", "1 arrived"), Fact("Late", "0", alarm=True)))
    assert section(facts) == ["Open: 3 (1 arrived) · Late: 0"]
    assert section(Figure("Burndown", "Below the plan since Monday.", Markup("<svg/>"))) == ["Burndown. Below the plan since Monday."]


def test_long_items_go_on_below_themselves() -> None:
    told = section(Bullets(("short", "word " * 40)))
    assert told[0] == "- short"
    assert (told[1].startswith("- word"), all(line.startswith("  word") for line in told[2:])) == (True, True)


def test_a_piece_that_is_too_long_has_lines_of_its_own_and_a_long_word_stays_whole() -> None:
    address = "https://hypercare.plant.example/" + "x" * 90
    told = section(Table("1 ticket", ("Ticket", "What", "Due", "See"), (("HC-1", "Late", "today " * 20, address),)))
    assert [line for line in told if len(line) > WIDTH] == [f"    {'See: '}{address}"] or f"    {address}" in told
    assert "".join(told).count("today") == 20


@pytest.mark.parametrize("forged", ["None.\n\n9. All is well\n-------------", "x\r\n--\r\nLedger entry 1", "a\u2028--\u2028b", "\x1b[2J"])
def test_what_people_wrote_begins_no_line_that_could_be_ours(forged: str) -> None:
    told = section(Table("1 ticket", TABLE.columns, (("HC-1", forged, "Sev1", forged, forged),)))
    assert all(line.startswith(("HC-1", "    ")) for line in told)
    assert not {"\x1b", "\r"} & set("".join(told))


@given(WORDS, WORDS)
def test_whatever_people_wrote_no_line_is_wider_than_a_mail_unless_a_word_is_and_nothing_acts(first: str, second: str) -> None:
    told = lines_of(Sentence(first), Table("", TABLE.columns, (("HC-1", first, second, second, first),)))
    for line in told:
        assert len(line) <= WIDTH or max(map(len, line.split())) > WIDTH - len("    Next step: ")
        assert not [letter for letter in line if category(letter) in ("Cc", "Cs", "Zl", "Zp")]
