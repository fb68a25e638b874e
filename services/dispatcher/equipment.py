"""The channels that the settings and the teams file ask for, or everything that keeps a page from reaching its people, said at once."""

import sys
from collections.abc import Iterator
from typing import TextIO

from services.dispatcher.channels import (
    Channel,
    ChannelSettings,
    ConsoleSettings,
    MailSettings,
    Undelivered,
    WebhookSettings,
    open_channels,
)
from services.dispatcher.channels.target import read_target
from services.dispatcher.slots import Target
from services.errors import Misconfigured
from services.settings import PREFIX, Settings
from services.teams import Teams

KNOWN = ("console", "mail", "webhook")


def open_channels_from(settings: Settings, teams: Teams, stream: TextIO | None = None) -> dict[str, Channel]:
    """Console on `stream` (default: standard output), mail where a server is named, webhooks where the teams file names one.

    Connects to nothing. Raises Misconfigured, which names every target that could not be reached and what to do.
    """
    targets = targets_of(teams)
    if problems := list(_problems(settings, targets)):
        raise Misconfigured("\n".join(problems))
    return open_channels(ConsoleSettings(stream or sys.stdout), *_mail(settings), *_webhook(settings, targets))


def targets_of(teams: Teams) -> list[Target]:
    """Every target that the teams file names, once."""
    everybody = (teams.triage, *teams.teams.values(), *teams.people.values())
    return sorted({target for each in everybody for target in (*each.targets("page"), *each.targets("notify"))})


def broken(settings: Settings, target: Target) -> str | None:
    """Why nothing could be sent to this target, in one line; None where it could. Connects to nothing."""
    return " ".join(_problems(settings, [target])) or None


def _problems(settings: Settings, targets: list[Target]) -> Iterator[str]:
    for channel, address in targets:
        if channel not in KNOWN:
            yield f"The teams file names {channel}:{address}, but the channels are {', '.join(KNOWN)}"
        if channel == "mail" and not settings.smtp_host:
            yield f"The teams file names mail:{address}: set {PREFIX}SMTP_HOST to a mail server, or remove the target"
        if channel == "webhook":
            yield from _webhook_problems(settings, address)


def _webhook_problems(settings: Settings, url: str) -> Iterator[str]:
    if settings.webhook_secrets is None:
        yield f"The teams file names webhook:{url}: set {PREFIX}WEBHOOK_SECRETS to the secret that its receiver has, or remove the target"
    try:
        read_target(url)
    except Undelivered as refused:
        yield f"The teams file names webhook:{url}. {refused.reason}"


def _mail(settings: Settings) -> Iterator[ChannelSettings]:
    if settings.smtp_host:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        server = (settings.smtp_host, settings.smtp_sender, settings.smtp_port, settings.smtp_security)
        yield MailSettings(*server, settings.smtp_username, password)


def _webhook(settings: Settings, targets: list[Target]) -> Iterator[ChannelSettings]:
    urls = [address for channel, address in targets if channel == "webhook"]
    if urls and settings.webhook_secrets:
        secrets = settings.webhook_secrets.get_secret_value().split()
        networks = [network.strip() for network in settings.webhook_networks.split(",") if network.strip()]
        yield WebhookSettings(dict.fromkeys(urls, secrets), networks)
