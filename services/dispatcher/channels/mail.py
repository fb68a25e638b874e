"""Messages as plain-text e-mail over SMTP."""

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Literal

from services.dispatcher.channels.channel import Message, Undelivered
from services.dispatcher.channels.deadline import Deadline, within
from services.errors import Misconfigured
from services.visible import visible, visible_lines

ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
LONGEST_SUBJECT = 200


@dataclass(frozen=True)
class MailSettings:
    """`deadline` in seconds covers the whole conversation. `ca_file` (PEM) replaces the system's certificate authorities."""

    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    deadline: float = 10.0
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if not ADDRESS.fullmatch(self.sender):
            raise Misconfigured("The mail sender must be a plain address such as hypercare@plant.example.")
        if self.username and self.security == "none":
            raise Misconfigured("A mail password is sent over TLS only: set the mail security to starttls or tls, or remove the user name.")
        if not f"{self.username or ''}{self.password or ''}".isascii():
            raise Misconfigured("The mail user name and password must be ASCII.")


class Mail:
    name = "mail"

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._tls = ssl.create_default_context(cafile=settings.ca_file)

    def send(self, message: Message, address: str) -> None:
        if not ADDRESS.fullmatch(address):
            raise Undelivered("The address is not a plain e-mail address such as name@plant.example.", retry=False)
        letter = _letter(message, self._settings.sender, address)
        session = self._session()
        try:
            within(Deadline(self._settings.deadline), lambda: self._converse(session, address, letter))
        except TimeoutError as error:
            _cut(session)
            raise Undelivered(f"The mail server did not finish within {self._settings.deadline:g} seconds.", retry=True) from error
        except OSError as error:
            raise _refusal(error) from error

    def _session(self) -> smtplib.SMTP:
        """Not yet connected, so that the connection can be cut from outside while it waits for the server's greeting."""
        name, seconds = _own_name(), self._settings.deadline
        tls = self._settings.security == "tls"
        session = smtplib.SMTP_SSL("", 0, name, timeout=seconds, context=self._tls) if tls else smtplib.SMTP("", 0, name, timeout=seconds)
        vars(session)["_host"] = (
            self._settings.host
        )  # smtplib checks the certificate against it, but sets it only where it connects at once
        return session

    def _converse(self, session: smtplib.SMTP, address: str, letter: bytes) -> None:
        try:
            code, words = session.connect(self._settings.host, self._settings.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, words)
            if self._settings.security == "starttls":
                session.starttls(context=self._tls)
            if self._settings.username:
                session.login(self._settings.username, self._settings.password or "")
            session.sendmail(self._settings.sender, [address], letter)
            with suppress(OSError):  # the server has the message; how it says goodbye does not matter
                session.putcmd("quit")
        finally:
            session.close()


def _letter(message: Message, sender: str, address: str) -> bytes:
    subject = visible(message.title)
    letter = EmailMessage(policy=SMTP)
    letter["From"] = sender
    letter["To"] = address
    letter["Subject"] = subject if len(subject) <= LONGEST_SUBJECT else subject[: LONGEST_SUBJECT - 1] + "…"
    letter["Date"] = formatdate(usegmt=True)
    letter["Message-ID"] = f"<{message.delivery_id}@{sender.rpartition('@')[2]}>"
    letter["X-Hypercare-Delivery"] = message.delivery_id
    letter["Auto-Submitted"] = "auto-generated"
    about = (visible(f"Ticket {' · '.join(message.about)}"),) if message.about else ()
    letter.set_content("\n\n".join((visible_lines(message.text), *about)) + "\n")
    return letter.as_bytes()


def _own_name() -> str:
    """For the greeting; unlike smtplib's own choice it asks no name server."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


def _cut(session: smtplib.SMTP) -> None:
    if session.sock is not None:
        with suppress(OSError):
            session.sock.shutdown(socket.SHUT_RDWR)


def _refusal(error: OSError) -> Undelivered:
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return Undelivered(f"The mail server refused the user name or password ({code}).", retry=code < 500)
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            code, words = next(iter(refused.values()))
            return _answered(code, words)
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=words):
            return _answered(code, words)
        case smtplib.SMTPNotSupportedError():
            return Undelivered(f"The mail server cannot do what is configured: {error}", retry=False)
    return Undelivered(f"The mail server could not be used: {visible(str(error))[:200]}", retry=True)


def _answered(code: int, words: bytes | str) -> Undelivered:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return Undelivered(f"The mail server answered {code}: {visible(text)[:200]}", retry=code < 500)
