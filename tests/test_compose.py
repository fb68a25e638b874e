"""docker-compose.yml keeps its schema and the rules for containers, and what it names exists. No container is run."""

import copy
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose.first_secrets import make
from services.cli import VERBS
from services.roles import ROLES
from tests.command_line import run
from tests.compositions import (
    COMPOSE,
    FILE,
    LASTING,
    ONCE,
    OURS,
    PROCESSES,
    ROOT,
    SERVICES,
    Service,
    mounts,
    named_volumes,
    names,
    networks,
    port,
    waits_for,
)

INNER = {"postgres", "kafka", "classifier-1", "classifier-2", "relay", "alert-receiver"}
LOOPBACK_PORT = re.compile(r"127\.0\.0\.1:\d+:\d+")
VERSIONED = re.compile(r"[\w./-]+:v?\d+\.\d+\.?\d*(-\w+)?(@sha256:[0-9a-f]{64})?")
PROMETHEUS = ROOT / "deploy/prometheus/prometheus.yml"
ALERTMANAGER = ROOT / "deploy/alertmanager/alertmanager.yml"
SECRET_FOLDERS = ("hypercare", "operator", "postgres", "prometheus", "grafana")

RULES: dict[str, tuple[Callable[[Service], Any], dict[str, Any]]] = {
    "it has a user that is not root": (lambda it: re.match(r"[1-9]\d*(:[1-9]\d*)?$", it["user"]), {"user": "0:0"}),
    "it cannot write its image": (lambda it: it["read_only"], {"read_only": False}),
    "it has no capability": (lambda it: it["cap_drop"] == ["ALL"] and "cap_add" not in it, {"cap_add": ["NET_ADMIN"]}),
    "it gains no rights": (lambda it: it["security_opt"] == ["no-new-privileges:true"], {"security_opt": ["seccomp:unconfined"]}),
    "it is not privileged": (lambda it: not {"privileged", "pid", "ipc", "devices"} & it.keys(), {"privileged": True}),
    "it is not in the network of the host": (lambda it: it.get("network_mode") in (None, "none"), {"network_mode": "host"}),
    "it cannot reach the container engine": (lambda it: "docker.sock" not in str(it), {"volumes": ["/run/docker.sock:/run/docker.sock"]}),
    "its memory is bounded": (lambda it: re.fullmatch(r"\d+[mg]", it["mem_limit"]), {"mem_limit": None}),
    "its processes are bounded": (lambda it: 0 < it["pids_limit"] <= 400, {"pids_limit": -1}),
    "its log is bounded": (lambda it: {"max-size", "max-file"} <= it["logging"]["options"].keys(), {"logging": {"options": {}}}),
    "it has time to end": (lambda it: int(it["stop_grace_period"].removesuffix("s")) >= 30, {"stop_grace_period": "10s"}),
    "its image has a version": (lambda it: VERSIONED.fullmatch(it["image"]), {"image": "postgres:latest"}),
    "its ports are on loopback": (lambda it: all(map(LOOPBACK_PORT.fullmatch, it.get("ports", []))), {"ports": ["8000:8000"]}),
    "it holds no secret in its settings": (lambda it: not _secrets(it), {"environment": {"POSTGRES_PASSWORD": "hunter2"}}),
}


def _secrets(service: Service) -> list[str]:
    settings = service.get("environment", {})
    return [name for name in settings if re.search("PASSWORD|SECRET|TOKEN|_KEY$|DATABASE_URL", name) and not name.endswith("_FILE")]


def keeps(rule: Callable[[Service], Any], service: Service) -> bool:
    try:
        return bool(rule(service))
    except (KeyError, TypeError):
        return False


def is_a_compose_file(path: Path) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_file_is_a_compose_file() -> None:
    assert is_a_compose_file(FILE)


@pytest.mark.parametrize("fault", [{"helthcheck": {}}, {"read_only": [1]}, {"depends_on": {"kafka": {"condition": "service_well"}}}])
def test_the_schema_finds_a_wrong_word_type_or_condition(fault: dict[str, Any], tmp_path: Path) -> None:
    broken = copy.deepcopy(COMPOSE)
    broken["services"]["api"] |= fault
    (tmp_path / "compose.yml").write_text(yaml.safe_dump(broken))
    assert not is_a_compose_file(tmp_path / "compose.yml")


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("rule", RULES)
def test_every_container_keeps_every_rule(rule: str, name: str) -> None:
    assert keeps(RULES[rule][0], SERVICES[name]), f"{name}: not true that {rule}"


@pytest.mark.parametrize("rule", RULES)
def test_a_container_that_breaks_a_rule_is_found(rule: str) -> None:
    check, fault = RULES[rule]
    assert not keeps(check, SERVICES["api"] | fault)


def test_what_lasts_restarts_by_itself_and_says_whether_it_is_well() -> None:
    for name in LASTING:
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert {name for name in ONCE if SERVICES[name]["healthcheck"] != {"disable": True}} == set()


def test_nothing_starts_before_what_it_needs() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONCE else "service_healthy"
            assert how == {"condition": expected}
            assert set(SERVICES[needed].get("profiles", ())) <= set(service.get("profiles", ())), f"{needed} is in another profile"
    assert {"secrets", "postgres", "kafka", "migrate", "topics"} <= set.intersection(*map(waits_for, PROCESSES))


def test_secrets_are_made_before_they_are_mounted_and_are_mounted_where_they_are_needed() -> None:
    readers = {name: {each for each in named_volumes(service) if each.startswith("secrets-")} for name, service in SERVICES.items()}
    assert {name for name in readers if readers[name] and name != "secrets" and "secrets" not in waits_for(name)} == set()
    assert {place for place, source in mounts(SERVICES["secrets"]).items() if source.startswith("secrets-")} == {
        f"/secrets/{folder}" for folder in SECRET_FOLDERS
    }
    assert readers["kafka"] | readers["alertmanager"] | readers["alert-receiver"] == set()
    for name in ("postgres", "prometheus", "grafana"):
        assert readers[name] == {f"secrets-{name}"}
    for name in PROCESSES:
        assert readers[name] == {"secrets-hypercare"}


def test_every_volume_and_network_is_declared_and_used() -> None:
    assert set().union(*map(named_volumes, SERVICES.values())) == COMPOSE["volumes"].keys()
    assert set().union(*map(networks, SERVICES.values())) == COMPOSE["networks"].keys()


def test_the_database_kafka_and_what_only_works_have_no_way_out_and_no_published_port() -> None:
    internal = {name for name, network in COMPOSE["networks"].items() if (network or {}).get("internal")}
    assert {name for name in LASTING if networks(SERVICES[name]).keys() <= internal} == INNER
    assert {name for name in INNER if "ports" in SERVICES[name]} == set()
    assert {name for name, service in SERVICES.items() if "inside" in networks(service)} == OURS - {"secrets", "alert-receiver"} | {
        "postgres",
        "kafka",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_that_is_mounted_is_there(name: str) -> None:
    mine = [source for source in mounts(SERVICES[name]).values() if source.startswith("./")]
    assert [source for source in mine if not (ROOT / source).exists()] == []


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for folder in SECRET_FOLDERS:
        (tmp_path / folder).mkdir()
    make(tmp_path)
    return tmp_path


def settings(name: str, secrets: Path) -> dict[str, str]:
    """Its environment, with the paths of the container led to where the same files are here."""
    places = {place: secrets / source.removeprefix("secrets-") for place, source in mounts(SERVICES[name]).items()}
    places |= {place: ROOT / source for place, source in mounts(SERVICES[name]).items() if source.startswith(".")}
    environment = dict(SERVICES[name]["environment"])
    for place, here in places.items():
        environment = {key: value.replace(place, str(here)) for key, value in environment.items()}
    return environment


@pytest.mark.parametrize("name", sorted(OURS - {"secrets", "alert-receiver"}))
def test_every_setting_is_one_that_hypercare_knows_and_finds_good(name: str, secrets: Path) -> None:
    checked = run("config", "check", env=settings(name, secrets))
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(
    "fault", [{"HYPERCARE_API_KEY_FILE": "keys.toml"}, {"HYPERCARE_API_KEYS_FILE": ""}, {"HYPERCARE_DATABASE_URL_FILE": "/run/secrets/url"}]
)
def test_a_setting_that_is_misspelt_missing_or_points_nowhere_is_found(fault: dict[str, str], secrets: Path) -> None:
    assert run("config", "check", env=settings("api", secrets) | fault).exit_code == 1


def test_a_process_of_every_role_runs_and_each_has_a_name_of_its_own() -> None:
    assert {role for name in PROCESSES for role in SERVICES[name]["command"][1:]} == set(ROLES)
    instances = [SERVICES[name]["environment"]["HYPERCARE_INSTANCE"] for name in PROCESSES]
    assert sorted(instances) == sorted(PROCESSES)
    assert [name for name in sorted(PROCESSES) if "replicas" in str(SERVICES[name].get("deploy"))] == []
    assert {name for name in PROCESSES if "classifier" in names(name)} == {"classifier-1", "classifier-2"}


@pytest.mark.parametrize("name", sorted(PROCESSES | ONCE - {"secrets", "cli"}))
def test_every_command_is_one_that_hypercare_has(name: str) -> None:
    verb, *rest = SERVICES[name]["command"]
    assert verb in VERBS
    assert run(verb, *rest, "--help").exit_code == 0


def test_the_image_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert {SERVICES[name]["image"] for name in OURS} == {f"hypercare:{version[1]}"}


def test_prometheus_alertmanager_and_grafana_speak_to_services_that_listen_there() -> None:
    heard = {f"{each}:{port(name)}": name for name in LASTING - {"postgres", "kafka"} for each in names(name)}
    scraped = re.findall(r"[\w-]+:\d{4}", " ".join(re.findall(r"targets: \[(.+)\]", PROMETHEUS.read_text("utf-8"))))
    called = re.findall(r"http://([\w-]+:\d+)/", ALERTMANAGER.read_text("utf-8"))
    source = re.findall(r"url: http://(.+)", (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    assert {each for each in [*scraped, *called, *source] if each not in heard} == set()
    assert {heard[each] for each in scraped} >= PROCESSES - {"classifier-1", "classifier-2"} | {"alertmanager"}
    assert {name for each in [*scraped, *called, *source] if "watch" not in networks(SERVICES[name := heard[each]])} == set()


@pytest.mark.skipif(not shutil.which("promtool"), reason="NOT RUN: promtool is missing (Debian package prometheus)")
def test_prometheus_finds_its_files_and_the_key_that_is_made_for_it(secrets: Path) -> None:
    place = mounts(SERVICES["prometheus"])
    assert place["/etc/prometheus"] == "./deploy/prometheus"
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]
    shutil.copytree(PROMETHEUS.parent, secrets / "etc")
    config = secrets / "etc/prometheus.yml"
    config.write_text(config.read_text("utf-8").replace("/run/secrets", str(secrets / "prometheus")))
    checked = subprocess.run(["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (secrets / "prometheus/hypercare_metrics_key").rename(secrets / "prometheus/lost")
    assert subprocess.run(["promtool", "check", "config", str(config)], capture_output=True, check=False).returncode == 1


@pytest.mark.skipif(not shutil.which("amtool"), reason="NOT RUN: amtool is missing (Debian package prometheus-alertmanager)")
def test_alertmanager_finds_its_file() -> None:
    assert mounts(SERVICES["alertmanager"])["/etc/alertmanager"] == "./deploy/alertmanager"
    assert "--config.file=/etc/alertmanager/alertmanager.yml" in SERVICES["alertmanager"]["command"]
    checked = subprocess.run(["amtool", "check-config", str(ALERTMANAGER)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_grafana_finds_its_boards_and_the_first_one_to_show() -> None:
    places = mounts(SERVICES["grafana"])
    told = (ROOT / "deploy/grafana/provisioning/dashboards/hypercare.yml").read_text("utf-8")
    folder = yaml.safe_load(told)["providers"][0]["options"]["path"]
    first = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert first.startswith(f"{folder}/")
    assert (ROOT / places[folder] / Path(first).name).is_file()
