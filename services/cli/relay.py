"""`hypercare relay`"""

from typing import Annotated

import typer
from typer import Option

from services.cli.options import flat
from services.cli.person import Person
from services.cli.storage import migrated_database
from services.cli.terminal import Output
from services.ledger import Ledger
from services.log.relay import rewind

app = typer.Typer(add_completion=False, no_args_is_help=True)

To = Annotated[int, Option("--to", min=0, help="The seq behind which the ledger is carried to Kafka again; 0 for everything.")]


@app.callback()
def _relay() -> None:
    """What carries the ledger to Kafka."""


@app.command("rewind")
@flat
def rewind_relay(to: To, person: Person, output: Output) -> None:
    """Send the ledger to Kafka again from an earlier entry on, after topics were lost. Consumers know what they have handled."""
    with migrated_database() as database:
        ledger = Ledger(database)
        try:
            ledger.write(lambda draft: rewind(draft, to, person.attribution())).result()
        finally:
            ledger.close()
    output.say({"position": to}, f"the relay goes on behind entry {to}")
