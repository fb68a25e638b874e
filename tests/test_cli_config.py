"""`hypercare config` and `hypercare key`: settings without their secrets, keys shown once."""

import json
from pathlib import Path

import pytest

from services.web.keys import KeyRing
from tests.command_line import run

SECRETS = {
    "HYPERCARE_DATABASE_URL": "postgresql://hyper:geheim@db/hypercare",
    "HYPERCARE_SMTP_PASSWORD": "geheim",
    "HYPERCARE_WEBHOOK_SECRETS": "whsec_geheim",
    "HYPERCARE_KAFKA_PASSWORD": "geheim",
}


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_no_secret_is_ever_shown(words: tuple[str, ...]) -> None:
    shown = run("config", "show", *words, env=SECRETS)
    assert shown.exit_code == 0
    assert "geheim" not in shown.output
    assert "postgresql://hyper:***@db/hypercare" in shown.stdout


def test_a_database_url_that_is_none_is_hidden_as_a_whole() -> None:
    shown = run("config", "show", env={"HYPERCARE_DATABASE_URL": "geheim"})
    assert (shown.exit_code, "geheim" in shown.output) == (0, False)


def test_every_setting_is_shown_with_where_it_comes_from() -> None:
    shown = json.loads(run("config", "show", "--json", env={"HYPERCARE_PORT": "9000"}).stdout)
    assert shown["HYPERCARE_PORT"]["value"] == 9000
    assert shown["HYPERCARE_PORT"]["from"] == "environment"
    assert shown["HYPERCARE_HOST"]["from"] == "default"


def test_every_fault_is_told_at_once_with_the_nearest_name() -> None:
    environment = {"HYPERCARE_PORT": "99999", "HYPERCARE_LOG_LEVEL": "loud", "HYPERCARE_DATABSE_URL": "x", "HYPERCARE_ZZZ": "x"}
    result = run("config", "check", env=environment)
    assert result.exit_code == 1
    for told in ("HYPERCARE_PORT:", "HYPERCARE_LOG_LEVEL:", "did you mean HYPERCARE_DATABASE_URL?", "HYPERCARE_ZZZ is no setting"):
        assert told in result.stderr
    assert len(json.loads(run("config", "check", "--json", env=environment).stdout)["faults"]) == 4


def test_good_settings_are_good() -> None:
    assert run("config", "check").stdout == "The settings are good.\n"
    assert run("config", "check", "--quiet").output == ""
    assert json.loads(run("config", "check", "--json").stdout) == {"faults": [], "remarks": []}


def test_a_new_key_opens_the_file_that_got_its_entry(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    keys = [
        run("key", "new", "--actor", name, "--role", "operator", "--file", path, "--quiet").stdout.strip() for name in ("olga", "Jürgen")
    ]
    ring = KeyRing(path)
    assert [ring.holder(key).actor for key in keys] == ["olga", "Jürgen"]
    assert path.stat().st_mode & 0o077 == 0
    assert not any(key[-20:] in path.read_text() for key in keys)


def test_without_a_file_the_entry_is_shown() -> None:
    told = json.loads(run("key", "new", "--actor", "olga", "--role", "operator", "--expires", "2027-01-01", "--json").stdout)
    assert told["key"].startswith("hc_")
    assert "expires = 2027-01-01T00:00:00+00:00" in told["entry"]
    assert "[[keys]]" in run("key", "new", "--actor", "olga", "--role", "operator").stdout


def test_a_broken_keys_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text("keys = 3")
    result = run("key", "new", "--actor", "olga", "--role", "operator", "--file", path)
    assert (result.exit_code, path.read_text()) == (1, "keys = 3")
    assert result.stdout == ""


@pytest.mark.parametrize("words", [("--role", "service"), ("--role", "Operator")])
def test_a_key_for_a_role_that_nobody_has_is_refused(words: tuple[str, ...]) -> None:
    result = run("key", "new", "--actor", "olga", *words)
    assert (result.exit_code, "No key can be made" in result.stderr) == (1, True)
    assert run("key", "new", "--actor", "olga", "--role", "qa", "--file", "/nowhere/keys.toml").exit_code == 1
