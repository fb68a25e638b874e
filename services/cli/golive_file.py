"""The TOML file of a go-live: what is declared, planned and expected, and the criteria by which it may end. docs/golive.md shows one."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.golives import CriteriaText, Criterion, GoLiveText, Plan, ScopeEventText
from services.errors import Invalid


class GoLiveFile(BaseModel):
    """`criteria` stand in it as in the shipped services/criteria.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    golive: GoLiveText
    plan: Plan | None = None
    scope_events: tuple[ScopeEventText, ...] = ()
    criteria: tuple[Criterion, ...] = ()

    @property
    def adopted(self) -> CriteriaText | None:
        return CriteriaText(criteria=self.criteria) if self.criteria else None


def read_golive_file(path: Path) -> GoLiveFile:
    """Raises `Invalid` that names the field, or the line where it is not TOML."""
    try:
        return GoLiveFile.model_validate(_table(path))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'file'}: {_told(fault)}" for fault in error.errors())
        raise Invalid("\n".join((f"{path} is not a go-live:", *faults))) from None


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{path} is not TOML: {error}") from None


def _told(fault: Any) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")
