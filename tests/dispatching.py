"""Shorthands to tell of deliveries in a test, and channels that do what a test wants."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from schemas import events as e
from schemas.entries import Attribution
from schemas.tables import DELIVERIES, LETTERS
from schemas.tickets import Ticket
from services.deliveries import delivery_id
from services.dispatcher import Engine, Pace
from services.dispatcher.channels import Channel, Message
from services.dispatcher.leases import due, lease
from services.dispatcher.text import compose
from services.ledger import Ledger
from services.links import Links
from services.teams import Teams
from services.tickets import record
from tests.lives import SERVICE, entries_of, happened, submitted

HASTY = Pace(first_wait=0.02, longest_wait=0.05, poll=0.02, drain=5.0, draw=lambda: 1.0)
URL = "https://hypercare.plant.example"
PLACES = Links(URL)
TEAMS = Teams.model_validate(
    {
        "systems": {"erp": "erp", "lims": "lab", "plc_scada": "automation", "oee": "automation"},
        "teams": {
            "erp": {"page": ["pager:erp"], "notify": ["desk:erp"]},
            "lab": {"notify": ["desk:lab", "desk:lab"]},
            "automation": {"page": ["pager:automation", "desk:wall"], "notify": ["desk:automation"]},
            "nobody": {},
        },
        "triage": {"page": ["pager:lead"], "notify": ["desk:triage"]},
    }
)
CLASSIFIED: dict[str, Any] = {"gxp": "none", "decided_by": "suggestion", "model": "m", "rules": "r", "configuration": "c"}


class Watch:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Gate:
    """A channel that holds every message until it is opened; `entered` counts those that came so far."""

    name: str = "pager"
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    opened: threading.Event = field(default_factory=threading.Event)
    passed: list[str] = field(default_factory=list)

    def send(self, message: Message, address: str) -> None:
        self.entered.release()
        self.opened.wait(60)
        self.passed.append(message.delivery_id)

    async def arrival(self) -> None:
        assert await asyncio.to_thread(self.entered.acquire, timeout=30)


def decided(system: str = "erp", severity: str = "sev3", **prediction: Any) -> e.TicketClassified:
    ranked = [{"system": system, "probability": 0.6}, {"system": "lims", "probability": 0.3}, {"system": "oee", "probability": 0.1}]
    shown = {"systems": ranked, "confidence": 0.6, "sev1_candidate": False, "sev1_risk": 0.01, "words": []} | prediction
    return e.TicketClassified.model_validate(CLASSIFIED | {"system": system, "severity": severity, "prediction": shown})


def routed(ledger: Ledger, severity: str = "sev3", team: str = "erp", **fields: Any) -> Ticket:
    ticket = submitted(ledger, **fields)
    happened(ledger, ticket.id, decided("erp", severity), SERVICE)
    return happened(ledger, ticket.id, e.TicketRouted(system="erp", team=team), SERVICE)


def asked(ledger: Ledger, ticket: Ticket, target: str = "pager:erp", urgency: str = "page") -> str:
    """Ask for a delivery because of the ticket's latest entry, and give its id."""
    cause = entries_of(ledger, ticket.id)[-1].id
    channel, _, address = target.partition(":")
    identity = delivery_id(cause, channel, address)
    event = e.NotificationRequested.model_validate(
        {"delivery": identity, "channel": channel, "address": address, "urgency": urgency},
    )
    ledger.write(lambda draft: record(draft, ticket.id, event, Attribution("service:dispatcher", "service", cause=cause))).result()
    return identity


def read(ledger: Ledger, ticket: Ticket) -> Message:
    """What a person reads of what happened last to the ticket."""
    identity = asked(ledger, ticket)
    (candidate,) = [each for each in due(ledger, (), (), 100) if each.id == identity]
    return compose(ledger.write(lambda draft: lease(draft, [candidate], 30.0)).result()[0], PLACES)


def paged(ledger: Ledger, severity: str = "sev2", target: str = "pager:erp", urgency: str = "page") -> str:
    return asked(ledger, routed(ledger, severity), target, urgency)


def row_of(ledger: Ledger, identity: str) -> dict[str, Any]:
    with ledger.database.read() as connection:
        return dict(connection.execute(select(DELIVERIES).where(DELIVERIES.c.id == identity)).mappings().one())


def states(ledger: Ledger) -> list[str]:
    with ledger.database.read() as connection:
        return list(connection.execute(select(DELIVERIES.c.state).order_by(DELIVERIES.c.requested_at)).scalars())


def letter_of(ledger: Ledger, identity: str) -> dict[str, Any]:
    with ledger.database.read() as connection:
        return dict(connection.execute(select(LETTERS).where(LETTERS.c.id == identity)).mappings().one())


def outcomes(ledger: Ledger) -> list[tuple[str, str]]:
    """(what became of it, delivery) as the ledger tells it."""
    told = ("NotificationSent", "NotificationFailed", "NotificationWithdrawn")
    return [(entry.type, entry.data["delivery"]) for entry in entries_of(ledger) if entry.type in told]


@asynccontextmanager
async def sending(ledger: Ledger, *channels: Channel, pace: Pace = HASTY, links: Links = PLACES) -> AsyncIterator[Engine]:
    engine = Engine(ledger, {channel.name: channel for channel in channels}, links, pace)
    task = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.01)


async def settled(ledger: Ledger, number: int = 1) -> None:
    await until(lambda: len(outcomes(ledger)) >= number)


def targets(events: Sequence[e.Event]) -> set[tuple[str, str]]:
    """(urgency, CHANNEL:ADDRESS) of what is asked for."""
    return {(event.urgency, f"{event.channel}:{event.address}") for event in events if isinstance(event, e.NotificationRequested)}
