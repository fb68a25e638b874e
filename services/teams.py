"""Which team owns a system at a site, the targets by which it is told, and who of it is on call: configuration, not code."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from schemas.oncall import Audience as Audience
from schemas.oncall import Ladder, Person, Rota
from schemas.oncall import Target as Target
from schemas.oncall import Urgency as Urgency
from schemas.words import Slug
from services.errors import Invalid, Misconfigured

SHIPPED = Path(__file__).with_name("teams.toml")
BETWEEN_TABLES: LiteralString = "between_tables"
DESCRIBED = {"person": "people", "rota": "rotas"}
LADDERS = Path(__file__).with_name("ladders.toml")
INCIDENT_TOOLS = ("alertmanager", "pagerduty")
"""Channels to tools that keep incidents of their own, which are always a ticket's."""
DECIDES: Any = {
    "systems": True, "teams": {"__all__": {"page", "notify"}}, "triage": {"page", "notify"}, "sites": {"__all__": {"systems"}},
}  # fmt: skip
"""What of the file a decision may depend on. Who is on call is no part of it."""


@lru_cache(1)
def shipped_ladders() -> dict[str, Ladder]:
    return TypeAdapter(dict[Slug, Ladder]).validate_python(tomllib.loads(LADDERS.read_text("utf-8")))


class Site(BaseModel):
    """`handover`: targets of those who read what a shift hands to the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    systems: dict[Slug, Slug] = Field(default_factory=dict)
    handover: tuple[Target, ...] = ()

    @field_validator("handover")
    @classmethod
    def _is_read_by_people(cls, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        if tools := [target for target in targets if target.partition(":")[0] in INCIDENT_TOOLS]:
            raise ValueError(f"{', '.join(tools)} takes incidents only; name mail, chat, webhook or console targets")
        return targets


class Teams(BaseModel):
    """What must hold between tables is checked after the last, with those that are right by themselves: all faults are told together."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    people: dict[Slug, Person] = Field(default_factory=dict)
    rotas: dict[Slug, Rota] = Field(default_factory=dict)
    ladders: dict[Slug, Ladder] = Field(default_factory=dict)
    systems: dict[Slug, Slug]
    teams: dict[Slug, Audience]
    triage: Audience = Audience()
    sites: dict[str, Site] = Field(default_factory=dict, validate_default=True)

    @field_validator("sites")
    @classmethod
    def _what_is_named_is_described(cls, sites: dict[str, Site], info: ValidationInfo) -> dict[str, Site]:
        if told := list(_undescribed(info.data | {"sites": sites})):
            raise PydanticCustomError(BETWEEN_TABLES, "{told}", {"told": "; ".join(told)})
        return sites

    def owner(self, site: str, system: str) -> str | None:
        own = self.sites[site].systems if site in self.sites else {}
        return own.get(system) or self.systems.get(system)

    def team_for(self, site: str, system: str) -> str:
        team = self.owner(site, system)
        if team is None:
            raise Invalid(f"No team owns the system {system!r}; known systems: {', '.join(sorted(self.systems))}")
        return team

    def person_at(self, channel: str, address: str) -> str | None:
        """The key of the one person whose own target that is; None where it is nobody's, or several people's."""
        having = [key for key, person in self.people.items() if f"{channel}:{address}" in (*person.page, *person.notify)]
        return having[0] if len(having) == 1 else None

    def in_role(self, role: str, site: str) -> list[str]:
        """The keys of everybody whose role counts there."""
        return [key for key, person in self.people.items() if person.role == role and (not person.sites or site in person.sites)]

    def teams_at(self, site: str) -> list[str]:
        """Those that own a system there."""
        own = self.sites[site].systems if site in self.sites else {}
        return sorted({self.team_for(site, system) for system in {*self.systems, *own}})

    def readers_at(self, site: str) -> list[tuple[str, str]]:
        """(channel, address) of everybody who reads the handovers of a site, once."""
        told = self.sites[site].handover if site in self.sites else ()
        return list(dict.fromkeys((channel, address) for channel, _, address in (target.partition(":") for target in told)))

    @property
    def has_ladders(self) -> bool:
        return any(audience.ladder for audience in (self.triage, *self.teams.values()))

    def ladder_of(self, team: Audience) -> Ladder | None:
        """The file's ladder wins over a shipped one of the same name."""
        return self.ladders.get(team.ladder) or shipped_ladders().get(team.ladder) if team.ladder else None

    def digest(self) -> str:
        """SHA-256 over what decides which team a ticket goes to, for the record of a decision."""
        return sha256(self.model_dump_json(include=DECIDES).encode()).hexdigest()


def _undescribed(tables: Mapping[str, Any]) -> Iterator[str]:
    """Faults, by what names something that no table describes. A table that is wrong by itself is absent, and not looked at."""
    for where, name, table in _named(tables):
        if table in tables and name not in tables[table] and not (table == "ladders" and name in shipped_ladders()):
            yield f"{where} names {name}, which is not described: add [{table}.{name}]{_instead(table)}"


def _named(tables: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(where, name, table in which it is to be described)."""
    for rota, told in tables.get("rotas", {}).items():
        yield from ((f"rotas.{rota}.{where}", person, "people") for where, person in told.people())
    for name, ladder in tables.get("ladders", {}).items():
        pairs = ((where, *who.partition(":")[::2]) for where, who in ladder.named())
        yield from ((f"ladders.{name}.{where}", said, DESCRIBED[kind]) for where, kind, said in pairs if kind in DESCRIBED)
    for where, audience in _audiences(tables):
        yield from ((f"{where}.{key}", said, f"{key}s") for key, said in (("rota", audience.rota), ("ladder", audience.ladder)) if said)
    yield from (("systems." + system, team, "teams") for system, team in tables.get("systems", {}).items())
    for site, own in tables["sites"].items():
        yield from ((f"sites.{site}.systems.{system}", team, "teams") for system, team in own.systems.items())


def _audiences(tables: Mapping[str, Any]) -> Iterator[tuple[str, Audience]]:
    yield from ((f"teams.{name}", team) for name, team in tables.get("teams", {}).items())
    if "triage" in tables:
        yield "triage", tables["triage"]


def _instead(table: str) -> str:
    return f", or take {', '.join(shipped_ladders())}" if table == "ladders" else ""


def load_teams(path: Path | None) -> Teams:
    """The site's file, or the shipped one."""
    source = path or SHIPPED
    try:
        return Teams.model_validate(tomllib.loads(source.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"The teams file {source} cannot be read: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg'].removeprefix('Value error, ')}" for fault in error.errors()
        )
        raise Misconfigured(f"The teams file {source} is not valid: {faults}") from error


def _told(fault: Any) -> str:
    said = str(fault["msg"]).removeprefix("Value error, ")
    return said if fault["type"] == BETWEEN_TABLES else f"{'.'.join(map(str, fault['loc'])) or 'file'}: {said}"
