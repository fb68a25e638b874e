"""Messages on a text stream, for demos and for the eyes of whoever runs the process."""

import threading
from dataclasses import dataclass
from typing import TextIO

from services.dispatcher.channels.channel import Message, Undelivered
from services.visible import visible, visible_lines


@dataclass(frozen=True)
class ConsoleSettings:
    stream: TextIO


class Console:
    name = "console"

    def __init__(self, settings: ConsoleSettings) -> None:
        self._stream = settings.stream
        self._turn = threading.Lock()

    def send(self, message: Message, address: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        block = _block(message, address).encode(encoding, "backslashreplace").decode(encoding)
        try:
            with self._turn:
                self._stream.write(block)
                self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise Undelivered(f"The console cannot be written to: {error}", retry=True) from error


def _block(message: Message, address: str) -> str:
    """Only the first line starts at the margin, so that a ticket's text cannot pass for another message."""
    about = message.about
    what = f"{about.severity} {about.system} → {about.team} at {address} · ticket {about.ticket}" if about else f"notice → {address}"
    head = f"● {what} · delivery {message.delivery_id}"
    body = [visible(message.title), *visible_lines(message.text).split("\n")]
    return "\n  ".join([visible(head), *body]) + "\n"
