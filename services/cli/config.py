"""`hypercare config`: the settings as this process sees them."""

from contextlib import closing
from difflib import get_close_matches
from functools import partial
from typing import Any

import typer
from pydantic import SecretStr
from sqlalchemy.exc import ArgumentError

from services.cli.options import flat
from services.cli.person import Person
from services.cli.storage import migrated_database, without_password
from services.cli.terminal import Output, table
from services.dispatcher.equipment import broken
from services.errors import HypercareError, Misconfigured, Refused
from services.ledger import Ledger, utc_now
from services.oncall.configured import configure
from services.oncall.feed import calendars_of
from services.oncall.review import Review, review
from services.settings import PREFIX, Settings, load_settings, secret_names, unknown_variables
from services.teams import load_teams

app = typer.Typer(add_completion=False, no_args_is_help=True)

HIDDEN = "********"


@app.callback()
def _config() -> None:
    """Show and check the settings."""


@app.command("show")
@flat
def show_settings(output: Output) -> None:
    """Show every setting, where it comes from and what it is for. Secrets are hidden."""
    settings = load_settings()
    shown = {f"{PREFIX}{name.upper()}": _shown(settings, name) for name in Settings.model_fields}
    output.show(shown, table(("variable", "value", "from", "meaning"), [(name, *told.values()) for name, told in shown.items()]))


def _shown(settings: Settings, name: str) -> dict[str, Any]:
    source = "environment" if name in settings.model_fields_set else "default"
    return {"value": masked(name, getattr(settings, name)), "from": source, "meaning": Settings.model_fields[name].description}


def masked(name: str, value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    if name == "database_url":
        return _address(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def _address(url: str) -> str:
    try:
        return without_password(url)
    except ArgumentError:
        return HIDDEN


@app.command("check")
@flat
def check_settings(output: Output) -> None:
    """Say everything that is wrong with the settings and the teams file at once. Exit code 1 where anything is."""
    wrong = faults()
    found = Review(tuple(wrong), ()) if wrong else review_of(load_settings())
    if output.json:
        output.show({"faults": found.faults, "remarks": found.remarks}, "")
    elif not found.faults:
        output.say(None, "The settings are good.")
    for remark in found.remarks:
        output.remark(remark)
    if found.faults:
        raise Misconfigured("\n".join(found.faults))


@app.command("apply")
@flat
def apply(person: Person, output: Output) -> None:
    """Put on record why the teams file was changed, before the services are started with it. They put it on record without a reason."""
    settings = load_settings()
    teams = load_teams(settings.teams_file)
    with migrated_database() as database, closing(Ledger(database)) as ledger:
        told = ledger.write(lambda draft: configure(draft, teams, person.attribution())).result()
    if told is None:
        raise Refused("The teams file is the one that people are told by already")
    output.say(
        {"digest": told.digest}, f"People are told by {settings.teams_file or 'the shipped teams file'} once the services start with it"
    )


def review_of(settings: Settings) -> Review:
    """Of the teams file, with the channels that the settings describe."""
    try:
        calendars = calendars_of(settings, load_teams(settings.teams_file))
    except Misconfigured as error:
        return Review((str(error),), ())
    return review(calendars, utc_now(), partial(broken, settings))


def faults() -> list[str]:
    return [*_faults_of_values(), *(f"{name} is no setting{_nearest(name)}" for name in unknown_variables())]


def _faults_of_values() -> list[str]:
    try:
        load_settings()
    except HypercareError as error:
        return str(error).splitlines()
    return []


def _nearest(variable: str) -> str:
    known = [PREFIX + name.upper() for name in Settings.model_fields] + [f"{PREFIX}{name.upper()}_FILE" for name in secret_names(Settings)]
    close = get_close_matches(variable, known, n=1)
    return f"; did you mean {close[0]}?" if close else "; `hypercare config show` lists them all. Remove it"
