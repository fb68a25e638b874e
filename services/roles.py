"""What each role of a process brings: background work, routes, and what must answer for it to be ready."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TextIO

from fastapi import APIRouter, FastAPI

from models.floors import load_floors
from models.registry import load_model
from services.api.desk import Desk
from services.api.routes import ROUTERS, furnish
from services.classifier import Decider, classifier
from services.db import pending_migrations, ping
from services.errors import Misconfigured, Unavailable
from services.ledger import Ledger
from services.log import Log
from services.log.table import TableLog
from services.runner import Runner, Service
from services.settings import Settings
from services.stabilisation import router as stabilisation
from services.teams import Teams, load_teams
from services.web.health import Check

ROLES = ("api", "classifier", "dispatcher", "stabilisation", "relay")
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Cast:
    """A process's parts, gathered role by role."""

    settings: Settings
    ledger: Ledger
    teams: Teams
    notifications: TextIO | None = None
    work: list[Work] = field(default_factory=list)
    routers: list[APIRouter] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def furnish(self, app: FastAPI) -> None:
        app.state.ledger = self.ledger
        furnish(app, Desk(self.ledger, self.teams, self.settings.fault))

    def run(self, service: Service) -> None:
        self.work.append(Runner(service, self.log(), self.ledger).run)

    def log(self) -> Log:
        return TableLog(self.ledger)


def cast(settings: Settings, ledger: Ledger, roles: Sequence[str], notifications: TextIO | None = None) -> Cast:
    """The parts for these roles. `notifications`: where the console channel writes instead of standard output."""
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise Misconfigured(f"There is no role {', '.join(unknown)}; roles are {', '.join(ROLES)}")
    made = Cast(settings, ledger, load_teams(settings.teams_file), notifications)
    made.checks.append(Check("database", partial(_check_database, ledger)))
    for role in roles:
        ROLES_BUILT[role](made)
    return made


def _check_database(ledger: Ledger) -> None:
    ping(ledger.database)
    if pending_migrations(ledger.database):
        raise Unavailable("The database's tables are of another version than this program: run `hypercare migrate`, or update the program")


def _api(made: Cast) -> None:
    made.routers.extend(ROUTERS)


def _classifier(made: Cast) -> None:
    model = load_model(made.settings.model)
    made.run(classifier(Decider(lambda: model, load_floors(made.settings.floors_file), made.teams)))


def _stabilisation(made: Cast) -> None:
    made.routers.append(stabilisation)


ROLES_BUILT: dict[str, Callable[[Cast], None]] = {
    "api": _api,
    "classifier": _classifier,
    "dispatcher": lambda made: None,
    "relay": lambda made: None,
    "stabilisation": _stabilisation,
}
