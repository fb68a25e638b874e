"""The command line as a whole: its verbs, how fast it starts, and how it tells people of errors."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from services.cli import VERBS, app, load_verb
from services.cli.options import flat
from tests.command_line import on, run

HEAVY = ("sklearn", "numpy", "aiokafka", "fastapi", "uvicorn", "sqlalchemy", "sqlmodel", "pydantic", "openpyxl", "httpx2")
RUNNING = ("demo", "up", "topics", "relay", "classify", "explain", "model")
PROBE = """
import sys
from services.cli import main
sys.argv = ["hypercare", *sys.argv[1:]]
try:
    main()
finally:
    sys.stderr.write(" ".join(sys.modules))
"""
WITH_DATA = {("submit",), ("import",), ("ledger", "verify"), ("ledger", "head"), ("ledger", "export"), ("ledger", "anchor")} | {
    ("dlq", "list"), ("dlq", "show"), ("dlq", "replay"), ("dlq", "discard"), ("config", "show"), ("config", "check"),
    ("doctor",), ("migrate",), ("key", "new"), ("version",), ("topics", "list"), ("topics", "apply"), ("relay", "rewind"),
    ("classify",), ("explain",), ("status",), ("report",), ("exposure",), ("golive", "list"), ("golive", "show"), ("golive", "declare"),
    ("golive", "change"), ("golive", "plan"), ("golive", "approve"), ("golive", "scope"), ("golive", "drop"), ("golive", "criteria"),
    ("golive", "waive"), ("golive", "attest"), ("golive", "exit"), ("golive", "reenter"),
}  # fmt: skip


def loaded_by(*words: str) -> set[str]:
    ended = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=False)
    return {name.partition(".")[0] for name in ended.stderr.split()} | {name for name in ended.stderr.split() if name.startswith("models")}


def test_help_names_every_verb_and_loads_nothing_heavy() -> None:
    assert loaded_by("--help").isdisjoint(HEAVY)
    shown = run("--help").stdout
    assert all(verb in shown and told.line in shown for verb, told in VERBS.items())


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in RUNNING])
def test_no_verb_but_those_that_run_services_or_the_classifier_or_speak_to_kafka_loads_a_server_a_model_or_kafka(verb: str) -> None:
    assert {name.partition(".")[0] for name in loaded_by(verb, "--help")}.isdisjoint({"sklearn", "aiokafka", "uvicorn", "models"})


def test_the_probe_would_see_a_heavy_module() -> None:
    assert "sqlalchemy" in loaded_by("ledger", "--help")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_does_and_can_be_loaded(verb: str) -> None:
    assert load_verb(verb).help
    assert VERBS[verb].line.endswith(".")


@pytest.mark.parametrize("words", sorted(WITH_DATA), ids=" ".join)
def test_every_verb_can_print_json_and_be_quiet(words: tuple[str, ...]) -> None:
    shown = run(*words, "--help").stdout
    assert "--json" in shown
    assert "--quiet" in shown


def test_a_verb_that_is_not_there_is_a_usage_error_that_names_the_nearest() -> None:
    result = run("dotcor")
    assert result.exit_code == 2
    assert "doctor" in result.stderr


def test_a_missing_option_is_a_usage_error() -> None:
    assert run("submit", "Line 3 stopped").exit_code == 2


def test_an_error_is_lines_on_stderr_that_say_what_to_do(tmp_path: Path) -> None:
    result = run("ledger", "head", env=on(tmp_path / "none.db"))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "hypercare migrate" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_completion_knows_the_options_of_a_verb_that_is_not_loaded_yet() -> None:
    environment = {"_HYPERCARE_COMPLETE": "complete_bash", "COMP_WORDS": "hypercare ledger ver", "COMP_CWORD": "2"}
    assert run(env=environment).stdout.strip() == "verify"


def test_version_says_the_version_of_the_package() -> None:
    assert run("version").stdout.startswith("hypercare 0.")
    assert '"hypercare"' in run("version", "--json").stdout


def test_a_function_without_option_groups_is_left_as_it_is() -> None:
    assert flat(lambda: 3)() == 3


def test_the_app_is_a_command_that_the_entry_point_can_call() -> None:
    assert get_command(app).name == "hypercare"
