"""`hypercare up`"""

import asyncio
from typing import Annotated

import typer
from typer import Argument

from services.errors import Misconfigured
from services.logs import configure_logs
from services.roles import ROLES
from services.settings import load_settings
from services.up import up

app = typer.Typer(add_completion=False)

Roles = Annotated[list[str] | None, Argument(metavar=f"[{'|'.join(ROLES)}]...", help="Which services to run here; none named: all.")]


@app.command("up")
def run_up(roles: Roles = None) -> None:
    """Run services in this process until it is ended: all of them, or those named. Settings come from HYPERCARE_ variables."""
    settings = load_settings()
    chosen = tuple(dict.fromkeys(roles or _all(settings.kafka_bootstrap_servers)))
    if "relay" in chosen and not settings.kafka_bootstrap_servers:
        raise Misconfigured("The relay carries the ledger to Kafka: set HYPERCARE_KAFKA_BOOTSTRAP_SERVERS, or leave it out")
    configure_logs(settings.log_level, "+".join(chosen) if len(chosen) < len(ROLES) - 1 else "hypercare")
    asyncio.run(up(settings, chosen))


def _all(kafka: str | None) -> tuple[str, ...]:
    return tuple(role for role in ROLES if kafka or role != "relay")
