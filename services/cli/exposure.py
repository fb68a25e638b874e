"""`hypercare exposure`: how much was done at a site, day by day, from a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer import Argument, Option

from schemas.golives import ExposureText
from services.cli.client import Caller, Client
from services.cli.options import flat
from services.cli.rows import Row, read_rows
from services.cli.terminal import Output
from services.errors import Invalid

app = typer.Typer(add_completion=False)

AT_ONCE = 400
File = Annotated[
    Path, Argument(metavar="FILE", help="CSV, NDJSON or XLSX with a column `day` and those that are known, see docs/golive.md.")
]
Site = Annotated[str | None, Option(help="The plant, where the file has no column `site`.")]


@app.command()
@flat
def exposure(file: File, caller: Caller, output: Output, site: Site = None) -> None:
    """Report how much was done at a site: batches, steps, users of each day.

    A day that was reported before is replaced. Where a row is wrong nothing is sent.
    """
    days = reports_of(read_rows(file), site)
    with Client(caller) as client:
        for start in range(0, len(days), AT_ONCE):
            client.change("POST", "v1/exposure", {"days": days[start : start + AT_ONCE]})
    output.say({"reported": len(days)}, f"{len(days)} days reported")


def reports_of(rows: Sequence[Row], site: str | None) -> list[dict[str, Any]]:
    """Raises `Invalid` that names each wrong row and its column."""
    made = [_report(row, site) for row in rows]
    if wrong := [each for each in made if isinstance(each, str)]:
        raise Invalid("\n".join(wrong))
    if not made:
        raise Invalid("The file has no rows")
    return [each for each in made if isinstance(each, dict)]


def _report(row: Row, site: str | None) -> dict[str, Any] | str:
    if row.problem:
        return f"row {row.number}: {row.problem}"
    given = {"site": site} if site else {}
    try:
        told = ExposureText.model_validate_strings({name: str(value) for name, value in (given | row.cells).items()})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return f"row {row.number}: {faults}"
    return told.model_dump(mode="json", exclude_none=True)
