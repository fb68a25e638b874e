"""`hypercare up`"""

from typing import Annotated

import typer
import uvloop
from typer import Argument

from services.logs import configure_logs
from services.roles import ROLES, every_role
from services.settings import load_settings
from services.up import up

app = typer.Typer(add_completion=False)

Roles = Annotated[list[str] | None, Argument(metavar=f"[{'|'.join(ROLES)}]...", help="Which services to run here; none named: all.")]


@app.command("up")
def run_up(roles: Roles = None) -> None:
    """Run services in this process until it is ended: all of them, or those named. Settings come from HYPERCARE_ variables."""
    settings = load_settings()
    chosen = tuple(dict.fromkeys(roles or every_role(settings)))
    configure_logs(settings.log_level, "+".join(chosen) if roles else "hypercare")
    uvloop.run(up(settings, chosen))
