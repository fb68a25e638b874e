"""The channels that the settings and the teams file ask for, or everything that keeps a page from reaching its people, said at once."""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from pydantic import SecretStr

from services.dispatcher.channels import (
    AlertmanagerSettings,
    AppriseSettings,
    Channel,
    ChannelSettings,
    ConsoleSettings,
    MailSettings,
    PagerDutySettings,
    Undelivered,
    WebhookSettings,
    open_channels,
)
from services.dispatcher.channels.courier import Road, read_networks
from services.dispatcher.channels.target import Resolve, read_target, system_resolver
from services.dispatcher.names import Names
from services.dispatcher.slots import Target
from services.errors import Misconfigured
from services.oncall.preflight import Broken
from services.settings import PREFIX, Settings
from services.teams import Teams

KNOWN = ("alertmanager", "apprise", "console", "mail", "pagerduty", "webhook")


def open_channels_from(settings: Settings, teams: Teams, stream: TextIO | None = None) -> dict[str, Channel]:
    """Console on `stream` (default: standard output), mail where a server is named, webhooks where the teams file names one.

    Connects to nothing. Raises Misconfigured, which names every target that could not be reached and what to do.
    """
    targets = targets_of(teams)
    if problems := list(_problems(settings, targets)):
        raise Misconfigured("\n".join(problems))
    wanted = chain.from_iterable(opened(settings, targets) for opened in (_mail, _webhook, _pagerduty, _alertmanager, _apprise))
    return open_channels(ConsoleSettings(stream or sys.stdout), *wanted)


def targets_of(teams: Teams) -> list[Target]:
    """Every target that the teams file names, once."""
    everybody = (teams.triage, *teams.teams.values(), *teams.people.values())
    told = {target for each in everybody for target in (*each.targets("page"), *each.targets("notify"))}
    return sorted(told | {target for site in teams.sites for target in teams.readers_at(site)})


def broken(settings: Settings, target: Target) -> str | None:
    """Why nothing could be sent to this target, in one line; None where it could. Connects to nothing."""
    return " ".join(_problems(settings, [target])) or None


def examined(settings: Settings, teams: Teams, resolve: Resolve = system_resolver) -> Broken:
    """`broken`, and what name servers say now of the hosts that targets lead to. Takes seconds where they do not answer."""
    places = {target: place for target in targets_of(teams) if not broken(settings, target) and (place := _place(settings, target))}
    faults = Names(read_networks(_networks(settings)), resolve).faults(places.values())
    return lambda target: broken(settings, target) or faults.get(places.get(target, ""))


def _place(settings: Settings, target: Target) -> str | None:
    """The URL or the server to which a message to this target is handed; None where nothing can be asked about it."""
    channel, address = target
    urls = {"alertmanager": address, "pagerduty": settings.pagerduty_url, "webhook": address}
    return settings.smtp_host if channel == "mail" else urls.get(channel)


def _problems(settings: Settings, targets: list[Target]) -> Iterator[str]:
    for channel, address in targets:
        if channel not in KNOWN:
            yield f"The teams file names {channel}:{address}, but the channels are {', '.join(KNOWN)}"
        if channel == "mail" and not settings.smtp_host:
            yield f"The teams file names mail:{address}: set {PREFIX}SMTP_HOST to a mail server, or remove the target"
        if channel == "webhook" and settings.webhook_secrets is None:
            yield f"The teams file names webhook:{address}: set {PREFIX}WEBHOOK_SECRETS to its receiver's secret, or remove the target"
        if channel in ("alertmanager", "webhook"):
            yield from _address_problems(channel, address)
        if channel == "pagerduty" and address not in _named(settings.pagerduty_keys):
            yield f"The teams file names pagerduty:{address}: add {address}=ROUTING_KEY to {PREFIX}PAGERDUTY_KEYS, or remove the target"
        if channel == "apprise" and address not in _named(settings.chat_urls):
            yield f"The teams file names apprise:{address}: add {address}=URL to {PREFIX}CHAT_URLS, or remove the target"


def _address_problems(channel: str, url: str) -> Iterator[str]:
    try:
        read_target(url)
    except Undelivered as refused:
        yield f"The teams file names {channel}:{url}. {refused.reason}"


def _mail(settings: Settings, _targets: list[Target]) -> Iterator[ChannelSettings]:
    if settings.smtp_host:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        server = (settings.smtp_host, settings.smtp_sender, settings.smtp_port, settings.smtp_security)
        yield MailSettings(*server, settings.smtp_username, password)


def _webhook(settings: Settings, targets: list[Target]) -> Iterator[ChannelSettings]:
    urls = [address for channel, address in targets if channel == "webhook"]
    if urls and settings.webhook_secrets:
        secrets = settings.webhook_secrets.get_secret_value().split()
        yield WebhookSettings(dict.fromkeys(urls, secrets), _networks(settings))


def _pagerduty(settings: Settings, targets: list[Target]) -> Iterator[ChannelSettings]:
    if _asked_for("pagerduty", targets):
        yield PagerDutySettings(_named(settings.pagerduty_keys), settings.pagerduty_url, Road(_networks(settings)))


def _alertmanager(settings: Settings, targets: list[Target]) -> Iterator[ChannelSettings]:
    if _asked_for("alertmanager", targets):
        yield AlertmanagerSettings(Road(_networks(settings)))


def _apprise(settings: Settings, targets: list[Target]) -> Iterator[ChannelSettings]:
    if _asked_for("apprise", targets):
        yield AppriseSettings(_named(settings.chat_urls))


def _asked_for(channel: str, targets: list[Target]) -> bool:
    return any(name == channel for name, _ in targets)


def _networks(settings: Settings) -> list[str]:
    return [network.strip() for network in settings.webhook_networks.split(",") if network.strip()]


def _named(secret: SecretStr | None) -> dict[str, str]:
    """NAME=VALUE pairs: targets carry the name, so that the secret stands in no ledger, log or file of teams."""
    pairs = (pair.partition("=") for pair in (secret.get_secret_value() if secret else "").split())
    return {name: value for name, _, value in pairs}
