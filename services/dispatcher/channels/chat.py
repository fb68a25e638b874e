"""Chat, SMS and paging through the services that apprise knows: Teams, Slack, Opsgenie, Splunk On-Call and others. An optional extra."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.dispatcher.channels.channel import Message, Undelivered
from services.errors import Misconfigured
from services.visible import visible, visible_lines

INSTALL = "pip install 'hypercare[chat]'"
MENTION = re.compile(r"(@)(?=everyone|here|channel|all\b)|(<)(?=[!@#])", re.IGNORECASE)
"""What chats read as a call to everybody; a space after the sign takes the meaning away and leaves it legible."""


@dataclass(frozen=True)
class AppriseSettings:
    """`services` maps the name in a target to an apprise URL, which holds secrets. `deadline` in seconds covers one message."""

    services: Mapping[str, str] = field(repr=False)
    deadline: float = 10.0


class Apprise:
    """Connections are apprise's own: its URLs come from an administrator, redirects are not followed."""

    name = "apprise"

    def __init__(self, settings: AppriseSettings) -> None:
        self._apprise = _library()
        self._asset = self._apprise.AppriseAsset(http_redirects=False, storage_mode="memory", allow_templates=False, app_id="hypercare")
        self._deadline = settings.deadline
        self._services = {name: self._read(name, url) for name, url in settings.services.items()}

    def send(self, message: Message, address: str) -> None:
        service = self._services.get(address)
        if service is None:
            raise Undelivered(f"No chat service is configured under the name {visible(address)}; add it to the chat URLs.", retry=False)
        sender = self._apprise.Apprise(asset=self._asset)
        sender.add(service)
        title, body = unmentioned(visible(message.title)), unmentioned(visible_lines(fitting(message, service)))
        result = sender.notify(body, title, body_format="text", interpret_escapes=False, timeout=self._deadline)
        if not result:
            raise Undelivered(f"The chat service {visible(address)} {_told(result, self._deadline)}.", retry=True)

    def _read(self, name: str, url: str) -> Any:
        service = self._apprise.Apprise.instantiate(url, asset=self._asset)
        if service is None:
            raise Misconfigured(f"The chat URL named {name} is not one that apprise knows; see its list of services.")
        return service


def unmentioned(text: str) -> str:
    return MENTION.sub(lambda found: f"{found[0]} ", text)


def fitting(message: Message, service: Any) -> str:
    """The whole text where the service takes it; else, as for an SMS, the few words that matter, the way to answer last."""
    about = f"{message.about.ticket} · " if message.about else ""
    whole = f"{message.text}\n\n{about}delivery {message.delivery_id}"
    room = int(service.body_maxlen) - (0 if service.title_maxlen else len(message.title))
    fits = next((text for text in (whole, message.brief) if 0 < len(text) <= room), None)
    return fits or message.brief.partition("\n")[0][:room] or whole


def _told(result: Any, deadline: float) -> str:
    return f"did not take the message within {deadline:g} seconds" if result.timeout_count else "did not take the message"


def _library() -> Any:
    try:
        import apprise  # the only importer of an optional extra
    except ImportError as error:
        raise Misconfigured(f"Targets that begin with apprise: need the chat extra; install it with {INSTALL}") from error
    return apprise
