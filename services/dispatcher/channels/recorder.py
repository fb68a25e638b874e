"""A channel that keeps what it is given: for tests, dry runs and trying out ladders."""

from collections import deque

from services.dispatcher.channels.channel import Message, Undelivered


class Recorder:
    """`sent` holds (message, address) in order, repeats included; stands in for any channel under its name."""

    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.sent: list[tuple[Message, str]] = []
        self._refusals: deque[Undelivered] = deque()

    def refuse(self, *refusals: Undelivered) -> None:
        """The next sends end so, one each, and leave nothing in `sent`."""
        self._refusals.extend(refusals)

    def send(self, message: Message, address: str) -> None:
        if self._refusals:
            raise self._refusals.popleft()
        self.sent.append((message, address))

    @property
    def received(self) -> dict[str, Message]:
        """By delivery id: what a receiver holds that drops repeats."""
        return {message.delivery_id: message for message, _ in self.sent}
