"""Alerts for Alertmanager or what takes its payloads: API v2, one alert per ticket and severity, resolved when it ends."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.dispatcher.channels.channel import Message
from services.dispatcher.channels.courier import Courier, Road, joined
from services.dispatcher.channels.incident import as_json, caused_at, link, stage
from services.dispatcher.channels.target import Resolve, system_resolver
from services.visible import visible, visible_lines

PATH = "/api/v2/alerts"
SEVERITIES = ("sev1", "sev2", "sev3", "sev4", "undecided")
OPEN_FOR = timedelta(days=14)
"""An alert without an end would be resolved by Alertmanager itself after its resolve_timeout, 5 minutes by default."""


@dataclass(frozen=True)
class AlertmanagerSettings:
    road: Road = field(default_factory=Road)


class Alertmanager:
    name = "alertmanager"

    def __init__(self, settings: AlertmanagerSettings, resolve: Resolve = system_resolver) -> None:
        self._courier = Courier(settings.road, resolve)

    def send(self, message: Message, address: str) -> None:
        self._courier.post(joined(address, PATH), {}, as_json(_alerts(message)))


def _alerts(message: Message) -> list[dict[str, object]]:
    """Labels make an alert's identity, and routes ask for the severity: so a changed severity is another alert, and the others end."""
    firing = [message.severity] if stage(message) != "resolve" else []
    others = [each for each in dict.fromkeys((message.severity, *SEVERITIES)) if each not in firing]
    return [_alert(message, each, each in firing) for each in (*firing, *others)]


def _alert(message: Message, severity: str, firing: bool) -> dict[str, object]:
    place = {"ticket": message.ticket_id, "site": str(message.data.get("site") or "")}
    labels = {"alertname": "HypercareTicket", "severity": severity} | place
    alert: dict[str, object] = {"labels": labels, "annotations": _annotations(message)} | _times(caused_at(message), firing)
    return alert | ({"generatorURL": where} if (where := link(message)) else {})


def _annotations(message: Message) -> dict[str, str]:
    """Not labels: team and system change while a ticket is open."""
    told = {"summary": visible(message.title), "description": visible_lines(message.text), "delivery": message.delivery_id}
    return told | {"team": message.team, "system": message.system, "stage": stage(message)}


def _times(at: datetime, firing: bool) -> dict[str, object]:
    """An alert that ends begins no later."""
    return {"startsAt": at.isoformat(), "endsAt": (at + OPEN_FOR if firing else at).isoformat()}
