"""The command line: one table of verbs. A verb's module is imported when it is called, so that help and small verbs start at once."""

import sys
from importlib import import_module
from typing import Any, NamedTuple, TextIO

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from services.cli.terminal import complain
from services.errors import HypercareError


class Verb(NamedTuple):
    """`module` has an `app`: a Typer with one command, or with a callback and several. `line` is what the list of verbs says."""

    module: str
    line: str


VERBS = {
    "demo": Verb("services.cli.demo", "Play a sample go-live through everything, in one process."),
    "up": Verb("services.cli.up", "Run the services: all in this process, or those named."),
    "submit": Verb("services.cli.submit", "Report one problem as a ticket."),
    "import": Verb("services.cli.importer", "Make tickets of a CSV, NDJSON or XLSX file."),
    "import-history": Verb("services.cli.history", "Move an earlier tool's tickets in, event by event."),
    "classify": Verb("services.cli.classify", "Say where the tickets of a file would go, and why."),
    "explain": Verb("services.cli.explain", "Say why a ticket was decided as it was, and decide it again."),
    "status": Verb("services.cli.status", "Say whether a site is stable, and what is missing."),
    "golive": Verb("services.cli.golive", "Declare, plan, hold to criteria and end go-lives."),
    "oncall": Verb("services.cli.oncall", "Say who is on call, cover for somebody, check the night."),
    "exposure": Verb("services.cli.exposure", "Report how much was done at a site, from a file."),
    "sla": Verb("services.cli.sla", "Show the clocks of a ticket, and what a site is promised."),
    "handover": Verb("services.cli.handover", "Draft what a shift hands to the next."),
    "report": Verb("services.cli.report", "Write the stand-up or the executive status of a go-live."),
    "model": Verb("services.cli.model", "Train, measure, compare and release model versions."),
    "ledger": Verb("services.cli.ledger", "Verify, export and anchor the ledger."),
    "dlq": Verb("services.cli.dlq", "Look at dead letters, replay or discard them."),
    "topics": Verb("services.cli.topics", "List or create the topics of Kafka."),
    "relay": Verb("services.cli.relay", "Send the ledger to Kafka again."),
    "config": Verb("services.cli.config", "Show and check the settings."),
    "doctor": Verb("services.cli.doctor", "Say what is wrong with this installation and how to mend it."),
    "migrate": Verb("services.cli.migrate", "Bring the database's tables to this program's revision."),
    "key": Verb("services.cli.key", "Make API keys."),
    "version": Verb("services.cli.version", "Say which version this is."),
}


class Verbs(TyperGroup):
    """Knows the verbs by name and line; imports the one that is called. The one place that tells a person of a `HypercareError`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=verb.line) for name, verb in VERBS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_verb(name) if name else command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HypercareError as error:
            complain(str(error) or error.title)
            raise typer.Exit(1) from error


def load_verb(name: str) -> Any:
    command = get_command(import_module(VERBS[name].module).app)
    command.name = name
    return command


app = typer.Typer(cls=Verbs, name="hypercare", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _hypercare() -> None:
    """Tickets of a go-live: taken in, triaged, told to the people on call, and counted until the site is stable."""


def main() -> None:
    """A terminal that cannot show a character gets an escape in its place, never an error."""
    for stream in (sys.stdout, sys.stderr):
        _forgive(stream)
    app(prog_name="hypercare")


def _forgive(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="backslashreplace")
