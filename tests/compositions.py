"""docker-compose.yml as a tool that reads it sees it, with the defaults in place of its variables."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docker-compose.yml"

Service = dict[str, Any]


def filled(value: Any) -> Any:
    """`${NAME:-default}` becomes the default, `$$` a dollar: in every text, once the file is parsed."""
    if isinstance(value, dict):
        return {key: filled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each) for each in value]
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value).replace("$$", "$") if isinstance(value, str) else value


COMPOSE: dict[str, Any] = filled(yaml.safe_load(FILE.read_text("utf-8")))
SERVICES: dict[str, Service] = COMPOSE["services"]
ONCE = {name for name, service in SERVICES.items() if service["restart"] == "no"}
LASTING = SERVICES.keys() - ONCE
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("hypercare:")}
PROCESSES = {name for name in OURS if SERVICES[name].get("command", [""])[0] == "up"}


def mounts(service: Service) -> dict[str, str]:
    """What is mounted, by its place in the container: a named volume, or a path of this project."""
    parts = [mount.split(":") for mount in service.get("volumes", [])]
    files = {each["target"]: COMPOSE["configs"][each["source"]]["file"] for each in service.get("configs", [])}
    return {place: source for source, place, *_ in parts} | files


def named_volumes(service: Service) -> set[str]:
    return {source for source in mounts(service).values() if not source.startswith(".")}


def networks(service: Service) -> dict[str, Any]:
    """Its networks, with the other names that it has there."""
    given = service.get("networks", {})
    return given if isinstance(given, dict) else dict.fromkeys(given)


def names(name: str) -> set[str]:
    """Under which it is found on its networks."""
    return {name}.union(*((each or {}).get("aliases", ()) for each in networks(SERVICES[name]).values()))


def waits_for(name: str) -> set[str]:
    """What has to be there before it starts, and before that."""
    direct = set(SERVICES[name].get("depends_on", ()))
    return direct.union(*(waits_for(each) for each in direct))


def port(name: str) -> str:
    """The port that it listens on."""
    service = SERVICES[name]
    own = service.get("environment", {}).get("HYPERCARE_PORT") or [*service.get("entrypoint", [""])][-1]
    return str(own or service["ports"][0].split(":")[-1])
