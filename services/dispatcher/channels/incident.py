"""What a tool that keeps incidents of its own should make of a message: open one, know that somebody is at it, or end it."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from services.dispatcher.channels.channel import About, Message, Undelivered

Stage = Literal["trigger", "acknowledge", "resolve"]
TAKEN = ("acknowledged", "waiting")
ENDED = ("resolved", "closed", "cancelled", "backlogged")
RAISED = "TicketReclassified"
SIGNS = ("TicketAcknowledged", "TicketAssigned", "TicketPutOnHold", "TicketResumed", "TicketWorkedAround", "TicketCommented")
"""Signs of work. A page because of one says that it has expired: the ladder goes on."""


def of_ticket(message: Message) -> About:
    """Raises Undelivered: an incident is a ticket's."""
    if message.about is None:
        raise Undelivered("Tools that keep incidents take tickets only; send all else by mail, webhook, chat or console.", retry=False)
    return message.about


def stage(message: Message) -> Stage:
    """By the ticket as it stands, so that a late message opens nothing anew; but a raise, and a sign of work that has expired, wake people
    although somebody has it in work.
    """
    if message.data.get("state") in ENDED:
        return "resolve"
    return "acknowledge" if message.data.get("state") in TAKEN and not _wakes(message) else "trigger"


def _wakes(message: Message) -> bool:
    kind = _cause(message).get("type")
    return kind == RAISED or (kind in SIGNS and message.data.get("urgency") == "page")


def link(message: Message) -> str | None:
    """Where people see the ticket."""
    links: Any = message.data.get("links") or {}
    where: str | None = links.get("ticket")
    return where


def caused_at(message: Message) -> datetime:
    """When that happened of which the message tells; long ago where it does not say."""
    at = _cause(message).get("at")
    return datetime.fromisoformat(at) if at else datetime.fromtimestamp(0, UTC)


def as_json(record: object) -> bytes:
    """ASCII JSON with sorted keys: the same record gives the same bytes."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _cause(message: Message) -> dict[str, Any]:
    cause: Any = message.data.get("cause") or {}
    return dict(cause)
