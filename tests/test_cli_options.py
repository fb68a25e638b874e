"""Options that verbs share, and the person behind an audited change."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer import BadParameter, Option
from typer.testing import CliRunner

from services.cli.options import flat
from services.cli.person import Person, login_name

REASON = "the scanner was replaced"


@dataclass(frozen=True)
class Place:
    site: Annotated[str, Option("--site", help="The plant.")]
    line: Annotated[int, Option("--line")] = 3


def where(place: Place, loud: bool = False) -> str:
    """Say a place."""
    return f"{place.site} {place.line}{'!' if loud else ''}"


def test_a_group_of_options_becomes_options_of_its_own() -> None:
    parameters = inspect.signature(flat(where)).parameters
    assert list(parameters) == ["site", "line", "loud"]
    assert parameters["site"].default is inspect.Parameter.empty
    assert parameters["line"].default == 3


def test_the_function_gets_its_groups_back() -> None:
    assert flat(where)(site="Cork", line=4, loud=True) == "Cork 4!"
    assert flat(where).__doc__ == "Say a place."


def test_a_field_without_default_is_an_option_that_must_be_given() -> None:
    app = typer.Typer()
    app.command()(flat(where))
    assert CliRunner().invoke(app, ["--line", "4"]).exit_code == 2
    assert CliRunner().invoke(app, ["--site", "Cork"]).exit_code == 0
    assert "The plant." in CliRunner().invoke(app, ["--help"]).output


def test_who_is_not_named_acts_under_the_login_name() -> None:
    by = Person(REASON).attribution()
    assert (by.actor, by.role, by.reason) == (login_name(), "admin", REASON)


@pytest.mark.parametrize(
    ("person", "option"),
    [
        (Person("why"), "--reason"),
        (Person(" " * 9), "--reason"),
        (Person(REASON, "a\x00"), "--actor"),
        (Person(REASON, "a", "Big Boss"), "--role"),
    ],
)
def test_what_the_ledger_could_not_keep_is_a_usage_error_that_names_the_option(person: Person, option: str) -> None:
    with pytest.raises(BadParameter, match=option):
        person.attribution()
