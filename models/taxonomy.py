"""The systems that a ticket can belong to: data that a site may change, never an enumeration in code."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import RulesInvalid
from schemas.words import Slug

SYSTEMS = Path(__file__).parent / "systems.toml"


class System(BaseModel):
    """`owns` tells a person at the triage queue what belongs here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    name: Annotated[str, Field(min_length=1)]
    owns: Annotated[str, Field(min_length=1)]


class Taxonomy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Annotated[tuple[System, ...], Field(min_length=1)]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(system.id for system in self.system)

    def name(self, id: str) -> str:
        """The name people use; an id that the site does not know is its own name."""
        return next((system.name for system in self.system if system.id == id), id)


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """The systems of `path`, or those that come with the product."""
    where = path or SYSTEMS
    try:
        taxonomy = Taxonomy.model_validate(tomllib.loads(where.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise RulesInvalid(f"{where} cannot be used as list of systems: {error}") from error
    if len(set(taxonomy.ids)) < len(taxonomy.ids):
        raise RulesInvalid(f"{where} names a system twice; each id may stand once")
    return taxonomy
