"""HTTP posts to addresses that are checked before anything connects: the one way out for every channel that speaks HTTP."""

import email.utils
import http.client
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from services.dispatcher.channels.channel import Undelivered
from services.dispatcher.channels.deadline import Deadline, within
from services.dispatcher.channels.exchange import dial, post
from services.dispatcher.channels.target import Networks, Resolve, Target, checked_addresses, read_target, system_resolver
from services.errors import Misconfigured

ASKS_FOR_LATER = (408, 425, 429)
LONGEST_WAIT = 3600.0
"""Seconds: a receiver may slow a page down, not put it to sleep."""


@dataclass(frozen=True)
class Road:
    """Hosts in `allowed_networks` (CIDR) may be private, speak plain http and use any port; all others are public
    https on port 443 or 8443.

    `deadline` in seconds covers name lookup to answer. `ca_file` (PEM) replaces the system's certificate authorities.
    """

    allowed_networks: Sequence[str] = ()
    deadline: float = 5.0
    ca_file: str | None = None


class Courier:
    def __init__(self, road: Road, resolve: Resolve = system_resolver, clock: Callable[[], float] = time.time) -> None:
        self._allowed = read_networks(road.allowed_networks)
        self._tls = ssl.create_default_context(cafile=road.ca_file)
        self._seconds = road.deadline
        self._resolve = resolve
        self._clock = clock

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> None:
        """Returns once the receiver has answered 2xx; raises Undelivered for everything else, redirects included."""
        always = {"Content-Type": "application/json", "User-Agent": "hypercare"}
        status, answered = self._exchange(target, always | dict(headers), body)
        if not 200 <= status < 300:
            raise _refusal(target, status, _wait(answered.get("retry-after"), self._clock()))

    def _exchange(self, target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int, http.client.HTTPMessage]:
        deadline = Deadline(self._seconds)
        try:
            addresses = checked_addresses(target, self._allowed, lambda host, port: within(deadline, lambda: self._resolve(host, port)))
            with dial(target, addresses, self._tls, deadline) as sock:
                return post(sock, target, headers, body, deadline)
        except TimeoutError as error:
            raise Undelivered(f"{target.host} did not answer within {self._seconds:g} seconds.", retry=True) from error
        except (OSError, http.client.HTTPException) as error:
            raise Undelivered(f"The exchange with {target.host} failed: {error}.", retry=True) from error


def joined(url: str, path: str) -> Target:
    """The target at `path` below a service's address. Raises Undelivered for a URL that may not be called."""
    return read_target(url.rstrip("/") + path)


def read_networks(texts: Sequence[str]) -> Networks:
    """Raises Misconfigured."""
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise Misconfigured(f"An allowed network is not in CIDR form such as 10.20.0.0/16: {error}.") from error


def _refusal(target: Target, status: int, wait: float | None) -> Undelivered:
    if status == 410:
        return Undelivered(f"{target.host} answered 410: it wants no more messages at this address.", retry=False, disable=True)
    if 300 <= status < 400:
        return Undelivered(f"{target.host} answered {status}: redirects are not followed; configure the final address.", retry=False)
    if status >= 500 or status in ASKS_FOR_LATER:
        return Undelivered(f"{target.host} answered {status}.", retry=True, retry_after=wait)
    return Undelivered(f"{target.host} answered {status} and would do so again; check the address and the secret.", retry=False)


def _wait(retry_after: str | None, now: float) -> float | None:
    """Seconds asked for by a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None for none or nonsense."""
    text = (retry_after or "").strip()
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else email.utils.parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)
