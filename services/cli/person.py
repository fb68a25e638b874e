"""Who stands behind what is done at the command line."""

from dataclasses import dataclass
from getpass import getuser
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from typer import BadParameter, Option

from schemas.entries import Attribution
from schemas.words import Name, Reason, Slug


def login_name() -> str:
    try:
        return getuser()
    except (KeyError, OSError, ImportError):
        raise BadParameter("this account has no login name; say who you are with --actor") from None


@dataclass(frozen=True)
class Person:
    """A person who changes something at the database itself: audited, so there must be a reason."""

    reason: Annotated[str, Option("--reason", help="Why, in words that an auditor will understand (at least 5 characters).")]
    actor: Annotated[str | None, Option("--actor", help="Your name; without it the login name.")] = None
    role: Annotated[str, Option("--role", help="The role in which you act.")] = "admin"

    def attribution(self) -> Attribution:
        actor = _accepted(Name, self.actor or login_name(), "--actor")
        return Attribution(actor, _accepted(Slug, self.role, "--role"), _accepted(Reason, self.reason, "--reason"))


def _accepted(kind: Any, value: str, option: str) -> str:
    try:
        return str(TypeAdapter(kind).validate_python(value))
    except ValidationError as error:
        raise BadParameter(f"{option}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
