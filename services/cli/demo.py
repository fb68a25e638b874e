"""`hypercare demo`"""

from typing import Annotated

import typer
import uvloop
from rich.console import Console
from typer import Option

from services.demo.stage import Play, play
from services.logs import configure_logs

app = typer.Typer(add_completion=False)

Tickets = Annotated[int, Option("--tickets", min=1, max=3000, help="How many problems people report.")]
Seconds = Annotated[float, Option("--seconds", min=5, max=3600, help="How long the two weeks take.")]
Port = Annotated[int, Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")]
Once = Annotated[bool, Option("--once", help="End when everything is played, with the summary (for scripts).")]


@app.command("demo")
def run_demo(tickets: Tickets = 160, seconds: Seconds = 45.0, port: Port = 8000, once: Once = False) -> None:
    """Play a sample go-live through the HTTP API: everything in this process, on a database that is removed at the end."""
    configure_logs("error", "demo")
    uvloop.run(play(Play(tickets, seconds, port, once), Console()))
