"""`hypercare golive`: one file declares, plans and holds a go-live to criteria; faults name their field; the API has the last word."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from services.golives import golives_of
from services.ledger import Ledger
from tests.command_line import run
from tests.documents import DOCS, ROOT, blocks
from tests.lived_golives import served

NOWHERE = "http://127.0.0.1:1"
BECAUSE = ("--reason", "agreed in the steering committee")


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    with served(ledger) as address:
        yield address


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The one of docs/golive.md."""
    (example,) = (block.text for block in blocks((DOCS / "golive.md").read_text("utf-8")) if block.info == "toml golive")
    path = tmp_path / "golive.toml"
    path.write_text(example, "utf-8")
    return path


def golive(url: str, *words: object, actor: str = "ann") -> Result:
    return run("golive", *words, "--url", url, "--actor", actor)


def told(url: str, *words: object, actor: str = "ann") -> Any:
    ended = golive(url, *words, "--json", actor=actor)
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_file_of_the_documentation_declares_everything(url: str, file: Path) -> None:
    made = told(url, "declare", file)
    assert (made["id"], made["text"]["site"]) == ("GL-1", "Cork")
    assert len(made["plans"]) == 1
    assert len(made["scope_events"]) == 2
    assert made["criteria_version"] == 1
    assert told(url, "show", "GL-1") == made
    assert told(url, "list", "--site", "Cork") == [made]


def test_the_same_file_again_declares_nothing_unless_it_is_meant(url: str, file: Path) -> None:
    told(url, "declare", file)
    again = golive(url, "declare", file)
    assert again.exit_code == 1
    assert "hypercare golive change GL-1" in again.stderr
    assert told(url, "declare", file, "--again")["id"] == "GL-2"


def test_a_plan_is_approved_by_somebody_else_and_made_anew_with_a_reason(url: str, file: Path) -> None:
    assert "golive approve GL-1 1" in golive(url, "declare", file).stdout
    assert golive(url, "approve", "GL-1", 1).exit_code == 1
    assert told(url, "approve", "GL-1", 1, actor="bob")["plans"][0]["approver"] == "bob"
    assert "needs a reason" in golive(url, "plan", "GL-1", file).stderr
    assert len(told(url, "plan", "GL-1", file, *BECAUSE)["plans"]) == 2


def test_scope_events_of_a_file_are_planned_once_and_may_be_dropped(url: str, file: Path) -> None:
    told(url, "declare", file)
    assert len(told(url, "scope", "GL-1", file)["scope_events"]) == 2
    assert len(told(url, "drop", "GL-1", "SE-1", *BECAUSE)["scope_events"]) == 1


def test_criteria_are_adopted_waived_and_attested(url: str, file: Path) -> None:
    told(url, "declare", file)
    assert told(url, "criteria", "GL-1", file, *BECAUSE)["criteria_version"] == 2
    waived = told(url, "waive", "GL-1", "few_open", "--until", "2026-12-24T00:00:00+00:00", *BECAUSE)
    assert waived["waivers"][0]["reason"] == BECAUSE[1]
    fails = told(url, "attest", "GL-1", "support_ready", "--fails", "--evidence", "two articles are missing")
    assert fails["attestations"][0]["holds"] is False
    assert "few_open until 2026-12-24" in golive(url, "show", "GL-1").stdout


def test_what_is_said_of_a_golive_is_changed_with_a_reason(url: str, file: Path) -> None:
    told(url, "declare", file)
    file.write_text(file.read_text("utf-8").replace("MES wave 1, packaging", "MES wave 1"), "utf-8")
    assert told(url, "change", "GL-1", file, *BECAUSE)["text"]["name"] == "MES wave 1"


def test_an_exit_needs_a_snapshot_and_a_return_needs_an_exit(url: str, file: Path) -> None:
    told(url, "declare", file)
    assert "has no snapshot" in golive(url, "exit", "GL-1", "--snapshot", "GL-1-2026-04-13", *BECAUSE).stderr
    assert "was not ended" in golive(url, "reenter", "GL-1", *BECAUSE).stderr


FAULTS = {
    "no zone": ('"Europe/Dublin"', '"Mars"', "golive.time_zone: is not a zone"),
    "no offset": ("starts_at = 2026-03-02T06:00:00+00:00", "starts_at = 2026-03-02T06:00:00", "golive.starts_at: needs a UTC offset"),
    "no capacity": ("capacity = 3", "capacity = -3", "capacity: Input should be greater than 0"),
    "no measure": ('measure = "reopened"', 'measure = "hope"', "there is no measure 'hope'"),
    "a stray word": ("[golive]", "[golive]\nmood = 1", "golive.mood: Extra inputs are not permitted"),
    "no kind": ('kind = "line"', 'kind = "party"', "scope_events.0.kind"),
    "no TOML": ("[golive]", "[golive", "is not TOML"),
}


@pytest.mark.parametrize(("right", "wrong", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_file_names_its_field_and_nothing_is_sent(file: Path, right: str, wrong: str, said: str) -> None:
    text = file.read_text("utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong, 1), "utf-8")
    ended = golive(NOWHERE, "declare", file)
    assert ended.exit_code == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_without_a_fault_would_have_been_sent(file: Path) -> None:
    assert "No hypercare answers" in golive(NOWHERE, "declare", file).stderr


def test_the_shipped_criteria_can_stand_in_a_file(url: str, tmp_path: Path) -> None:
    file = tmp_path / "criteria.toml"
    file.write_text(GOLIVE + (ROOT / "services" / "criteria.toml").read_text("utf-8"), "utf-8")
    assert told(url, "declare", file)["criteria_version"] == 1


GOLIVE = """
[golive]
name = "MES"
site = "Cork"
starts_at = 2026-03-02T06:00:00+00:00
planned_end = 2026-04-13T06:00:00+01:00
time_zone = "Europe/Dublin"
"""


@pytest.mark.parametrize("part", ["plan", "criteria"])
def test_a_part_that_the_file_does_not_hold_is_said(url: str, tmp_path: Path, part: str) -> None:
    file = tmp_path / "bare.toml"
    file.write_text(GOLIVE, "utf-8")
    told(url, "declare", file)
    ended = golive(url, part, "GL-1", file, *BECAUSE)
    assert ended.exit_code == 1
    assert f"holds no {part}" in ended.stderr


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "cannot be read" in golive(NOWHERE, "declare", tmp_path / "none.toml").stderr


def test_a_file_of_days_is_reported(url: str, ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "week.csv"
    file.write_text("day;batches_started;batches_completed\n2026-03-02;3;2\n2026-03-03;4;4\n", "utf-8")
    ended = run("exposure", file, "--site", "Cork", "--url", url)
    assert (ended.exit_code, ended.stdout) == (0, "2 days reported\n")
    with ledger.database.read() as connection:
        told = golives_of(connection).exposure["Cork"]
    assert [each.batches_completed for each in told.values()] == [2, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,steps\n2026-03-02,-1\n", "row 2: steps"),
        ("day,mood\n2026-03-02,5\n", "row 2: mood"),
        ("day,steps\ntomorrow,5\n2026-03-02,5\n", "row 2: day"),
        ("day,steps\n", "has no rows"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_sent(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "week.csv"
    file.write_text(text, "utf-8")
    ended = run("exposure", file, "--site", "Cork", "--url", NOWHERE)
    assert ended.exit_code == 1
    assert said in ended.stderr
