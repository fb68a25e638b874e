"""Settings come from the environment, once; what is wrong is said at once and completely."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.errors import Misconfigured
from services.settings import Settings, load_settings, unknown_variables


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """A clean environment before, and the old one after."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("HYPERCARE_")}
    yield
    for name in [name for name in os.environ if name.startswith("HYPERCARE_")]:
        del os.environ[name]
    os.environ.update(kept)


def test_without_any_setting_it_runs_embedded_on_loopback() -> None:
    settings = load_settings()
    assert (settings.database_url, settings.kafka_bootstrap_servers, settings.host) == ("sqlite:///hypercare.db", None, "127.0.0.1")


def test_two_settings_choose_the_distributed_mode() -> None:
    os.environ["HYPERCARE_DATABASE_URL"] = "postgresql://hypercare@db/hypercare"
    os.environ["HYPERCARE_KAFKA_BOOTSTRAP_SERVERS"] = "kafka:9092"
    settings = load_settings()
    assert (settings.database_url, settings.kafka_bootstrap_servers) == ("postgresql://hypercare@db/hypercare", "kafka:9092")


def test_all_faults_are_told_at_once() -> None:
    faults = {"HYPERCARE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "HYPERCARE_HOST": "0.0.0.0", "HYPERCARE_PORT": "many"}
    os.environ.update(faults | {"HYPERCARE_MODEL": "nowhere", "HYPERCARE_SMTP_PORT": "0", "HYPERCARE_LOG_LEVEL": "loud"})
    with pytest.raises(Misconfigured) as error:
        load_settings()
    named = [line.split(":")[0].removeprefix("HYPERCARE_") for line in str(error.value).splitlines()]
    assert named == ["KAFKA_PASSWORD", "PORT", "API_KEYS_FILE", "MODEL", "SMTP_PORT", "LOG_LEVEL"]


def test_listening_beyond_loopback_needs_api_keys(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="HYPERCARE_API_KEYS_FILE"):
        load_settings(host="0.0.0.0")
    keys = tmp_path / "keys.toml"
    keys.write_text("")
    assert load_settings(host="0.0.0.0", api_keys_file=keys).host == "0.0.0.0"


def test_a_named_file_has_to_be_there() -> None:
    with pytest.raises(Misconfigured, match=r"HYPERCARE_TEAMS_FILE: names nowhere\.toml, which does not exist"):
        load_settings(teams_file=Path("nowhere.toml"))


def test_encrypted_kafka_needs_a_user_and_a_password() -> None:
    with pytest.raises(Misconfigured, match="HYPERCARE_KAFKA_USERNAME and HYPERCARE_KAFKA_PASSWORD"):
        load_settings(kafka_security_protocol="SASL_SSL")


def test_secrets_come_from_files_and_never_show(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "url").write_text("sqlite:///other.db\n")
    os.environ["HYPERCARE_SMTP_PASSWORD_FILE"] = str(tmp_path / "password")
    os.environ["HYPERCARE_DATABASE_URL_FILE"] = str(tmp_path / "url")
    settings = load_settings()
    assert settings.smtp_password is not None
    assert settings.smtp_password.get_secret_value() == "hunter2"
    assert settings.database_url == "sqlite:///other.db"
    assert "hunter2" not in repr(settings) + str(settings.model_dump())


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.environ["HYPERCARE_SMTP_PASSWORD_FILE"] = str(tmp_path / "absent")
    with pytest.raises(Misconfigured, match=r"HYPERCARE_SMTP_PASSWORD_FILE names .*absent, which cannot be read"):
        load_settings()


def test_a_misspelt_variable_is_found() -> None:
    os.environ.update(
        {"HYPERCARE_DATABSE_URL": "x", "HYPERCARE_TEST_KAFKA": "x", "HYPERCARE_SMTP_PASSWORD_FILE": "x", "HYPERCARE_PORT": "1"}
    )
    assert unknown_variables() == ["HYPERCARE_DATABSE_URL"]


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_two_replicas_of_one_machine_have_names_of_their_own_that_outlive_a_restart() -> None:
    one, again, other = load_settings(port=8001).replica, load_settings(port=8001).replica, load_settings(port=8002).replica
    assert one == again != other
    assert load_settings(instance="classifier-0").replica == "classifier-0"
