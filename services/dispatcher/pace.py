"""How long things may take and how often they are tried."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import random

from services.dispatcher.addressees import ALIKE, Addressees


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for the time after which a delivery is given up. `lease` is longer than any channel's deadline.

    `draw` gives numbers in [0, 1) for the jitter; `drain` is how long an ending engine waits for what it has begun to send; `addressees`
    say how often each person may be woken.
    """

    lease: float = 30.0
    first_wait: float = 5.0
    longest_wait: float = 300.0
    give_up: timedelta = timedelta(hours=24)
    poll: float = 0.5
    drain: float = 15.0
    addressees: Addressees = ALIKE
    draw: Callable[[], float] = random

    def wait(self, attempts: int, asked: float | None) -> float:
        """Exponential backoff with full jitter after the n-th attempt, but never less than the receiver asked for.

        Full jitter as in M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
        """
        ceiling = min(self.longest_wait, self.first_wait * 2.0 ** min(attempts - 1, 30))
        return max(asked or 0.0, self.draw() * ceiling)


UNHURRIED = Pace()
