"""Alerts for Alertmanager or what takes its payloads: API v2, one alert per ticket and severity, resolved when it ends."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.dispatcher.channels.channel import About, Message
from services.dispatcher.channels.courier import Courier, Road, joined
from services.dispatcher.channels.incident import as_json, caused_at, link, of_ticket, stage
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
        self._courier.post(joined(address, PATH), {}, as_json(_alerts(message, of_ticket(message))))


def _alerts(message: Message, about: About) -> list[dict[str, object]]:
    """Labels make an alert's identity, and routes ask for the severity: so a changed severity is another alert, and the others end."""
    firing = [about.severity] if stage(message) != "resolve" else []
    others = [each for each in dict.fromkeys((about.severity, *SEVERITIES)) if each not in firing]
    return [_alert(message, about._replace(severity=each), each in firing) for each in (*firing, *others)]


def _alert(message: Message, about: About, firing: bool) -> dict[str, object]:
    place = {"ticket": about.ticket, "site": str(message.data.get("site") or "")}
    labels = {"alertname": "HypercareTicket", "severity": about.severity} | place
    alert: dict[str, object] = {"labels": labels, "annotations": _annotations(message, about)} | _times(caused_at(message), firing)
    return alert | ({"generatorURL": where} if (where := link(message)) else {})


def _annotations(message: Message, about: About) -> dict[str, str]:
    """Not labels: team and system change while a ticket is open."""
    told = {"summary": visible(message.title), "description": visible_lines(message.text), "delivery": message.delivery_id}
    return told | {"team": about.team, "system": about.system, "stage": stage(message)}


def _times(at: datetime, firing: bool) -> dict[str, object]:
    """An alert that ends begins no later."""
    return {"startsAt": at.isoformat(), "endsAt": (at + OPEN_FOR if firing else at).isoformat()}
