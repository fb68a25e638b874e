"""`hypercare report`: the reports of the API, in a file or on the screen."""

import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from services.cli.client import Caller, Client
from services.cli.options import flat
from services.cli.status import golives_at
from services.cli.terminal import Output, visible
from services.errors import Invalid

app = typer.Typer(add_completion=False)

Kind = Literal["standup", "executive"]
Form = Literal["md", "html", "pdf"]
Of = Annotated[str, Argument(metavar="SITE|GO-LIVE", help="The plant, for its newest go-live, or for example GL-1.")]
Out = Annotated[Path | None, Option("--out", help="File to write; without it standard output.")]


@dataclass(frozen=True)
class Wanted:
    """Which report, of which snapshot."""

    kind: Annotated[Kind, Option(help="The daily stand-up, or the executive status on one page.")] = "standup"
    format: Annotated[Form | None, Option("--format", help="md, html or pdf; without it what --out ends with, else md.")] = None
    day: Annotated[str | None, Option("--day", help="The site's day whose snapshot is meant, e.g. 2026-03-26.")] = None
    as_of: Annotated[str | None, Option("--as-of", help="The newest snapshot up to then, e.g. 2026-03-26T06:00:00+00:00.")] = None


@app.command()
@flat
def report(of: Of, wanted: Wanted, caller: Caller, output: Output, out: Out = None) -> None:
    """Write the report of a stored snapshot: the newest, or that of a day. The same snapshot gives the same bytes."""
    form = wanted.format or form_of(out)
    with Client(caller) as client:
        golive = of if re.fullmatch(r"GL-\d+", of) else golives_at(client, of)[-1]
        content = client.download(f"v1/golives/{golive}/report", asdict(wanted) | {"format": form}).content
    if out:
        _write(out, content)
        output.say({"golive": golive, "file": str(out)}, f"{golive}: {wanted.kind} in {out}")
    else:
        _print(content, form)


def form_of(out: Path | None) -> Form:
    return {".html": "html", ".pdf": "pdf"}.get(out.suffix.lower() if out else "", "md")  # type: ignore[return-value]


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise Invalid(f"{out} cannot be written: {error.strerror}") from None


def _print(content: bytes, form: Form) -> None:
    """On a screen what people wrote must not act on it; a pipe gets the bytes."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(content)
    elif form == "pdf":
        raise Invalid("A PDF is nothing for a screen; give a file with --out")
    else:
        sys.stdout.write("\n".join(map(visible, content.decode().split("\n"))))
