"""Signed HTTP posts to receivers that an administrator has named, as Standard Webhooks describes them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.dispatcher.channels.channel import Message, Undelivered
from services.dispatcher.channels.courier import Courier, Road
from services.dispatcher.channels.incident import as_json
from services.dispatcher.channels.signature import read_secret, sign
from services.dispatcher.channels.target import Resolve, read_target, system_resolver


@dataclass(frozen=True)
class WebhookSettings:
    """`targets` maps each permitted URL to its live `whsec_` secrets (one; two while a secret is being replaced). The rest is a `Road`."""

    targets: Mapping[str, Sequence[str]] = field(repr=False)
    allowed_networks: Sequence[str] = ()
    deadline: float = 5.0
    ca_file: str | None = None


class Webhook:
    name = "webhook"

    def __init__(self, settings: WebhookSettings, resolve: Resolve = system_resolver, clock: Callable[[], float] = time.time) -> None:
        self._keys = {url: [read_secret(secret) for secret in secrets] for url, secrets in settings.targets.items()}
        self._courier = Courier(Road(settings.allowed_networks, settings.deadline, settings.ca_file), resolve, clock)
        self._clock = clock

    def send(self, message: Message, address: str) -> None:
        target = read_target(address)
        if not self._keys.get(address):
            raise Undelivered("No signing secret is configured for this webhook address; add it to the webhook targets.", retry=False)
        body = _body(message)
        self._courier.post(target, self._signed(message, address, body), body)

    def _signed(self, message: Message, address: str, body: bytes) -> dict[str, str]:
        timestamp = int(self._clock())
        return {
            "webhook-id": message.delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._keys[address], message.delivery_id, timestamp, body),
        }


def _body(message: Message) -> bytes:
    """`hypercare.delivery` is of a ticket; `hypercare.notice`, such as what a shift hands to the next, is of none."""
    about = message.about
    record = {
        "type": "hypercare.delivery" if about else "hypercare.notice",
        "delivery_id": message.delivery_id,
        "ticket_id": about and about.ticket,
        "title": message.title,
        "text": message.text,
        "brief": message.brief,
        "severity": about and about.severity,
        "system": about and about.system,
        "team": about and about.team,
        "data": message.data,
    }
    return as_json(record)
