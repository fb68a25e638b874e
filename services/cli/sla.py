"""`hypercare sla`: the arithmetic of a ticket's clocks line by line, and the policy of a site."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.console import Group, RenderableType
from rich.text import Text
from typer import Argument, Option

from schemas.clocks import CLOCKS, ClockState, Policy, PolicyText, SitePolicies, TicketClocks
from services.cli.client import Caller, Client
from services.cli.options import flat
from services.cli.terminal import Output, hanging, table, visible
from services.errors import Invalid
from services.times import EVERY_UNIT, lasting, moment

app = typer.Typer(add_completion=False, no_args_is_help=True)

Ticket = Annotated[str, Argument(help="Id of a ticket, e.g. HC-1.")]
Site = Annotated[str, Argument(help="The plant.")]
At = Annotated[str | None, Option("--at", help="As known then, e.g. 2026-03-26T06:00:00+00:00; without it, now.")]
File = Annotated[Path, Argument(metavar="FILE.toml", help="The policy, as in the shipped services/policy.toml.")]
Why = Annotated[str, Option("--reason", help="Why, so that an auditor will understand it.")]
COLOURS = {"late": "bold red", "paused": "bold yellow", "running": "bold", "met": "bold green"}


@app.callback()
def _sla() -> None:
    """Clocks and policies."""


@app.command("explain")
@flat
def explain(ticket: Ticket, caller: Caller, output: Output, at: At = None) -> None:
    """Show what of a ticket's time counts on each of its clocks and why, what is due when, and whether it was met."""
    with Client(caller) as client:
        found = client.get(f"v1/tickets/{ticket}/clocks", {"as_of": at})
    told = TicketClocks.model_validate(found)
    output.show(found, Group(*_told(told)))


def _told(told: TicketClocks) -> Iterator[RenderableType]:
    zone = ZoneInfo(told.zone)
    yield Text(visible(f"{told.ticket} at {told.site}: {told.title}"), style="bold")
    yield hanging(f"as known {moment(told.as_of, zone)}; {_named(told.policy, zone)}", "")
    clock = "in UTC" if told.zone == "UTC" else f"on the clock of {told.zone} and in UTC"
    yield hanging(f"times {clock}; parts of a second are cut off, --json has them", "")
    for state in told.clocks:
        yield Text(f"\n{state.clock}: {_phase(state)}", style=COLOURS.get(state.phase, ""))
        yield from (hanging(line) for line in state.lines)


def _phase(state: ClockState) -> str:
    return state.phase.replace("_", " ")


def _named(policy: Policy, zone: tzinfo = UTC) -> str:
    if policy.since is None:
        return "the shipped policy (0)"
    return f"policy {policy.version} by {policy.by}, since {moment(policy.since, zone)}: {policy.reason}"


@app.command("policy")
@flat
def policy(site: Site, caller: Caller, output: Output) -> None:
    """Show what a site is promised, and every policy that it had."""
    with Client(caller) as client:
        found = client.get(f"v1/sites/{quote(site)}/policy")
    output.show(found, Group(*_policies(SitePolicies.model_validate(found))))


def _policies(told: SitePolicies) -> Iterator[RenderableType]:
    text = told.in_force.text
    rows = [
        (severity, targets.calendar, *(_promised(getattr(targets, clock)) for clock in CLOCKS), _promised(targets.pause))
        for severity, targets in sorted(text.severities.items())
    ]
    yield Text(visible(f"{told.site}: {_named(told.in_force)}"), style="bold")
    yield table(("severity", "calendar", *CLOCKS, "pause at most"), rows)
    yield Text(f"warnings at {', '.join(f'{share:.0%}' for share in text.warnings)}")
    yield from (Text(visible(f"before: {_named(each)}")) for each in reversed(told.history[:-1]))


def _promised(seconds: float | None) -> str:
    return lasting(seconds or None, EVERY_UNIT, days=False)


@app.command("adopt")
@flat
def adopt(site: Site, file: File, reason: Why, caller: Caller, output: Output) -> None:
    """Adopt the policy of a file for the clocks that start from now on."""
    text = read_policy_file(file)
    with Client(caller) as client:
        found = client.change("PUT", f"v1/sites/{quote(site)}/policy", text.model_dump(mode="json") | {"reason": reason})
    output.show(found, Group(*_policies(SitePolicies.model_validate(found))))


def read_policy_file(path: Path) -> PolicyText:
    """Raises `Invalid` that names the field, or the line where it is not TOML."""
    try:
        return PolicyText.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg'].removeprefix('Value error, ')}" for fault in error.errors())
        raise Invalid("\n".join((f"{path} is not a policy:", *faults))) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{path} is not TOML: {error}") from None
