"""Incidents in PagerDuty or what speaks like it: Events API v2, one incident per ticket."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.dispatcher.channels.channel import About, Message, Undelivered
from services.dispatcher.channels.courier import Courier, Road
from services.dispatcher.channels.incident import as_json, link, of_ticket, stage
from services.dispatcher.channels.target import Resolve, read_target, system_resolver
from services.visible import visible, visible_lines

ENQUEUE = "https://events.pagerduty.com/v2/enqueue"
LONGEST_SUMMARY = 1_024
GRAVITY = {"sev1": "critical", "sev2": "error", "sev3": "warning", "sev4": "info"}


@dataclass(frozen=True)
class PagerDutySettings:
    """`keys` maps the name in a target to an integration's routing key. `url` is that of the region, or of a tool that takes the same."""

    keys: Mapping[str, str] = field(repr=False)
    url: str = ENQUEUE
    road: Road = field(default_factory=Road)


class PagerDuty:
    name = "pagerduty"

    def __init__(self, settings: PagerDutySettings, resolve: Resolve = system_resolver) -> None:
        self._settings = settings
        self._courier = Courier(settings.road, resolve)

    def send(self, message: Message, address: str) -> None:
        key = self._settings.keys.get(address)
        if key is None:
            raise Undelivered(f"No routing key is configured under the name {visible(address)}; add it to the PagerDuty keys.", retry=False)
        self._courier.post(read_target(self._settings.url), {}, as_json(_event(message, of_ticket(message), key)))


def _event(message: Message, about: About, key: str) -> dict[str, object]:
    """As the Events API v2 wants it: developer.pagerduty.com, "Send an Alert Event"."""
    where = link(message)
    links = {"client_url": where, "links": [{"href": where, "text": about.ticket}]} if where else {}
    return links | {
        "routing_key": key,
        "event_action": stage(message),
        "dedup_key": f"hypercare:{about.ticket}",
        "client": "hypercare",
        "payload": _payload(message, about),
    }


def _payload(message: Message, about: About) -> dict[str, object]:
    return {
        "summary": visible(message.title)[:LONGEST_SUMMARY],
        "source": str(message.data.get("site") or "hypercare"),
        "severity": GRAVITY.get(about.severity, "error"),
        "component": about.system,
        "group": about.team,
        "custom_details": {"delivery": message.delivery_id, "text": visible_lines(message.text)},
    }
