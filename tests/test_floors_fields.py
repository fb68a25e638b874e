"""Floors: what the intake fields say decides before the text does."""

from pathlib import Path

import pytest

from models.floors import load_floors
from schemas.predictions import TicketText

FLOORS = load_floors()

SAYS_NO = (
    *("no", "No.", "none", "None!", "nothing", "nothing, line runs", "nothing stands", "not stopped", "no line stopped", "no, line 4 runs"),
    *("nein", "nichts", "keine", "keine Linie", "nichts steht", "läuft weiter", "nada", "ninguna", "ninguna línea", "nada parado"),
    *("rien", "aucune", "aucune ligne", "pas d'arrêt", "niente", "nessuna", "nessuna linea", "nenhuma", "nenhuma linha", "nada parou"),
)
SAYS_NOTHING = ("", " ", "-", "--", "n/a", "N.A.", "?", "...", "unknown", "see text", "siehe Text")
NO_WORKAROUND = (
    *("none", "no", "no workaround", "none known", "no way round", "not possible", "restart tried, did not help", "QA says no"),
    *("keine", "keiner", "kein Workaround", "nicht möglich", "ninguno", "no hay", "sin alternativa", "aucun", "aucune solution"),
    *("nessuno", "non possibile", "nenhum", "não há"),
)
STOPS = (
    "line 4",
    "Linie 2 und 3",
    "línea 3, envasado",
    "ligne 5",
    "linea 2",
    "linha 7",
    "no filling possible on line 4",
    "line 3, line 4 runs",
)


def hits(text: TicketText) -> set[str]:
    return {hit.rule for hit in FLOORS.hits(text)}


def severity(text: TicketText) -> str | None:
    return min((hit.severity for hit in FLOORS.hits(text) if hit.severity), default=None)


@pytest.mark.parametrize("stopped", STOPS)
def test_a_stop_with_no_workaround_told_is_a_sev2(stopped: str) -> None:
    assert severity(TicketText(title="Printer", stopped=stopped)) == "sev2"


@pytest.mark.parametrize("stopped", STOPS)
def test_a_stop_with_a_clock_is_a_sev1(stopped: str) -> None:
    assert severity(TicketText(title="Printer", stopped=stopped, clock="hold time ends at 14:00")) == "sev1"


@pytest.mark.parametrize("stopped", [*SAYS_NO, *SAYS_NOTHING])
def test_no_stop_is_no_floor_whatever_else_runs(stopped: str) -> None:
    assert severity(TicketText(title="Printer", stopped=stopped, batch="25C0358")) is None


@pytest.mark.parametrize("stopped", SAYS_NO)
def test_a_text_does_not_hold_against_a_field_that_says_nothing_stands(stopped: str) -> None:
    assert severity(TicketText(title="MES down for all users", body="All lines stopped", stopped=stopped)) is None


@pytest.mark.parametrize("stopped", SAYS_NOTHING)
def test_a_field_that_says_nothing_leaves_it_to_the_text(stopped: str) -> None:
    assert severity(TicketText(title="MES down for all users", stopped=stopped)) == "sev1"


def test_a_workaround_makes_a_standstill_a_sev2() -> None:
    assert severity(TicketText(title="All lines stopped")) == "sev1"
    assert severity(TicketText(title="All lines stopped", workaround="paper records, agreed with QA")) == "sev2"


@pytest.mark.parametrize("workaround", [*NO_WORKAROUND, *SAYS_NOTHING])
def test_a_workaround_that_does_not_work_is_none(workaround: str) -> None:
    assert severity(TicketText(title="Filler", stopped="all lines", workaround=workaround)) == "sev1"


def test_a_workaround_does_not_lower_what_is_no_matter_of_standing() -> None:
    text = TicketText(title="Wrong label on the cartons", stopped="nothing", workaround="line 5", clock="no hurry")
    assert "label-mix-up" in hits(text)
    assert severity(text) == "sev1"


def test_a_clock_is_heard_from_its_field_and_denied_by_it() -> None:
    assert severity(TicketText(title="Tank 4", clock="Haltezeit läuft um 14 Uhr ab")) == "sev2"
    assert severity(TicketText(title="Hold time ends at 16:00, batch cannot move on", clock="no clock")) is None


def test_a_clock_of_product_is_a_matter_of_quality_and_a_truck_is_not() -> None:
    assert any(hit.gxp for hit in FLOORS.hits(TicketText(title="x", clock="stability pull due today")))
    assert not any(hit.gxp for hit in FLOORS.hits(TicketText(title="x", clock="truck leaves at 16:00")))


@pytest.mark.parametrize(("people", "expected"), [(None, None), (0, None), (19, None), (20, "sev2"), (5_000, "sev2")])
def test_twenty_people_who_cannot_work_are_a_sev2(people: int | None, expected: str | None) -> None:
    assert severity(TicketText(title="Login", people_affected=people)) == expected


FIELDS = """
[unsaid]
no = ["none"]
stopped = ["runs"]
[[floor]]
id = "oven-stands"
severity = "sev1"
gxp = false
reason = "The oven stands with bread in it"
examples = [{ title = "Oven", stopped = "oven 2", clock = "dough rises", people_affected = 3 }]
counterexamples = [
  { title = "Oven", stopped = "oven 2", people_affected = 3 },
  { title = "Oven", stopped = "oven 2 runs", clock = "dough rises", people_affected = 3 },
  { title = "Oven", stopped = "oven 2", clock = "dough rises", people_affected = 2 },
  { title = "Oven", stopped = "oven 2", clock = "dough rises", people_affected = 3, workaround = "oven 3" },
  { title = "Oven", stopped = "oven 2, but tomorrow", clock = "dough rises", people_affected = 3 },
  { title = "Oven", stopped = "mixer", clock = "dough rises", people_affected = 3 },
]
[[floor.when]]
source = "stopped"
all = [["oven"]]
none = ["tomorrow"]
told = ["clock"]
blank = ["workaround"]
at_least = { people_affected = 3 }
"""


def test_a_site_may_write_a_rule_over_several_fields(tmp_path: Path) -> None:
    path = tmp_path / "floors.toml"
    path.write_text(FIELDS, encoding="utf-8")
    text = TicketText(title="x", stopped="oven 1", clock="dough", people_affected=9, workaround="None")
    assert [hit.rule for hit in load_floors(path).hits(text)] == ["oven-stands"]
