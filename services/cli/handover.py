"""`hypercare handover`: what a shift hands to the next, of every go-live of a site."""

from typing import Annotated, Literal

import typer
from rich.console import Group
from rich.text import Text
from typer import Argument, Option

from services.cli.client import Caller, Client
from services.cli.options import flat
from services.cli.status import golives_at
from services.cli.terminal import Output, visible

app = typer.Typer(add_completion=False)

Site = Annotated[str, Argument(help="The plant.")]
Shift = Annotated[
    str | None, Option("--shift", help="The shift that runs at this instant, e.g. 2026-03-26T05:59:00+00:00; without it, now.")
]
Form = Annotated[Literal["txt", "md"], Option("--format", help="txt to read, as it goes out by mail; md for a page of notes.")]


@app.command()
@flat
def handover(site: Site, caller: Caller, output: Output, shift: Shift = None, form: Form = "txt") -> None:
    """Draft the handover of a shift: every open ticket once, with owner, next step and what falls due."""
    with Client(caller) as client:
        golives = golives_at(client, site)
        found = [client.get(f"v1/golives/{each}/handover", {"shift": shift}) for each in golives]
        asked = {"shift": shift, "format": form}
        texts = [client.download(f"v1/golives/{each}/handover/report", asked).text for each in golives]
    output.show(found, Group(*(Text(visible(line)) for text in texts for line in text.split("\n"))))
