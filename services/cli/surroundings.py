"""The doctor's look around the database: the port, the model and its rules, the teams, Kafka, the mail server."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx2

from services.cli.config import faults, review_of
from services.cli.findings import Finding, good, warning, wrong
from services.dispatcher.equipment import open_channels_from
from services.errors import HypercareError, Misconfigured
from services.settings import LOOPBACK, Settings
from services.teams import Teams, load_teams
from services.web.keys import KeyRing

PATIENCE = 3.0
MODEL_PATIENCE = 120.0
PROBE = """
import json, sys
from pathlib import Path
from models.floors import load_floors
from models.registry import load_model
from models.taxonomy import load_taxonomy
model, floors, systems = (Path(name) if name else None for name in sys.argv[1:])
load_floors(floors)
print(json.dumps({"version": load_model(model).version, "systems": load_taxonomy(systems).ids}))
"""


def settings_and_names() -> list[Finding]:
    found = [wrong("settings", fault, "Correct the variable where the service is started") for fault in faults()]
    return found or [good("settings", "All HYPERCARE_ variables are known and valid")]


def keys(settings: Settings) -> Iterator[Finding]:
    if settings.api_keys_file is None:
        return
    try:
        KeyRing(settings.api_keys_file)
    except HypercareError as error:
        yield wrong("keys", str(error), "Correct the file, or make an entry with `hypercare key new --file`; until then nobody is let in")
        return
    yield good("keys", f"{settings.api_keys_file} can be read")


def port(settings: Settings) -> Iterator[Finding]:
    where = f"{settings.host}:{settings.port}"
    if settings.port == 0 or _free(settings.host, settings.port):
        yield good("port", f"{where} is free")
    elif _alive(settings):
        yield good("port", f"hypercare answers at {where} already")
    else:
        told = f"{where} cannot be listened on: another program has it, or it is no address of this machine, or it needs rights"
        yield wrong("port", told, "Set HYPERCARE_PORT or HYPERCARE_HOST, or end the other program")


def _free(host: str, number: int) -> bool:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError:
        return False
    return True


def _alive(settings: Settings) -> bool:
    host = settings.host if settings.host in LOOPBACK else "127.0.0.1"
    bracketed = f"[{host}]" if ":" in host else host
    try:
        return httpx2.get(f"http://{bracketed}:{settings.port}/livez", timeout=PATIENCE, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def model(settings: Settings) -> Iterator[Finding]:
    """In a process of its own: scikit-learn is no part of the command line. The teams are looked at with the systems it found."""
    chosen = [str(path or "") for path in (settings.model, settings.floors_file, settings.systems_file)]
    try:
        probe = subprocess.run(
            [sys.executable, "-P", "-c", PROBE, *chosen], capture_output=True, text=True, timeout=MODEL_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        yield warning("model", f"The model did not load within {MODEL_PATIENCE:.0f} s", "Try again when the machine is less busy")
        return
    if probe.returncode:
        last = (probe.stderr.strip().splitlines() or ["no message"])[-1]
        yield wrong("model", last.partition(": ")[2] or last, "Correct HYPERCARE_MODEL, HYPERCARE_FLOORS_FILE or HYPERCARE_SYSTEMS_FILE")
        yield from teams(settings, ())
        return
    loaded = json.loads(probe.stdout)
    yield good("model", f"{loaded['version']} loads and answers as recorded; the floors and the list of systems are valid")
    yield from teams(settings, loaded["systems"])


def teams(settings: Settings, systems: tuple[str, ...]) -> Iterator[Finding]:
    try:
        known = load_teams(settings.teams_file)
    except HypercareError as error:
        yield wrong("teams", str(error), "Correct HYPERCARE_TEAMS_FILE")
        return
    homeless = sorted(set(systems) - set(known.systems))
    silent = sorted(name for name, audience in known.teams.items() if not audience.page)
    if homeless:
        yield wrong(
            "teams",
            f"No team owns {', '.join(homeless)}: such tickets cannot be routed",
            "Add the systems under [systems] of the teams file",
        )
    if silent:
        yield warning("teams", f"Nobody is paged for a Sev1 of {', '.join(silent)}", "Give each team a `page` target")
    if not homeless and not silent:
        yield good("teams", f"{len(known.teams)} teams own {len(known.systems)} systems")
    yield from channels(settings, known)


def channels(settings: Settings, known: Teams) -> Iterator[Finding]:
    try:
        open_channels_from(settings, known)
    except Misconfigured as error:
        for line in str(error).splitlines():
            yield wrong("channels", line, "Correct the target in the teams file, or the settings of its channel")
        return
    yield good("channels", "Every target of the teams file has a channel")


def on_call(settings: Settings) -> Iterator[Finding]:
    """A file that cannot be read at all is told with the teams."""
    try:
        load_teams(settings.teams_file)
    except Misconfigured:
        return
    found = review_of(settings)
    yield from (wrong("on call", fault, "Correct the teams file; docs/oncall.md describes it") for fault in found.faults)
    yield from (warning("on call", remark, "Give the hours to somebody, unless nobody is to be on call then") for remark in found.remarks)
    if not found.faults + found.remarks:
        yield good("on call", "Everybody on call can be reached, and somebody always is")


def kafka(settings: Settings) -> Iterator[Finding]:
    if not settings.kafka_bootstrap_servers:
        yield good("kafka", "Not used: services read the ledger's table")
        return
    servers = [server.strip() for server in settings.kafka_bootstrap_servers.split(",") if server.strip()]
    away = [server for server in servers if not _reachable(server)]
    mend = "Start Kafka, or correct HYPERCARE_KAFKA_BOOTSTRAP_SERVERS; tickets are taken in all the same"
    if len(away) == len(servers):
        yield wrong("kafka", f"No connection to {', '.join(away)}", mend)
    elif away:
        yield warning("kafka", f"No connection to {', '.join(away)}, but to the others", mend)
    else:
        yield good("kafka", f"{', '.join(servers)} can be reached")


def mail(settings: Settings) -> Iterator[Finding]:
    if settings.smtp_host and not _reachable(f"{settings.smtp_host}:{settings.smtp_port}"):
        told = f"No connection to the mail server {settings.smtp_host}:{settings.smtp_port}"
        yield warning("mail", told, "Start it, or correct HYPERCARE_SMTP_HOST and HYPERCARE_SMTP_PORT")
    elif settings.smtp_host:
        yield good("mail", f"{settings.smtp_host}:{settings.smtp_port} can be reached")


def _reachable(server: str) -> bool:
    host, _, number = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(number)), timeout=PATIENCE).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True
