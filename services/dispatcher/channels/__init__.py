"""How a delivery reaches people: one file per channel, one row in `CHANNELS`."""

from collections.abc import Callable
from typing import Any

from services.dispatcher.channels.alertmanager import Alertmanager, AlertmanagerSettings
from services.dispatcher.channels.channel import About, Channel, Message, Undelivered
from services.dispatcher.channels.chat import Apprise, AppriseSettings
from services.dispatcher.channels.console import Console, ConsoleSettings
from services.dispatcher.channels.mail import Mail, MailSettings
from services.dispatcher.channels.pagerduty import PagerDuty, PagerDutySettings
from services.dispatcher.channels.recorder import Recorder
from services.dispatcher.channels.webhook import Webhook, WebhookSettings
from services.errors import Misconfigured

ChannelSettings = AlertmanagerSettings | AppriseSettings | ConsoleSettings | MailSettings | PagerDutySettings | WebhookSettings
CHANNELS: dict[type, Callable[[Any], Channel]] = {
    AlertmanagerSettings: Alertmanager,
    AppriseSettings: Apprise,
    ConsoleSettings: Console,
    MailSettings: Mail,
    PagerDutySettings: PagerDuty,
    WebhookSettings: Webhook,
}

__all__ = [
    "CHANNELS",
    "About",
    "AlertmanagerSettings",
    "AppriseSettings",
    "Channel",
    "ChannelSettings",
    "ConsoleSettings",
    "MailSettings",
    "Message",
    "PagerDutySettings",
    "Recorder",
    "Undelivered",
    "WebhookSettings",
    "open_channels",
]


def open_channels(*settings: ChannelSettings) -> dict[str, Channel]:
    """The channels by name. Connects to nothing; raises Misconfigured."""
    channels = [CHANNELS[type(one)](one) for one in settings]
    opened = {channel.name: channel for channel in channels}
    if len(opened) < len(channels):
        raise Misconfigured("A channel is configured twice; keep one of each kind.")
    return opened
