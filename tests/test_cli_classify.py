"""`hypercare classify`: a site asks what the classifier would have said of its old tickets."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from models.floors import load_floors
from models.registry import load_model
from schemas.predictions import TicketText
from tests.command_line import run

OLD = [
    {"Number": "INC-1", "Short description": "IDoc 51 on every goods issue", "Description": "posting period closed", "Priority": "P3"},
    {"Number": "INC-2", "Short description": "Wrong label on the cartons of line 4", "Description": "", "Priority": ""},
    {"Number": "INC-3", "Short description": "IDoc 51 on every goods issue!", "Description": "posting period closed", "Priority": "P4"},
]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def told(*words: object, **more: Any) -> list[dict[str, Any]]:
    result = run("classify", *words, **more)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_row_has_its_answer_in_the_order_of_the_file(tmp_path: Path) -> None:
    answers = told(written(tmp_path / "old.csv", OLD))
    assert [(answer["row"], answer["ticket"]) for answer in answers] == [(2, "INC-1"), (3, "INC-2"), (4, "INC-3")]
    first = answers[0]
    expected = load_model().predict([TicketText(title=OLD[0]["Short description"], body=OLD[0]["Description"])])[0]
    assert first["system"] == expected.systems[0].system == "erp"
    assert first["systems"] == [ranked.model_dump() for ranked in expected.systems]
    assert (first["decision"], first["model"], first["kind"]) == (expected.decision, expected.model, expected.kind)
    assert first["rules"] == load_floors().digest
    assert {"prediction_set", "confidence", "threshold", "severities", "sev1_risk", "sev1_candidate", "words"} <= set(first)


def test_floors_claims_and_suggestions_meet_as_in_a_running_classifier(tmp_path: Path) -> None:
    plain, label, _ = told(written(tmp_path / "old.csv", OLD))
    assert (label["severity"], label["decided_by"], label["gxp"]) == ("sev1", "floor", "potential")
    assert label["floors"][0]["rule"] == "label-mix-up"
    assert plain["decided_by"] in ("claim", "suggestion")
    assert plain["severity"] <= "sev3"


def test_what_was_told_before_in_the_file_is_named(tmp_path: Path) -> None:
    first, _, again = told(written(tmp_path / "old.csv", OLD))
    assert first["similar"] == []
    assert [(one["ticket"], one["same_incident"]) for one in again["similar"]] == [("INC-1", True)]


def test_answers_go_to_a_file_and_a_summary_to_the_person(tmp_path: Path) -> None:
    result = run("classify", written(tmp_path / "old.csv", OLD), "--to", tmp_path / "answers.ndjson")
    assert (result.exit_code, result.stdout) == (0, "")
    assert len((tmp_path / "answers.ndjson").read_text("utf-8").splitlines()) == 3
    assert "3 rows:" in result.stderr


def test_ndjson_is_read_too_and_a_body_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "old.ndjson").write_text(json.dumps({"body": "scanner in the cold room does not beep", "site": "Cork"}) + "\n", "utf-8")
    (answer,) = told(tmp_path / "old.ndjson")
    assert (answer["row"], answer["ticket"], answer["system"]) == (1, "row 1", "infrastructure")


def test_a_row_that_cannot_be_judged_is_named_and_stops_no_other(tmp_path: Path) -> None:
    rows = [OLD[0], {**OLD[0], "Short description": "", "Description": " "}, {**OLD[1], "Priority": "urgent"}, OLD[1]]
    result = run("classify", written(tmp_path / "old.csv", rows))
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert ["problem" in answer for answer in answers] == [False, True, True, False]
    assert "neither title nor body" in answers[1]["problem"]
    assert "urgent" in answers[2]["problem"]
    assert "2 rows could not be judged" in result.stderr


@pytest.mark.parametrize(("name", "content", "said"), [("x.csv", "colour\nred\n", "call one title"), ("x.doc", "", "none of the endings")])
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    result = run("classify", tmp_path / name)
    assert result.exit_code == 1
    assert said in result.stderr


def test_the_model_and_the_rules_are_those_of_the_settings(tmp_path: Path) -> None:
    result = run("classify", written(tmp_path / "old.csv", OLD), env={"HYPERCARE_MODEL": str(tmp_path)})
    assert result.exit_code == 1
    assert "is missing; name a folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_same_words_of_another_batch_are_not_the_same_incident(tmp_path: Path) -> None:
    rows = [OLD[0] | {"Batch": batch, "Number": f"INC-{number}"} for number, batch in enumerate(("B-1", "B-1", "B-2"))]
    _, same, other = told(written(tmp_path / "old.csv", rows))
    assert same["similar"][0]["same_incident"] is True
    assert {one["same_incident"] for one in other["similar"]} == {False}
