"""The TOML file of a go-live: what is declared, planned and expected, and the criteria by which it may end. docs/golive.md shows one."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from schemas.golives import CriteriaText, Criterion, GoLiveText, Plan, ScopeEventText, Targets
from schemas.words import Severity
from services.errors import Invalid


class GoLiveFile(BaseModel):
    """`criteria` and `targets` stand in it as in the shipped services/criteria.toml, both or neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    golive: GoLiveText
    plan: Plan | None = None
    scope_events: tuple[ScopeEventText, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    targets: dict[Severity, Targets] = {}

    @model_validator(mode="after")
    def _both_or_neither(self) -> "GoLiveFile":
        if bool(self.criteria) != bool(self.targets):
            raise ValueError("criteria and targets go together; services/criteria.toml holds the shipped ones")
        return self

    @property
    def adopted(self) -> CriteriaText | None:
        return CriteriaText(criteria=self.criteria, targets=self.targets) if self.criteria else None


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
