"""Links by which a woken person acknowledges or resolves: sealed words about one delivery, for its recipient, until an instant."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

from schemas.tickets import Ticket
from services.errors import Misconfigured

Deed = Literal["acknowledge", "resolve"]
LASTS = timedelta(hours=24)
SHORTEST_SECRET = 32
MOST_SECRETS = 2
MARK_BYTES = 16
TOKEN = re.compile(
    r"(?P<deed>acknowledge|resolve)\.(?P<expires>[0-9]{1,12})\.(?P<delivery>[A-Za-z0-9_-]{1,128})"
    r"\.(?P<episode>[A-Za-z0-9_-]{1,80})\.[A-Za-z0-9_-]{22}"
)


@dataclass(frozen=True, slots=True)
class Link:
    """`episode`: with which team the ticket was, after how many reopenings; a link of an earlier one says nothing about the next."""

    deed: Deed
    delivery: str
    episode: str
    expires: datetime

    def words(self) -> str:
        return f"{self.deed}.{int(self.expires.timestamp())}.{self.delivery}.{self.episode}"


@dataclass(frozen=True)
class Recipient:
    """Who was told by a delivery, and of what."""

    channel: str
    address: str
    ticket: str


class Seal:
    """HMAC-SHA-256 (RFC 2104), cut to 128 bits, over the link's words, the ticket and the recipient, which do not stand in the token."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not 1 <= len(secrets) <= MOST_SECRETS or any(len(secret) < SHORTEST_SECRET for secret in secrets):
            raise Misconfigured("HYPERCARE_LINK_SECRET needs one secret of at least 32 characters, or two while one is being replaced")
        self._keys = [secret.encode() for secret in secrets]

    def token(self, link: Link, told: Recipient) -> str:
        return f"{link.words()}.{_mark(self._keys[0], link, told)}"

    def holds(self, token: str, told: Recipient) -> bool:
        """Whether one of the live secrets made this token for this recipient."""
        link, given = read_link(token), token.rpartition(".")[2]
        return link is not None and any(hmac.compare_digest(_mark(key, link, told), given) for key in self._keys)


@dataclass(frozen=True)
class Links:
    """Where people reach the service; without a seal they find no links to act by."""

    public_url: str
    seal: Seal | None = None

    @property
    def base(self) -> str:
        return self.public_url.rstrip("/")

    def ticket(self, ticket: str) -> str:
        return f"{self.base}/v1/tickets/{ticket}"

    def deed(self, deed: Deed, delivery: str, ticket: Ticket, told: Recipient, since: datetime) -> str | None:
        """Lasts for a day from `since`; none for a ticket that no team has, which cannot be acknowledged yet."""
        if self.seal is None or ticket.team is None:
            return None
        return f"{self.base}/a/{self.seal.token(Link(deed, delivery, episode_of(ticket), since + LASTS), told)}"


def read_link(token: str) -> Link | None:
    """What the token says, unproven; None for what no seal ever made."""
    found = TOKEN.fullmatch(token)
    if found is None:
        return None
    expires = datetime.fromtimestamp(min(int(found["expires"]), 253_402_300_799), UTC)
    return Link(cast(Deed, found["deed"]), found["delivery"], found["episode"], expires)


def episode_of(ticket: Ticket) -> str:
    return f"{ticket.reopened}-{ticket.team or ''}"


def seal_of(secrets: str | None) -> Seal | None:
    """The seal of a setting; None where it is empty. Raises Misconfigured."""
    return Seal(secrets.split()) if secrets else None


def _mark(key: bytes, link: Link, told: Recipient) -> str:
    spoken = "\n".join(("hypercare-link-1", link.words(), told.ticket, told.channel, told.address))
    return urlsafe_b64encode(hmac.digest(key, spoken.encode(), hashlib.sha256)[:MARK_BYTES]).decode("ascii").rstrip("=")
