"""Which team owns a system at a site, and the targets by which it is told: configuration, not code."""

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from schemas.words import Slug
from services.errors import Invalid, Misconfigured

SHIPPED = Path(__file__).with_name("teams.toml")
Target = Annotated[str, StringConstraints(pattern=r"^[a-z]+:.+$")]
Urgency = Literal["page", "notify"]


class Audience(BaseModel):
    """Where to reach people: `page` at once, `notify` when they look. Targets are CHANNEL:ADDRESS."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    page: tuple[Target, ...] = ()
    notify: tuple[Target, ...] = ()

    def targets(self, urgency: Urgency) -> tuple[tuple[str, str], ...]:
        """(channel, address) pairs."""
        return tuple((channel, address) for channel, _, address in (target.partition(":") for target in getattr(self, urgency)))


class Site(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    systems: dict[Slug, Slug] = Field(default_factory=dict)


class Teams(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    systems: dict[Slug, Slug]
    teams: dict[Slug, Audience]
    triage: Audience = Audience()
    sites: dict[str, Site] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _every_team_is_known(self) -> "Teams":
        named = {*self.systems.values(), *(team for site in self.sites.values() for team in site.systems.values())}
        if missing := sorted(named - set(self.teams)):
            raise ValueError(f"teams named but not described: {', '.join(missing)}; add [teams.{missing[0]}]")
        return self

    def owner(self, site: str, system: str) -> str | None:
        own = self.sites[site].systems if site in self.sites else {}
        return own.get(system) or self.systems.get(system)

    def team_for(self, site: str, system: str) -> str:
        team = self.owner(site, system)
        if team is None:
            raise Invalid(f"No team owns the system {system!r}; known systems: {', '.join(sorted(self.systems))}")
        return team

    def digest(self) -> str:
        """SHA-256 over the configuration's content, for the record of a decision."""
        return sha256(self.model_dump_json().encode()).hexdigest()


def load_teams(path: Path | None) -> Teams:
    """The site's file, or the shipped one."""
    source = path or SHIPPED
    try:
        return Teams.model_validate(tomllib.loads(source.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"The teams file {source} cannot be read: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        raise Misconfigured(f"The teams file {source} is not valid: {faults}") from error
