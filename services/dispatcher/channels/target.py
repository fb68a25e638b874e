"""Which webhook addresses may be called, and at which IP addresses. Everything here happens before a connection is opened.

An address that ticket authors or a name server can bend must not reach the plant's own network (server-side request forgery).
"""

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from services.dispatcher.channels.channel import Undelivered

IPAddress = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
Resolve = Callable[[str, int], list[str]]

LONGEST_URL = 2_000
PUBLIC_PORTS = (443, 8443)
DEFAULT_PORTS = {"http": 80, "https": 443}
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{LABEL}(?:\.{LABEL})*|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/[!$-;=?-\[\]_a-z~]*)?"
)
"""One strict grammar, not a lenient parser: no user name, fragment, backslash, escape in the host, control or non-ASCII character."""
NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Target:
    """`host`: lower-case name, or IP address without brackets; `authority`: what goes into the Host header; `path`: with the query."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str

    @property
    def literal(self) -> IPAddress | None:
        return ip_address(self.host) if ":" in self.host or NUMBER.fullmatch(self.host.rpartition(".")[2]) else None


def read_target(url: str) -> Target:
    """Raises Undelivered for anything but a plain http(s) URL."""
    match = URL.fullmatch(url) if len(url) <= LONGEST_URL else None
    if match is None:
        raise _refused("it must read https://host[:port]/path in plain ASCII, without user name or fragment, in at most 2000 characters")
    scheme, host, port = match["scheme"], match["host"].strip("[]").lower(), int(match["port"] or DEFAULT_PORTS[match["scheme"]])
    if not 0 < port < 65_536:
        raise _refused("its port is not between 1 and 65535")
    authority = match["host"].lower() + (f":{port}" if port != DEFAULT_PORTS[scheme] else "")
    target = Target(scheme, host, port, authority, match["path"] or "/")
    _refuse_odd_spelling(target)
    return target


def checked_addresses(target: Target, allowed: Networks, resolve: Resolve) -> list[IPAddress]:
    """Where the target may be reached: asks once, and one bad address spoils all. Raises Undelivered, or OSError from `resolve`."""
    literal = target.literal
    found = [literal] if literal else [ip_address(text) for text in dict.fromkeys(resolve(target.host, target.port))]
    if not found:
        raise Undelivered(f"The name {target.host} has no address; check the webhook's name and the name server.", retry=True)
    outside = [address for address in found if not any(_unwrapped(address) in network for network in allowed)]
    if outside:
        _refuse_unless_public(target, outside)
    return found


def system_resolver(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _refuse_odd_spelling(target: Target) -> None:
    """127.1, 0177.0.0.1, 0xA9FEA9FE and 2852039166 are addresses to the C library, but names to a careless reader."""
    try:
        _ = target.literal
    except ValueError:
        raise _refused("its host is an IP address in an unusual spelling; write it as 192.0.2.1 or [2001:db8::1]") from None


def _refuse_unless_public(target: Target, addresses: Iterable[IPAddress]) -> None:
    if not all(_public(_unwrapped(address)) for address in addresses):
        raise _refused(
            f"{target.host} leads to an address inside a private network; to permit that, name the network in the allowed networks"
        )
    if target.scheme != "https":
        raise _refused("it must begin with https, except for hosts in the allowed networks")
    if target.port not in PUBLIC_PORTS:
        raise _refused("its port must be 443 or 8443, except for hosts in the allowed networks")


def _unwrapped(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4 and NAT64 forms), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _public(address: IPAddress) -> bool:
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


def _refused(why: str) -> Undelivered:
    return Undelivered(f"The webhook address is refused: {why}.", retry=False)
