"""The port: what is sent, how a channel sends it, and how it says that it could not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from services.errors import Misconfigured

DELIVERY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class About(NamedTuple):
    """The ticket that a message is about, by words that a receiver may sort by."""

    ticket: str
    severity: str
    system: str
    team: str


@dataclass(frozen=True)
class Message:
    """One delivery as its receiver sees it; sending it again must not change a field.

    `about` is absent where it is about no ticket, such as what a shift hands to the next. `brief` is what fits into an SMS. The delivery id
    travels in mail and HTTP headers and is signed as `id.timestamp.body`, hence its narrow alphabet without the full stop.
    """

    delivery_id: str
    title: str
    text: str
    about: About | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    brief: str = ""

    def __post_init__(self) -> None:
        if not DELIVERY_ID.fullmatch(self.delivery_id):
            raise Misconfigured("A delivery id has 1 to 128 letters, digits, '-' or '_'.")


class Undelivered(Exception):
    """The receiver does not have the message, as far as the channel can tell.

    `retry`: the same message may succeed later, not before `retry_after` seconds where the receiver asked for that. `disable`: the receiver
    wants nothing more at this address.
    """

    def __init__(self, reason: str, *, retry: bool, disable: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.disable = disable
        self.retry_after = retry_after


class Channel(Protocol):
    """A way to reach people or their tools. Safe to use from several threads at once."""

    name: str

    def send(self, message: Message, address: str) -> None:
        """Block until the receiver has taken the message, within the channel's deadline; else raise `Undelivered`.

        The delivery id goes along, so that a receiver can tell a repeated message from a new one.
        """
