"""`hypercare oncall`: who is on call and when, covering for somebody, and the check before the night."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import typer
from typer import Argument, BadParameter, Option

from services.cli.client import Caller, Client
from services.cli.columns import instant
from services.cli.night import CLOCK, check
from services.cli.options import flat
from services.cli.reach import try_person
from services.cli.terminal import Output, table
from services.errors import NotFound
from services.ledger import utc_now
from services.oncall.wall import first_shown

app = typer.Typer(add_completion=False, no_args_is_help=True)

At = Annotated[str | None, Option("--at", help="At which instant: with UTC offset, or on the clock of --time-zone; now, unless said.")]
Zone = Annotated[str, Option("--time-zone", help="Zone of times without offset, and of those shown.")]
Site = Annotated[str | None, Option(help="At this plant.")]
System = Annotated[str | None, Option(help="For this system.")]
Team = Annotated[str | None, Option(help="The rota of this team.")]
Week = Annotated[str | None, Option("--week", metavar="DATE", help="The week, from Monday on, of this day; this week, unless said.")]
Rota = Annotated[str, Argument(help="As the teams file calls it.")]
Since = Annotated[str, Option("--from", help="From when on: with UTC offset, or on the rota's clock.")]
Until = Annotated[str, Option("--until", help="Until when: with UTC offset, or on the rota's clock.")]
Person = Annotated[str, Option("--person", help="Who covers, as the teams file calls them.")]
InsteadOf = Annotated[str | None, Option("--instead-of", help="For whom; without it for whoever it would be.")]
Why = Annotated[str, Option("--reason", help="Why, so that an auditor will understand it.")]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """Of whom is asked, and for when."""

    at: At = None
    site: Site = None
    system: System = None
    zone: Zone = "UTC"


@dataclass(frozen=True)
class Covering:
    """Who covers, when, for whom and why."""

    person: Person
    since: Since
    until: Until
    reason: Why
    instead_of: InsteadOf = None


class Row(NamedTuple):
    """`note`: that the clock is changed meanwhile."""

    begin: datetime
    end: datetime
    who: str
    layer: str
    note: str


@app.callback()
def _oncall() -> None:
    """Say who is on call, cover for somebody, check the night."""


@app.command("who")
@flat
def who(asked: Asked, caller: Caller, output: Output) -> None:
    """Say who is on call, until when, and who is next."""
    clock = _zone(asked.zone)
    at = instant(asked.at, clock) if asked.at else None
    with Client(caller) as client:
        found = client.get("v1/oncall", {"at": at, "site": asked.site, "system": asked.system})
    turns = ((each, _turn(each["now"], clock), _turn(each["next"], clock)) for each in found["on_call"])
    rows = [(each["team"], each["rota"], *now, after[0]) for each, now, after in turns]
    output.show(found, table(("team", "rota", "on call", "until", "next"), rows))


@app.command("schedule")
@flat
def schedule(
    caller: Caller,
    output: Output,
    rota: Annotated[str | None, Argument(help="As the teams file calls it; or name --team.")] = None,
    team: Team = None,
    week: Week = None,
) -> None:
    """Show a week of a rota, on its own clock."""
    with Client(caller) as client:
        name, zone = _rota(client, rota, team)
        monday = _monday(week, zone)
        begin, end = (first_shown(datetime.combine(day, time()), zone) for day in (monday, monday + 7 * DAY))
        found = client.get("v1/oncall/schedule", {"rota": name, "begin": begin.isoformat(), "end": end.isoformat()})
    rows = [(f"{row.begin:{CLOCK}}", f"{row.end:{CLOCK}}", row.who, row.layer, row.note) for row in _rows(found, zone)]
    output.show(found, table(("from", f"until ({zone.key})", "on call", "by", ""), rows))


@app.command("cover")
@flat
def cover(rota: Rota, told: Covering, caller: Caller, output: Output) -> None:
    """Have somebody cover for somebody else."""
    with Client(caller) as client:
        _, zone = _rota(client, rota, None)
        said = {"rota": rota, "person": told.person, "instead_of": told.instead_of, "reason": told.reason}
        times = {"from": instant(told.since, zone), "until": instant(told.until, zone)}
        made = client.change("POST", "v1/oncall/overrides", said | times)
    covered = told.instead_of or "whoever it is"
    output.say(made, f"{made['id']}: {told.person} is on call for {covered}; `hypercare oncall drop {made['id']}` takes it back")


@app.command("drop")
@flat
def drop(override: Annotated[str, Argument(help="For example OV-2.")], reason: Why, caller: Caller, output: Output) -> None:
    """Take an override back."""
    with Client(caller) as client:
        dropped = client.change("POST", f"v1/oncall/overrides/{override}/drop", {"reason": reason})
    output.say(dropped, f"{override} holds no more")


@app.command("overrides")
@flat
def list_overrides(caller: Caller, output: Output, rota: Annotated[str | None, Option(help="Only those of this rota.")] = None) -> None:
    """List the overrides that people made."""
    with Client(caller) as client:
        found = client.get("v1/oncall/overrides", {"rota": rota})["overrides"]
    rows = [[each[key] for key in ("id", "rota", "from", "until", "person", "instead_of", "by", "reason")] for each in found]
    output.show(found, table(("id", "rota", "from", "until", "person", "instead of", "by", "why"), rows))


app.command("check")(check)
app.command("try")(try_person)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadParameter(f"--time-zone {name}: is not a zone of the tz database, such as Europe/Berlin") from None


def _turn(told: dict[str, Any] | None, zone: ZoneInfo) -> tuple[str, str]:
    if told is None:
        return "nobody", ""
    until = f"{datetime.fromisoformat(told['until']).astimezone(zone):{CLOCK}}" if told["until"] else ""
    return f"{told['name']} ({told['person']})", until


def _rota(client: Client, rota: str | None, team: str | None) -> tuple[str, ZoneInfo]:
    """The rota of that name, or of the team, and its zone."""
    if (rota is None) == (team is None):
        raise BadParameter("name either a rota or --team")
    known = [each for each in client.get("v1/oncall")["on_call"] if each["rota"]]
    for each in known:
        if (rota or each["rota"], team or each["team"]) == (each["rota"], each["team"]):
            return each["rota"], ZoneInfo(each["time_zone"])
    names = ", ".join(sorted({each["rota"] for each in known})) or "none"
    raise NotFound(f"There is no rota {rota}; the rotas are {names}" if rota else f"The team {team} has no rota; the rotas are {names}")


def _monday(week: str | None, zone: ZoneInfo) -> date:
    try:
        day = date.fromisoformat(week) if week else utc_now().astimezone(zone).date()
    except ValueError:
        raise BadParameter(f"--week {week}: write a day as 2026-03-23") from None
    return day - day.weekday() * DAY


def _rows(found: dict[str, Any], zone: ZoneInfo) -> Iterator[Row]:
    """Stretches and gaps in order, on the clock of the zone."""
    held = [(each["begin"], each["end"], f"{each['name']} ({each['person']})", each["layer"]) for each in found["stretches"]]
    for begin, end, name, layer in sorted([*held, *((gap["begin"], gap["end"], "nobody", "") for gap in found["gaps"])]):
        edges = [datetime.fromisoformat(edge).astimezone(zone) for edge in (begin, end)]
        yield Row(edges[0], edges[1], name, layer, _change(edges))


def _change(edges: Sequence[datetime]) -> str:
    begin, end = (edge.utcoffset() or timedelta(0) for edge in edges)
    if begin == end:
        return ""
    return f"the clock is put {'forward' if end > begin else 'back'} by {abs(end - begin) / timedelta(minutes=1):.0f} min"
