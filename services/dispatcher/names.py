"""The names of hosts that targets lead to, looked up before they are needed. A name server is asked; nothing is connected to."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from services.dispatcher.channels.channel import Undelivered
from services.dispatcher.channels.deadline import Deadline, within
from services.dispatcher.channels.target import Networks, Resolve, checked_addresses, read_target, system_resolver

MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Names:
    """`allowed`: networks inside the plant that may be called; `seconds` within which each name has to be resolved."""

    allowed: Networks = ()
    resolve: Resolve = system_resolver
    seconds: float = 3.0

    def faults(self, places: Iterable[str]) -> dict[str, str]:
        """Why the host of a URL may not be called, or that of a server is not found, as things are now. All are asked for at once."""
        wanted = list(dict.fromkeys(places))
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            found = zip(wanted, pool.map(self._fault, wanted), strict=True)
            return {place: fault for place, fault in found if fault}

    def _fault(self, place: str) -> str | None:
        deadline = Deadline(self.seconds)
        name = place
        try:
            if "://" in place:
                target = read_target(place)
                name = target.host
                checked_addresses(target, self.allowed, lambda host, port: within(deadline, lambda: self._resolved(host, port)))
            else:
                within(deadline, lambda: self._resolved(place, 0))
        except Undelivered as refused:
            return refused.reason.rstrip(".")
        except OSError as error:
            return f"the name {name} could not be resolved now: {error.strerror or f'no answer within {self.seconds:g} seconds'}"
        return None

    def _resolved(self, name: str, port: int) -> list[str]:
        try:
            return self.resolve(name, port)
        except UnicodeError:
            raise OSError(0, "that is no name of a host") from None
