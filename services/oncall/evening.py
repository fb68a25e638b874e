"""Every evening: is everybody there who may be told until the morning? Also puts on record by which teams file people are told."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.oncall import NightFault, Watched
from schemas.oncall_events import NightChecked
from schemas.tables import ENTRIES
from services.golives import golives_of
from services.ledger import Draft, Ledger
from services.oncall.configured import configure
from services.oncall.feed import Calendars
from services.oncall.given_up import given_up
from services.oncall.overrides import overrides_of
from services.oncall.preflight import Broken, Night, preflight
from services.oncall.roll import places, roll_of
from services.oncall.rotation import DAY, zone_of
from services.oncall.wall import first_shown, shown
from services.teams import Teams
from services.waiting import rounds

NIGHT = timedelta(hours=16)
"""So long after the evening the day shift is back."""
AGAIN = timedelta(minutes=10)
OVERDUE = timedelta(hours=26)
"""After so long without a check an evening was left out."""
DISPATCHER = Attribution("service:dispatcher", "service")


@dataclass
class Evening:
    """Any number of processes may watch: one of them checks. `examine` looks anew at what targets need, and may take seconds; `every`:
    seconds between looks at the clock.
    """

    ledger: Ledger
    calendars: Calendars
    examine: Callable[[], Broken]
    at: time
    every: float = 30.0
    _looked_at: datetime | None = None
    _recorded: bool = False

    async def run(self) -> None:
        """Until cancelled."""
        await rounds(self._round, self.every)

    async def _round(self) -> None:
        if not self._recorded:
            await self.ledger.written(lambda draft: configure(draft, self.calendars.teams, DISPATCHER))
            self._recorded = True
        await asyncio.to_thread(self.look)

    def look(self) -> NightChecked | None:
        """Check, where an evening has come since the last check; then every `AGAIN` until the morning, and tell what has changed."""
        now = self.ledger.clock()
        with self.ledger.database.read() as connection:
            last = last_check(connection)
        known = NightChecked.model_validate(last.data) if last else None
        fresh = last is None or last.recorded_at < max(evenings(self.calendars.teams, self.at, now))
        until = now + NIGHT if fresh or known is None else known.until
        if not fresh and not self._is_time(now, until):
            return None
        self._looked_at = now
        broken = self.examine()
        with self.ledger.database.read() as connection:
            checked = check(connection, self.calendars, (now, until), broken)
        if known and not fresh and _findings(checked) == _findings(known):
            return None
        return self.ledger.write(lambda draft: _record(draft, checked, last)).result()

    def _is_time(self, now: datetime, until: datetime) -> bool:
        return now < until and (self._looked_at is None or now - self._looked_at >= AGAIN)


def evenings(teams: Teams, at: time, now: datetime) -> Iterator[datetime]:
    """The last evening in the zone of each rota."""
    for zone in map(zone_of, {rota.time_zone for rota in teams.rotas.values()} or {"UTC"}):
        today = first_shown(datetime.combine(shown(now, zone), at), zone)
        yield today if today <= now else first_shown(datetime.combine(shown(now, zone) - DAY, at), zone)


def check(connection: Connection, calendars: Calendars, night: Night, broken: Broken) -> NightChecked:
    """What stands between these instants and a good night: faults of steps and people, and of the calendars. A target does not work
    where `broken` says so, or where the last message to it was given up.
    """
    begin, until = night
    teams, read = calendars.teams, calendars.look()
    roll = roll_of(teams, read, overrides_of(connection).by_rota())
    sites = places(teams, (golive.site for golive in golives_of(connection).of.values() if not golive.exited_at))
    faults = preflight(roll, sites, night, _either(broken, given_up(connection, begin)))
    for place in sites:
        rota = read.get(roll.audience(place).rota or "")
        faults += [
            NightFault(site=place.site, team=place.team, begin=begin, until=until, told=fault) for fault in (rota.faults if rota else ())
        ]
    counted = (sum((fault.site, fault.team) == place for fault in faults) for place in sites)
    watched = tuple(Watched(site=place.site, team=place.team, faults=number) for place, number in zip(sites, counted, strict=True))
    return NightChecked(begin=begin, until=until, watched=watched, faults=tuple(faults))


def _either(broken: Broken, silent: Mapping[tuple[str, str], str]) -> Broken:
    return lambda target: broken(target) or silent.get(target)


def last_check(connection: Connection) -> Entry | None:
    newest = select(ENTRIES).where(ENTRIES.c.type == NightChecked.__name__).order_by(ENTRIES.c.seq.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    return None if row is None else Entry.model_construct(**row)


def _findings(checked: NightChecked) -> set[tuple[str, str, str]]:
    return {(fault.site, fault.team, fault.told) for fault in checked.faults} | {(each.site, each.team, "") for each in checked.watched}


def _record(draft: Draft, checked: NightChecked, seen: Entry | None) -> NightChecked | None:
    """Not where another process was faster."""
    newest = last_check(draft.connection)
    if (newest and newest.id) != (seen and seen.id):
        return None
    draft.append(checked, DISPATCHER)
    return checked
