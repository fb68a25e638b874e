"""`hypercare oncall check`: whether everybody can be reached until the morning, as the dispatcher found it or as it looks from here."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from typer import BadParameter, Option

from services.cli.client import Caller, Client
from services.cli.options import flat
from services.cli.storage import migrated_database
from services.cli.terminal import Output, complain, table
from services.dispatcher.equipment import examined
from services.ledger import utc_now
from services.oncall.evening import NIGHT
from services.oncall.evening import check as check_night
from services.oncall.feed import calendars_of
from services.settings import load_settings
from services.teams import load_teams

Now = Annotated[bool, Option("--now", help="Look at once, with the settings, the teams file and the database of this machine.")]
Hours = Annotated[float | None, Option("--hours", min=1, max=24 * 14, help="With --now: how far ahead to look; 16, unless said.")]
CLOCK = "%a %d %b %H:%M"


@flat
def check(caller: Caller, output: Output, now: Now = False, hours: Hours = None) -> None:
    """Say whom nobody could reach until the morning, as the last check found. Exit code 1 where there is anybody, or no check."""
    if hours is not None and not now:
        raise BadParameter("--hours belongs to --now: the dispatcher looks ahead until the morning")
    found = _looked(timedelta(hours=hours) if hours else NIGHT) if now else _asked(caller)
    _show(found, output)
    if found["faults"] or found["overdue"]:
        raise typer.Exit(1)


def _show(found: dict[str, Any], output: Output) -> None:
    if found["faults"]:
        output.show(found, table(("site", "team", "from (UTC)", "until", "what is wrong"), [_fault(each) for each in found["faults"]]))
    else:
        output.say(found, _good(_instant(found["until"])))
    output.remark(f"Checked {_instant(found['checked_at']):{CLOCK}} UTC")
    if found["overdue"]:
        complain("No evening was checked since: is a process with the role dispatcher running? --now looks from here")


def _asked(caller: Caller) -> dict[str, Any]:
    with Client(caller) as client:
        return client.get("v1/oncall/night")


def _looked(ahead: timedelta) -> dict[str, Any]:
    """The same from here. What another process has set up otherwise is not seen."""
    settings = load_settings()
    teams, at = load_teams(settings.teams_file), utc_now()
    broken = examined(settings, teams)
    with migrated_database() as database, database.read() as connection:
        found = check_night(connection, calendars_of(settings, teams), (at, at + ahead), broken)
    return found.model_dump(mode="json") | {"checked_at": at.isoformat(), "overdue": False}


def _good(until: datetime) -> str:
    return f"Everybody {'can' if until > utc_now() else 'could'} be reached until {until:%a %H:%M} UTC"


def _fault(fault: dict[str, Any]) -> tuple[str, ...]:
    begin, until = (f"{_instant(fault[edge]):{CLOCK}}" for edge in ("begin", "until"))
    return fault["site"], fault["team"], begin, until, fault["told"]


def _instant(told: str) -> datetime:
    return datetime.fromisoformat(told)
