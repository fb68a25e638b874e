"""Local providers for the channels to talk to, on loopback and a free port: they record what arrives and misbehave on command.

    with Sink() as sink:
        sink.reply(503, never)      # the first request gets a 503, the second no answer, all others a 204
        ...
        sink.wait_for(3)

The certificate in tests/tls is for receiver.test and 127.0.0.1, signed by tests/tls/authority.pem; its key protects only these tests.
"""

import asyncio
import os
import socket
import socketserver
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

AUTHORITY = str(Path(__file__).parent / "tls" / "authority.pem")
CERTIFICATE = str(Path(__file__).parent / "tls" / "receiver.pem")
GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Received:
    """`headers` by lower-case name."""

    path: str
    headers: dict[str, str]
    body: bytes


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


class Handler(BaseHTTPRequestHandler):
    server: "Sink"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body))(self)

    def log_message(self, *_: object) -> None:
        pass


Reply = Callable[[Handler], None]


class Loopback(socketserver.ThreadingMixIn):
    """Serves in a thread between `with` and its end, and then waits until every handler has ended: `closing` tells them to."""

    daemon_threads = False

    def __init__(self) -> None:
        self.closing = threading.Event()
        self.connections = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()  # type: ignore[attr-defined]
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """The channels hang up on most of what these servers do; that is what the tests are about."""


class Sink(Loopback, ThreadingHTTPServer):
    """An HTTP receiver. `received` holds the requests; `connections` counts also those that never became one."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        ThreadingHTTPServer.__init__(self, ("127.0.0.1", 0), Handler)
        Loopback.__init__(self)
        self.received: list[Received] = []
        self.names: list[str] = []
        self.flooded = 0
        self._changed = threading.Condition()
        self._replies: deque[int | Reply] = deque()
        self._tls = tls
        if tls:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def reply(self, *replies: int | Reply) -> None:
        """What the next requests get, one each: a status, or a function that writes to the connection itself."""
        self._replies.extend(replies)

    def wait_for(self, count: int, seconds: float = 30.0) -> list[Received]:
        """The requests so far, at least `count`; AssertionError if they do not come in time."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, seconds), f"{len(self.received)} of {count} requests came"
            return list(self.received)

    def take(self, request: Received) -> Reply:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
            answer = self._replies.popleft() if self._replies else 204
        return status(answer) if isinstance(answer, int) else answer

    def get_request(self) -> tuple[Any, Any]:
        sock, address = super().get_request()
        return (self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False) if self._tls else sock), address


def status(code: int, **headers: str) -> Reply:
    """`status(429, retry_after="7")` answers 429 with a Retry-After header."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


def raw(data: bytes) -> Reply:
    return lambda handler: handler.wfile.write(data) and None


def never(handler: Handler) -> None:
    handler.server.closing.wait()


def drip(handler: Handler) -> None:
    """A header that grows by a byte every few milliseconds and never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while not handler.server.closing.wait(0.01):
        handler.wfile.write(b"z")


def flood(handler: Handler) -> None:
    """A 200 with a body of 2 GB; `flooded` counts what left the server."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * GIGABYTE))
    while handler.server.flooded < 2 * GIGABYTE and not handler.server.closing.is_set():
        handler.wfile.write(bytes(65_536))
        handler.server.flooded += 65_536


def endless_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.closing.is_set():
        handler.wfile.write(b"x-more: " + b"z" * 4_000 + b"\r\n")


def reset(handler: Handler) -> None:
    """A TCP reset in place of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


class TarPit(Loopback, socketserver.ThreadingTCPServer):
    """Writes `data` every few milliseconds, whatever the protocol, or only once and hangs up."""

    def __init__(self, data: bytes = b"2", once: bool = False) -> None:
        socketserver.ThreadingTCPServer.__init__(self, ("127.0.0.1", 0), socketserver.BaseRequestHandler)
        Loopback.__init__(self)
        self.hung_up = threading.Event()
        self._data, self._once = data, once

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError):
            request.sendall(self._data)
            while not self._once and not self.closing.wait(0.01):
                request.sendall(self._data)
        self.hung_up.set()


class MailSink:
    """An SMTP server. `letters` holds what it accepted, `addressed` the envelope recipients.

    With `tls` it offers STARTTLS, or speaks nothing but TLS if `implicit`; with a `password` it wants a login.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, password: str = "", implicit: bool = False) -> None:
        self.letters: list[EmailMessage] = []
        self.addressed: list[str] = []
        self._starttls, self._password = None if implicit else tls, password
        self._refusals: deque[str] = deque()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(self._conversation, "127.0.0.1", 0, ssl=tls if implicit else None)
        )
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def refuse(self, *answers: str) -> None:
        """The next recipients are answered so, one each: `sink.refuse("450 busy")`."""
        self._refusals.extend(answers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        if self._refusals:
            return self._refusals.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        self.addressed.extend(envelope.rcpt_tos)
        return "250 OK"

    def _conversation(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.test",
            loop=self._loop,
            tls_context=self._starttls,
            auth_required=bool(self._password),
            authenticator=self._login,
        )

    def _login(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any) -> AuthResult:
        return AuthResult(handled=False, success=login.password == self._password.encode())

    async def _end(self) -> None:
        self._server.close()
        conversations = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(conversations, timeout=5) if conversations else None
