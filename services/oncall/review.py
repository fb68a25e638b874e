"""What a teams file that is valid may still lack: people without a working target, steps that lead to nobody, hours without anybody."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.oncall import Audience
from services.oncall.feed import Calendars
from services.oncall.preflight import Broken, unreachable
from services.oncall.roll import Recipient, roll_of
from services.oncall.rotation import zone_of
from services.oncall.schedule import Roster, schedule
from services.oncall.spans import gaps
from services.teams import Teams

AHEAD = timedelta(days=14)
MOST_GAPS = 3


class Review(NamedTuple):
    """`faults` keep people from being reached; `remarks` may be meant so."""

    faults: tuple[str, ...]
    remarks: tuple[str, ...]


def review(calendars: Calendars, begin: datetime, broken: Broken) -> Review:
    """Looks 14 days ahead. Overrides that people made beside the file are not looked at."""
    teams, read = calendars.teams, calendars.look()
    rosters = roll_of(teams, read, {}).rosters
    of_calendars = [f"rotas.{name}.ical: {fault}" for name, calendar in read.items() for fault in calendar.faults]
    faults = (*_people(teams, broken), *_ladders(teams), *of_calendars)
    missing = (remark for name, roster in rosters.items() for remark in _gaps(name, roster, begin))
    return Review(faults, (*_deaf(teams), *missing))


def _people(teams: Teams, broken: Broken) -> Iterator[str]:
    for key, person in teams.people.items():
        if fault := unreachable(Recipient(key, person), broken):
            yield f"people.{key}: cannot be paged: {fault}"


def _deaf(teams: Teams) -> Iterator[str]:
    members = {person for rota in teams.rotas.values() for _, person in rota.people()}
    for key in sorted(members):
        if not teams.people[key].notify:
            yield f"people.{key}: hears of nothing that can wait, unless notify = [...] is given"


def _ladders(teams: Teams) -> Iterator[str]:
    roles = {person.role for person in teams.people.values()}
    audiences = [(f"teams.{name}", team) for name, team in teams.teams.items()] + [("triage", teams.triage)]
    for where, audience in audiences:
        yield from (f"{where}: {fault}" for fault in _ladder(teams, audience, roles))


def _ladder(teams: Teams, audience: Audience, roles: set[str]) -> Iterator[str]:
    ladder = teams.ladder_of(audience)
    rota = teams.rotas[audience.rota] if audience.rota else None
    for where, who in ladder.named() if ladder else ():
        kind, _, name = who.partition(":")
        if kind == "role" and name not in roles:
            yield f"{where} of its ladder {audience.ladder} names {who}, but nobody of [people] has that role"
        if kind == "layer" and (rota is None or rota.layer(name) is None):
            yield f"{where} of its ladder {audience.ladder} names {who}; the rota {audience.rota} has no such layer"
        if who == "team" and rota is None and not (audience.page or audience.notify):
            yield f"{where} of its ladder {audience.ladder} names the team, which has neither a rota nor targets"


def _gaps(name: str, roster: Roster, begin: datetime) -> Iterator[str]:
    zone = zone_of(roster.rota.time_zone)
    found = gaps(schedule(roster, begin, begin + AHEAD), begin, begin + AHEAD)
    for since, until in found[:MOST_GAPS]:
        yield f"rotas.{name}: nobody is on call from {since.astimezone(zone):%Y-%m-%d %H:%M} until {until.astimezone(zone):%Y-%m-%d %H:%M}"
    if len(found) > MOST_GAPS:
        yield f"rotas.{name}: and {len(found) - MOST_GAPS} further times in 14 days"
