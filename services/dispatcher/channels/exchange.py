"""One HTTP/1.1 request over a connection of its own, under a total deadline and a limit on what is read."""

import http.client
import io
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.dispatcher.channels.deadline import Deadline
from services.dispatcher.channels.target import IPAddress, Target

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LARGEST_ANSWER = 64 * 1024
"""Bytes of status line and headers; the body is never read."""


class Inflow(io.RawIOBase):
    """What arrives on a socket: TimeoutError at the deadline however slowly it trickles, HTTPException past the limit."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._room = LARGEST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if self._room == 0:
            raise http.client.HTTPException("the answer is too long")
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(memoryview(buffer)[: self._room])
        self._room -= count
        return count


@contextmanager
def dial(target: Target, addresses: Sequence[IPAddress], tls: ssl.SSLContext, deadline: Deadline) -> Iterator[socket.socket]:
    """A connection to one of the addresses, never to the name; TLS asks for the name and checks the certificate against it."""
    with _reach(addresses, target.port, deadline) as plain:
        if target.scheme == "http":
            yield plain
            return
        plain.settimeout(deadline.left())
        with tls.wrap_socket(plain, server_hostname=target.host) as secured:
            yield secured


def post(
    sock: socket.socket, target: Target, headers: Mapping[str, str], body: bytes, deadline: Deadline
) -> tuple[int, http.client.HTTPMessage]:
    """Status and headers of the final answer. Header values must be free of line ends; raises OSError and HTTPException."""
    always = {"Host": target.authority, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in (always | dict(headers)).items())]
    _send("\r\n".join([*lines, "", ""]).encode("ascii") + body, sock, deadline)
    inflow = io.BufferedReader(Inflow(sock, deadline))
    status, answered = _read_head(inflow)
    while 100 <= status < 200:
        status, answered = _read_head(inflow)
    return status, answered


def _reach(addresses: Sequence[IPAddress], port: int, deadline: Deadline) -> socket.socket:
    """Each address gets an equal share of the time that is left."""
    failure = OSError("no address")
    for place, address in enumerate(addresses):
        try:
            return socket.create_connection((str(address), port), timeout=deadline.left() / (len(addresses) - place))
        except OSError as error:
            failure = error
    raise failure


def _send(data: bytes, sock: socket.socket, deadline: Deadline) -> None:
    rest = memoryview(data)
    while rest:
        sock.settimeout(deadline.left())
        rest = rest[sock.send(rest) :]


def _read_head(inflow: io.BufferedIOBase) -> tuple[int, http.client.HTTPMessage]:
    line = inflow.readline(LARGEST_ANSWER)
    if not line:
        raise ConnectionResetError("the connection ended before the answer")
    version, status = [*line.split(None, 2), b"", b""][:2]
    if not version.startswith(b"HTTP/1.") or len(status) != 3 or not status.isdigit():
        raise http.client.BadStatusLine("not an HTTP/1.1 answer")
    return int(status), http.client.parse_headers(inflow)
