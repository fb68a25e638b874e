"""`hypercare submit`"""

import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any
from uuid import uuid4

import rfc8785
import typer
from typer import Argument, Option

from services.cli.client import Caller, Client, Receipt
from services.cli.columns import faults
from services.cli.options import flat
from services.cli.terminal import Output, visible
from services.errors import Invalid

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Report:
    """The fields of a submission."""

    title: Annotated[str, Argument(help="What is wrong, in one line.")]
    site: Annotated[str, Option(help="The plant.")]
    body: Annotated[str, Option(help="The whole story; - reads it from standard input.")] = ""
    reporter: Annotated[str | None, Option(help="Who saw it; without it, you.")] = None
    reporter_role: Annotated[str | None, Option(help="For example operator, shift_lead, qa.")] = None
    language: Annotated[str | None, Option(help="For example de, en.")] = None
    severity: Annotated[str | None, Option(help="sev1 to sev4, as the reporter sees it.")] = None
    area: Annotated[str | None, Option(help="Area or line.")] = None
    equipment: Annotated[str | None, Option(help="Machine or device, by its number on site.")] = None
    order: Annotated[str | None, Option(help="Process order.")] = None
    batch: Annotated[str | None, Option(help="Batch number.")] = None
    stopped: Annotated[str | None, Option(help="What stands still because of it.")] = None
    workaround: Annotated[str | None, Option(help="What people do until it is mended.")] = None
    clock: Annotated[str | None, Option(help="What runs out and when, e.g. 'hold time ends 14:00'.")] = None
    people_affected: Annotated[int | None, Option(help="How many people cannot work.")] = None
    occurred_at: Annotated[str | None, Option(help="When it happened, e.g. 2026-03-01T06:15:00+01:00.")] = None
    source_system: Annotated[str | None, Option(help="The tool that knows this problem already ...")] = None
    source_id: Annotated[str | None, Option(help="... and its number there.")] = None

    def submission(self, caller: str) -> dict[str, Any]:
        given = {name: value for name, value in asdict(self).items() if value}
        renamed = {"severity": "reported_severity", "order": "process_order"}
        body = {"body": _standard_input()} if self.body == "-" else {}
        return {"reporter": caller} | {renamed.get(name, name): value for name, value in given.items()} | body


Again = Annotated[bool, Option("--again", help="It is a new problem in the same words.")]


@app.command()
@flat
def submit(report: Report, caller: Caller, output: Output, again: Again = False) -> None:
    """Report one problem as a ticket.

    The same report sent twice on one day is one ticket.
    """
    submission = report.submission(caller.name)
    wrong = faults(submission)
    if wrong:
        raise Invalid("\n".join(wrong))
    with Client(caller) as client:
        receipt = client.submit(submission, key_of(submission, datetime.now(UTC), again))
    _tell(receipt, output)


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise Invalid("The text on standard input is not UTF-8") from None


def key_of(submission: dict[str, Any], now: datetime, again: bool) -> str:
    digest = sha256(rfc8785.dumps(submission)).hexdigest()
    return f"submit-{now:%Y-%m-%d}-{digest[:40]}" + (f"-{uuid4()}" if again else "")


def _tell(receipt: Receipt, output: Output) -> None:
    if not receipt.new:
        output.remark("This was reported before; --again makes a second ticket of it.")
    told = receipt.ticket if output.quiet else f"{receipt.ticket}  {receipt.link}"
    output.show({"ticket": receipt.ticket, "new": receipt.new, "link": receipt.link}, visible(told))
