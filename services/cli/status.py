"""`hypercare status`: the verdict first, then the burndown, the criteria and the forecast."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from typer import Argument, Option

from schemas.golive_figures import CriterionVerdict, Readiness, Status, TargetForecast
from services.cli.burndown import ASCII, BLOCKS, burndown_lines
from services.cli.client import Caller, Client
from services.cli.options import flat
from services.cli.terminal import Output, console, draws, table, visible
from services.errors import NotFound

app = typer.Typer(add_completion=False)

Site = Annotated[str, Argument(help="The plant.")]
AsOf = Annotated[str | None, Option("--as-of", help="As known then, e.g. 2026-03-26T06:00:00+00:00; without it, now.")]
COLOURS = {"red": "bold red", "amber": "bold yellow", "green": "bold green"}
SAID = {"pass": "pass", "fail": "FAIL", "waived": "waived", "unknown": "unknown"}


@app.command()
@flat
def status(site: Site, caller: Caller, output: Output, as_of: AsOf = None) -> None:
    """Say of every go-live of a site whether it is stable, why not, and when it may be."""
    with Client(caller) as client:
        golives = golives_at(client, site)
        found = [client.get(f"v1/golives/{each}/status", {"as_of": as_of}) for each in golives]
    told = [Status.model_validate(each) for each in found]
    output.show(found, Group(*(part for each in told for part in _shown(each))))


def golives_at(client: Client, site: str) -> list[str]:
    """The ids, in the order in which they were declared. Raises `NotFound` where there is none."""
    found = [str(each["id"]) for each in client.get("v1/golives", {"site": site})["golives"]]
    if not found:
        raise NotFound(f"No go-live is declared at {site}. `hypercare golive declare FILE` declares one; docs/golive.md shows a file")
    return found


def _shown(told: Status) -> Iterator[RenderableType]:
    readiness, figures = told.readiness, told.figures
    name = told.golive.text.name if told.golive else figures.golive
    yield Text(visible(f"{name} ({figures.golive}, {figures.site}, wave {figures.wave})"), style="bold")
    when = f"planned end {day(told.forecast.planned_end)}, as of {figures.as_of:%Y-%m-%d %H:%M} UTC"
    yield Text(f"day {figures.day}, {figures.phase}, {when}")
    yield Text(f"\n{readiness.light.upper()}", style=COLOURS[readiness.light])
    yield from (Text(f"  {visible(reason)}") for reason in readiness.reasons)
    yield from (Text(visible(_forecast(each))) for each in told.forecast.targets if each.target == "exit")
    yield Text(f"\n{_against_plan(told)}")
    yield from map(Text, burndown_lines(told.burndown.days, BLOCKS if draws(console()) else ASCII))
    yield Text(f"\nExit criteria: {readiness.passed} of {readiness.of} hold", style="bold")
    yield table(("", "criterion", "is", "wanted", "since"), [_criterion(each) for each in readiness.criteria])
    yield Text(f"Weakest: {_weakest(readiness)}")
    yield Text("")


def _against_plan(told: Status) -> str:
    total, gap = told.figures.open.total, told.burndown.gap
    if gap is None:
        return f"{total} open; no plan is approved"
    more = f"{abs(gap):.0f} {'more' if gap > 0 else 'fewer'} than" if round(gap) else "as many as"
    return f"{total} open; of the planned severities {more} planned"


def _criterion(each: CriterionVerdict) -> tuple[str, ...]:
    return SAID[each.verdict], each.id, each.value, each.threshold, day(each.since)


def _weakest(readiness: Readiness) -> str:
    return visible(", ".join(each.id for each in readiness.weakest)) or "none"


def _forecast(target: TargetForecast) -> str:
    if target.state != "date":
        return f"Forecast: {target.reason}"
    late = f"with 85 % by {target.p85:%d %b %Y}" if target.p85 else "85 % is too far away to say"
    return f"Forecast: the criteria hold with 50 % by {target.p50:%d %b %Y}, {late}"


def day(instant: datetime | None) -> str:
    return f"{instant:%d %b %Y}" if instant else "-"
