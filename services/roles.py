"""What each role of a process brings: background work, routes, and what must answer for it to be ready."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TextIO

from fastapi import APIRouter, FastAPI

from models.taxonomy import load_taxonomy
from schemas.topics import INTAKE
from services.api import answering
from services.api.desk import Desk
from services.api.routes import ROUTERS, furnish
from services.classifier import classifier, decider_of, mind_of
from services.classifier.asking import router as asking_router
from services.db import pending_migrations, ping
from services.dispatcher import Addressees, Engine, Escalation, Pace, dispatcher, open_channels_from, read_budget
from services.dispatcher.equipment import examined
from services.errors import Misconfigured, Unavailable
from services.intake import Intake
from services.judgements import MOST_JUDGED, Judgements
from services.ledger import Ledger
from services.links import Links, Seal, seal_of
from services.log import Log
from services.log.kafka import Kafka, KafkaCarrier, KafkaLog, Member
from services.log.outgoing import Stamp
from services.log.relay import Relay
from services.log.table import TableLog
from services.oncall.evening import Evening
from services.oncall.feed import calendars_of
from services.runner import Runner, Service
from services.settings import Settings
from services.stabilisation import furnish as furnish_stabilisation
from services.stabilisation import furnish_metrics, metrics_router
from services.stabilisation import router as stabilisation_router
from services.stabilisation.keeper import Keeper
from services.stabilisation.progress import Progress
from services.stabilisation.shift_ends import ShiftEnds
from services.stabilisation.warner import Warner
from services.stabilisation.watching import Watch
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
    unlocked: list[APIRouter] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    progress: Progress | None = None

    def furnish(self, app: FastAPI) -> None:
        app.state.settings = self.settings
        mode, judgements = self.settings.autonomy, Judgements(MOST_JUDGED)
        if self.progress is None:
            furnish_metrics(app, self.ledger)
        else:
            furnish_stabilisation(app, self.ledger, Watch(mode, judgements), self.progress)
        desk = Desk(self.ledger, self.teams, self.settings.fault, mode, judgements, calendars=calendars_of(self.settings, self.teams))
        furnish(app, desk)
        app.state.seal = _seal(self.settings)

    def run(self, service: Service) -> None:
        self.work.append(Runner(service, self.log(), self.ledger).run)

    def log(self) -> Log:
        return KafkaLog(Kafka.of(self.settings)) if self.settings.kafka_bootstrap_servers else TableLog(self.ledger)

    def systems(self) -> tuple[str, ...]:
        return load_taxonomy(self.settings.systems_file).ids


def every_role(settings: Settings) -> tuple[str, ...]:
    """All that make sense with these settings: without Kafka there is nothing to relay."""
    return tuple(role for role in ROLES if role != "relay" or settings.kafka_bootstrap_servers)


def cast(settings: Settings, ledger: Ledger, roles: Sequence[str], notifications: TextIO | None = None) -> Cast:
    """The parts for these roles. `notifications`: where the console channel writes instead of standard output."""
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise Misconfigured(f"There is no role {', '.join(unknown)}; roles are {', '.join(ROLES)}")
    if "relay" in roles and not settings.kafka_bootstrap_servers:
        raise Misconfigured("The relay carries the ledger to Kafka: set HYPERCARE_KAFKA_BOOTSTRAP_SERVERS, or leave it out")
    made = Cast(settings, ledger, load_teams(settings.teams_file), notifications)
    made.checks.append(Check("database", partial(_check_database, ledger)))
    for role in roles:
        BUILDERS[role](made)
    if "stabilisation" not in roles:
        made.routers.append(metrics_router)
    return made


def _seal(settings: Settings) -> Seal | None:
    return seal_of(settings.link_secret.get_secret_value() if settings.link_secret else None)


def _check_database(ledger: Ledger) -> None:
    ping(ledger.database)
    if pending_migrations(ledger.database):
        raise Unavailable("The database's tables are of another version than this program: run `hypercare migrate`, or update the program")


def _api(made: Cast) -> None:
    made.routers.extend((*ROUTERS, asking_router))
    made.unlocked.append(answering.router)


def _classifier(made: Cast) -> None:
    mind = mind_of(made.settings, made.ledger)
    made.run(classifier(decider_of(made.settings, mind, made.teams)))
    made.work.append(mind.run)


def _dispatcher(made: Cast) -> None:
    settings = made.settings
    channels = open_channels_from(settings, made.teams, made.notifications)
    made.run(dispatcher(made.teams, made.ledger.database))
    addressees = Addressees(read_budget(settings.page_budget), made.teams)
    pace, links = Pace(addressees=addressees), Links(settings.public_url, _seal(settings))
    made.work.append(Engine(made.ledger, channels, links, pace, settings.fault).run)
    calendars = calendars_of(settings, made.teams)
    if made.teams.has_ladders:
        made.work.append(Escalation(made.ledger, calendars, fault=settings.fault).run)
    made.work.append(Evening(made.ledger, calendars, partial(examined, settings, made.teams), settings.evening).run)


def _stabilisation(made: Cast) -> None:
    made.progress = Progress()
    made.routers.append(stabilisation_router)
    made.work.append(Keeper(made.ledger, made.progress).run)
    made.work.append(Warner(made.ledger, made.progress).run)
    made.work.append(ShiftEnds(made.ledger, made.progress, made.teams).run)


def _relay(made: Cast) -> None:
    """Carries the ledger out to Kafka, and what other systems submit there in."""
    kafka = Kafka.of(made.settings)
    relay = Relay(made.ledger, KafkaCarrier(kafka), Stamp(made.settings.public_url, made.systems()))
    arrivals = Member(kafka, "intake", INTAKE.name).records()
    made.checks.append(Check("kafka", relay.check))
    made.work.extend((relay.run, Intake(made.ledger, arrivals).run))


BUILDERS: dict[str, Callable[[Cast], None]] = {
    "api": _api,
    "classifier": _classifier,
    "dispatcher": _dispatcher,
    "stabilisation": _stabilisation,
    "relay": _relay,
}
