"""`hypercare oncall try`: a test message to a person's own targets, and what became of it."""

import time
from typing import Annotated, Any

import typer
from typer import Argument, Option

from services.cli.client import Caller, Client
from services.cli.options import flat
from services.cli.terminal import Output, table

Who = Annotated[str, Argument(help="As the teams file calls them.")]
Wait = Annotated[float, Option("--wait", min=0, max=600, help="So many seconds for the messages to arrive.")]
ON_THE_WAY = ("pending", "leased")
LOOK_S = 0.5


@flat
def try_person(person: Who, caller: Caller, output: Output, wait: Wait = 20) -> None:
    """Send a test message to each of a person's targets, and say what became of it. Exit code 1 where one did not arrive."""
    with Client(caller) as client:
        asked = client.change("POST", f"v1/oncall/people/{person}/try", {})
        found = _settled(client, asked, time.monotonic() + wait)
    rows = [(each["target"], _told(each), each["error"] or "") for each in found]
    rows += [(target, "not tried", "a tool that keeps incidents takes tickets only") for target in asked["left_out"]]
    output.show(found, table(("target", "message", "why"), rows))
    if any(each["state"] != "sent" for each in found):
        raise typer.Exit(1)


def _settled(client: Client, asked: dict[str, Any], until: float) -> list[dict[str, Any]]:
    while True:
        reach = client.get(f"v1/oncall/people/{asked['person']}/reach")["targets"]
        found = [each for each in reach if each["delivery"] in asked["deliveries"]]
        if time.monotonic() >= until or not any(each["state"] in ON_THE_WAY for each in found):
            return found
        time.sleep(LOOK_S)


def _told(each: dict[str, Any]) -> str:
    if each["state"] in ON_THE_WAY:
        return "not yet, is tried again" if each["error"] else "not yet: is a process with the role dispatcher running?"
    return {"sent": "arrived", "dead": "given up", "withdrawn": "withdrawn"}[each["state"]]
