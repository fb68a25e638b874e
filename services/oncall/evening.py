"""Every evening: is everybody there who may be told until the morning? Also puts on record by which teams file people are told."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import structlog
from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.oncall import NightFault, Watched
from schemas.oncall_events import NightChecked
from schemas.tables import ENTRIES
from services.errors import Unavailable
from services.golives import golives_of
from services.ledger import Draft, Ledger
from services.oncall.configured import configure
from services.oncall.feed import Calendars
from services.oncall.overrides import overrides_of
from services.oncall.preflight import Broken, preflight
from services.oncall.roll import places, roll_of
from services.oncall.rotation import DAY, zone_of
from services.oncall.wall import first_shown, shown
from services.teams import Teams

NIGHT = timedelta(hours=16)
"""So long after the evening the day shift is back."""
DISPATCHER = Attribution("service:dispatcher", "service")
log = structlog.get_logger()


@dataclass
class Evening:
    """Any number of processes may watch: one of them checks. `every`: seconds between looks at the clock."""

    ledger: Ledger
    calendars: Calendars
    broken: Broken
    at: time
    every: float = 30.0

    async def run(self) -> None:
        """Until cancelled."""
        recorded = False
        while True:
            try:
                if not recorded:
                    await self.ledger.written(lambda draft: configure(draft, self.calendars.teams, DISPATCHER))
                    recorded = True
                await asyncio.to_thread(self.look)
            except Unavailable as error:
                log.warning("the check of the night waits for the database", error=str(error))
            await asyncio.sleep(self.every)

    def look(self) -> NightChecked | None:
        """Check, where an evening has come since the last check."""
        now = self.ledger.clock()
        evening = max(evenings(self.calendars.teams, self.at, now))
        with self.ledger.database.read() as connection:
            if is_checked(connection, evening):
                return None
            checked = check(connection, self.calendars, now, self.broken)
        return self.ledger.write(lambda draft: _record(draft, checked, evening)).result()


def evenings(teams: Teams, at: time, now: datetime) -> Iterator[datetime]:
    """The last evening in the zone of each rota."""
    for zone in map(zone_of, {rota.time_zone for rota in teams.rotas.values()} or {"UTC"}):
        today = first_shown(datetime.combine(shown(now, zone), at), zone)
        yield today if today <= now else first_shown(datetime.combine(shown(now, zone) - DAY, at), zone)


def check(connection: Connection, calendars: Calendars, begin: datetime, broken: Broken, night: timedelta = NIGHT) -> NightChecked:
    """What stands between now and a good night: faults of steps and people, and of the calendars."""
    teams, read = calendars.teams, calendars.look()
    roll = roll_of(teams, read, overrides_of(connection).by_rota())
    sites = places(teams, (golive.site for golive in golives_of(connection).of.values() if not golive.exited_at))
    faults = preflight(roll, sites, (begin, begin + night), broken)
    for place in sites:
        rota = read.get(roll.audience(place).rota or "")
        faults += [
            NightFault(site=place.site, team=place.team, begin=begin, until=begin + night, told=fault)
            for fault in (rota.faults if rota else ())
        ]
    counted = (sum((fault.site, fault.team) == place for fault in faults) for place in sites)
    watched = tuple(Watched(site=place.site, team=place.team, faults=number) for place, number in zip(sites, counted, strict=True))
    return NightChecked(begin=begin, until=begin + night, watched=watched, faults=tuple(faults))


def last_check(connection: Connection) -> Entry | None:
    newest = select(ENTRIES).where(ENTRIES.c.type == NightChecked.__name__).order_by(ENTRIES.c.seq.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    return None if row is None else Entry.model_construct(**row)


def is_checked(connection: Connection, evening: datetime) -> bool:
    last = last_check(connection)
    return last is not None and last.recorded_at >= evening


def _record(draft: Draft, checked: NightChecked, evening: datetime) -> NightChecked | None:
    """Not where another process was faster."""
    if is_checked(draft.connection, evening):
        return None
    draft.append(checked, DISPATCHER)
    return checked
