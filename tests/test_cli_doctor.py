"""`hypercare doctor`: every check is shown to find its fault, and to say how it is mended."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from deploy.ports import reserved_port
from models.registry import STARTER
from services.cli.examined import LEAST_FREE, clock, postgresql_kept, space, sqlite_kept
from services.cli.findings import Finding
from services.db import Database, migrate, open_database
from services.ledger import Ledger
from services.teams import SHIPPED
from tests.command_line import on, run
from tests.fronts import Front, serving
from tests.lives import submitted

GB = 2**30
NOW = datetime.now(UTC)


@pytest.fixture
def environment(database: Database, tmp_path: Path) -> dict[str, str]:
    """A healthy installation, on a free port."""
    return on(tmp_path / "hypercare.db") | {"HYPERCARE_PORT": "0", "HYPERCARE_ANCHORS_FILE": str(tmp_path / "anchors.jsonl")}


def found(environment: dict[str, str], **more: object) -> tuple[int, dict[str, Finding]]:
    """The exit code, and by check the worst finding."""
    result = run("doctor", "--json", env=environment | {f"HYPERCARE_{name.upper()}": str(value) for name, value in more.items()})
    findings = [Finding(**finding) for finding in json.loads(result.stdout)]
    order = ("good", "warning", "error")
    return result.exit_code, {finding.check: finding for finding in sorted(findings, key=lambda finding: order.index(finding.state))}


def must_find(findings: dict[str, Finding], check: str, told: str, state: str = "error") -> None:
    assert findings[check].state == state
    assert told in findings[check].told
    assert findings[check].mend


@pytest.fixture
def closed() -> int:
    """A port at which nobody listens."""
    return reserved_port()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which something listens that is not hypercare and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_healthy_installation_has_nothing_to_mend(environment: dict[str, str]) -> None:
    code, findings = found(environment)
    assert code == 0
    assert {finding.state for finding in findings.values()} == {"good"}
    expected = [
        "settings",
        "database",
        "migrations",
        "strict",
        "durability",
        "clock",
        "anchors",
        "disk",
        "port",
        "model",
        "teams",
        "channels",
        "on call",
        "kafka",
    ]
    assert sorted(findings) == sorted(expected)


def test_the_report_is_a_line_per_check_and_the_way_to_mend_it(environment: dict[str, str]) -> None:
    shown = run("doctor", env=environment | {"HYPERCARE_ANCHORS_FILE": ""}).stdout.splitlines()
    assert shown[0] == "good     settings    All HYPERCARE_ variables are known and valid"
    warned = shown.index("warning  anchors     The ledger's head is kept nowhere else: a rewritten ledger would not show")
    assert shown[warned + 1] == "                     -> Set HYPERCARE_ANCHORS_FILE"
    quiet = run("doctor", "--quiet", env=environment | {"HYPERCARE_ANCHORS_FILE": ""}).stdout.splitlines()
    assert quiet == shown[warned : warned + 2]


def test_all_faults_of_the_settings_are_found_at_once(environment: dict[str, str]) -> None:
    result = run("doctor", env=environment | {"HYPERCARE_PORT": "x", "HYPERCARE_SMTP_PORT": "0", "HYPERCARE_MODLE": "y"})
    assert result.exit_code == 1
    assert all(told in result.stdout for told in ("HYPERCARE_PORT:", "HYPERCARE_SMTP_PORT:", "did you mean HYPERCARE_MODEL?"))


def test_a_database_that_is_not_there_is_found_and_not_made(environment: dict[str, str], tmp_path: Path) -> None:
    code, findings = found(environment, database_url=f"sqlite:///{tmp_path / 'none.db'}")
    assert code == 1
    must_find(findings, "database", "There is no database")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://x:geheim@127.0.0.1:1/x", "does not answer"),
        ("oracle://x", "only sqlite and postgresql"),
        ("geheim", "not a database URL"),
    ],
)
def test_a_database_that_cannot_be_used_is_found(environment: dict[str, str], url: str, told: str) -> None:
    _, findings = found(environment, database_url=url)
    must_find(findings, "database", told)
    assert "geheim" not in str(findings)


def test_tables_of_another_revision_are_found(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    _, findings = found(environment, database_url=f"sqlite:///{tmp_path / 'empty.db'}")
    must_find(findings, "migrations", "another revision")
    assert "hypercare migrate" in findings["migrations"].mend


def test_a_table_that_is_not_strict_is_found(environment: dict[str, str], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "hypercare.db") as connection:
        connection.execute("CREATE TABLE loose (x INTEGER)")
    connection.close()
    must_find(found(environment)[1], "strict", "loose")


def test_a_database_that_does_not_wait_for_the_disk_is_found(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'loose.db'}")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA synchronous = NORMAL"))
        findings = {finding.check: finding for finding in sqlite_kept(connection)}
    engine.dispose()
    must_find(findings, "durability", "power cut")


def test_a_role_that_may_change_the_ledger_and_a_lazy_postgresql_are_found(postgres_url: str) -> None:
    database = open_database(postgres_url)
    migrate(database)
    with database.read() as connection:
        assert {finding.state for finding in postgresql_kept(connection)} == {"good"}
        connection.execute(text("RESET ROLE"))
        connection.execute(text("SET synchronous_commit = off"))
        findings = {finding.check: finding for finding in postgresql_kept(connection)}
    database.close()
    must_find(findings, "role", "may change entries")
    must_find(findings, "durability", "synchronous_commit is off")


@pytest.mark.parametrize(("free", "state"), [(LEAST_FREE - 1, "error"), (4 * GB, "error"), (9 * GB, "warning"), (50 * GB, "good")])
def test_a_disk_that_runs_full_is_found(free: int, state: str) -> None:
    assert space(Path("/data"), free, 100 * GB).state == state


@pytest.mark.parametrize(
    ("now", "recorded", "told"),
    [
        (NOW, NOW + timedelta(minutes=5), "300 s in the future"),
        (datetime(2020, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), "before this program was installed"),
    ],
)
def test_a_clock_that_cannot_be_right_is_found(now: datetime, recorded: datetime, told: str) -> None:
    must_find({"clock": clock(now, recorded)}, "clock", told)
    assert clock(NOW, NOW + timedelta(seconds=2)).state == "good"


@pytest.mark.parametrize(
    ("anchor", "told"),
    [
        ('{"seq": 1, "digest": "%s"}' % ("0" * 64), "was rewritten"),
        ('{"seq": 7, "digest": "%s"}' % ("0" * 64), "restored from an older copy"),
        ("{broken", "no anchor"),
    ],
)
def test_a_ledger_that_its_anchors_do_not_know_is_found(environment: dict[str, str], ledger: Ledger, anchor: str, told: str) -> None:
    submitted(ledger)
    run("ledger", "anchor", env=environment)
    assert found(environment)[1]["anchors"].state == "good"
    Path(environment["HYPERCARE_ANCHORS_FILE"]).write_text(anchor)
    must_find(found(environment)[1], "anchors", told)


def test_a_taken_port_is_found_unless_hypercare_has_it(environment: dict[str, str], taken: int, ledger: Ledger) -> None:
    must_find(found(environment, port=taken)[1], "port", "another program has it")
    with serving(Front(ledger)) as front:
        assert "hypercare answers" in found(environment, port=front.url.rpartition(":")[2])[1]["port"].told


def test_a_free_port_is_free(environment: dict[str, str], closed: int) -> None:
    assert "is free" in found(environment, port=closed)[1]["port"].told


def damaged_model(folder: Path) -> Path:
    shutil.copytree(STARTER, folder)
    content = bytearray((folder / "model.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.npz").write_bytes(content)
    return folder


def test_a_damaged_model_is_found_and_told_in_its_own_words(environment: dict[str, str], tmp_path: Path) -> None:
    must_find(found(environment, model=damaged_model(tmp_path / "model"))[1], "model", "model.npz")


@pytest.mark.parametrize("setting", ["floors_file", "systems_file"])
def test_broken_rules_are_found(environment: dict[str, str], tmp_path: Path, setting: str) -> None:
    (tmp_path / "broken.toml").write_text("[[")
    must_find(found(environment, **{setting: tmp_path / "broken.toml"})[1], "model", "broken.toml")


@pytest.mark.parametrize(
    ("change", "told", "state"),
    [
        (('erp = "erp"\n', ""), "No team owns erp", "error"),
        (('page = ["console:erp"]\n', ""), "Nobody is paged for a Sev1 of erp", "warning"),
        (("[systems]", "[systems"), "cannot be read", "error"),
    ],
)
def test_teams_that_cannot_be_reached_are_found(environment: dict[str, str], tmp_path: Path, change: Any, told: str, state: str) -> None:
    (tmp_path / "teams.toml").write_text(SHIPPED.read_text("utf-8").replace(*change), "utf-8")
    must_find(found(environment, teams_file=tmp_path / "teams.toml")[1], "teams", told, state)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("mail:erp@example.org", "HYPERCARE_SMTP_HOST"),
        ("webhook:https://example.org/hook", "HYPERCARE_WEBHOOK_SECRETS"),
        ("pigeon:loft", "the channels are"),
    ],
)
def test_a_target_without_a_channel_is_found(environment: dict[str, str], tmp_path: Path, target: str, told: str) -> None:
    (tmp_path / "teams.toml").write_text(SHIPPED.read_text("utf-8").replace("console:erp", target), "utf-8")
    must_find(found(environment, teams_file=tmp_path / "teams.toml")[1], "channels", told)


def test_a_kafka_that_is_away_is_found(environment: dict[str, str], taken: int, closed: int) -> None:
    near, far = f"127.0.0.1:{taken}", f"127.0.0.1:{closed}"
    must_find(found(environment, kafka_bootstrap_servers=far)[1], "kafka", f"No connection to {far}")
    must_find(found(environment, kafka_bootstrap_servers=f"{near},{far}")[1], "kafka", far, "warning")
    must_find(found(environment, kafka_bootstrap_servers="no-port")[1], "kafka", "no-port")
    assert found(environment, kafka_bootstrap_servers=near)[1]["kafka"].state == "good"


def test_a_mail_server_that_is_away_is_found(environment: dict[str, str], taken: int, closed: int) -> None:
    must_find(found(environment, smtp_host="127.0.0.1", smtp_port=closed)[1], "mail", "No connection", "warning")
    assert found(environment, smtp_host="127.0.0.1", smtp_port=taken)[1]["mail"].state == "good"


def test_a_broken_keys_file_is_found(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text("keys = 3")
    must_find(found(environment, api_keys_file=tmp_path / "keys.toml")[1], "keys", "not valid")
    (tmp_path / "keys.toml").write_text("")
    assert found(environment, api_keys_file=tmp_path / "keys.toml")[1]["keys"].state == "good"
