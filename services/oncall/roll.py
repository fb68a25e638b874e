"""Whom a step of a ladder tells at an instant: the teams file, its calendars and the overrides, resolved to people. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.oncall import Audience, Ladder, Override, Reachable, Rungs, Step, Urgency
from services.oncall.ical import Calendar
from services.oncall.schedule import Roster, on_layer, present
from services.teams import Teams

TRIAGE = "triage"
"""Stands for the triage lead where a team is named."""
ONCE = Rungs(steps=(Step(after=timedelta(0), who=("team",)),))
PLAIN = Ladder(sev1=ONCE, sev2=ONCE)
"""What a team without a ladder has: it is paged once."""
ANYWHERE = "any"
"""The site of a file that names none, before a go-live is declared."""
NO_CALENDAR = Calendar((), ())


class Place(NamedTuple):
    """A team at a site; `TRIAGE` for the triage lead."""

    site: str
    team: str


class Recipient(NamedTuple):
    """`name`: a person's key, or of a team that is told at its own targets the team's, with `person` False."""

    name: str
    reach: Reachable
    person: bool = True

    def targets(self, urgency: Urgency) -> tuple[tuple[str, str], ...]:
        """A page for people without a pager goes where they look; word for later wakes nobody."""
        return self.reach.targets(urgency) or (self.reach.targets("notify") if urgency == "page" else ())


@dataclass(frozen=True)
class Roll:
    teams: Teams
    rosters: Mapping[str, Roster]

    def audience(self, place: Place) -> Audience:
        return self.teams.triage if place.team == TRIAGE else self.teams.teams[place.team]

    def ladder(self, place: Place) -> Ladder:
        return self.teams.ladder_of(self.audience(place)) or PLAIN

    def told(self, step: Step, place: Place, at: datetime) -> list[Recipient]:
        """Each once, in the order of the step."""
        found = (recipient for who in step.who for recipient in self.recipients(who, place, at))
        return list({recipient.name: recipient for recipient in found}.values())

    def recipients(self, who: str, place: Place, at: datetime) -> list[Recipient]:
        """Empty where nobody is on call by it, or nobody has the role."""
        kind, _, name = who.partition(":")
        match kind:
            case "team":
                return self._team(place, at)
            case "role":
                return [self._person(key) for key in self.teams.in_role(name, place.site)]
            case "person":
                return [self._person(name)]
            case _:
                person = self._by_layer(place, name, at) if kind == "layer" else self._by_rota(name, at)
                return [self._person(person)] if person else []

    def _team(self, place: Place, at: datetime) -> list[Recipient]:
        audience = self.audience(place)
        person = self._by_rota(audience.rota, at) if audience.rota else None
        if person:
            return [self._person(person)]
        return [Recipient(place.team, audience, person=False)] if audience.page or audience.notify else []

    def _by_rota(self, rota: str, at: datetime) -> str | None:
        return present(self.rosters[rota], at)

    def _by_layer(self, place: Place, layer: str, at: datetime) -> str | None:
        rota = self.audience(place).rota
        return on_layer(self.rosters[rota], layer, at) if rota else None

    def _person(self, key: str) -> Recipient:
        return Recipient(key, self.teams.people[key])


def roll_of(teams: Teams, calendars: Mapping[str, Calendar], overrides: Mapping[str, tuple[Override, ...]]) -> Roll:
    rosters = {
        name: Roster(rota, calendars.get(name, NO_CALENDAR).appointments, overrides.get(name, ())) for name, rota in teams.rotas.items()
    }
    return Roll(teams, rosters)


def places(teams: Teams, sites: Iterable[str]) -> list[Place]:
    """Every team that owns a system at one of these sites or at one that the file names, and the triage lead there."""
    named = (*sites, *teams.sites, *(site for person in teams.people.values() for site in person.sites))
    return [Place(site, team) for site in sorted({*named}) or [ANYWHERE] for team in (*teams.teams_at(site), TRIAGE)]


def rungs_of(ladder: Ladder) -> Iterator[tuple[str, Rungs]]:
    for severity in ("sev1", "sev2", "sev3", "sev4"):
        rungs: Rungs | None = getattr(ladder, severity)
        if rungs:
            yield severity, rungs
