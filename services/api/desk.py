"""What the routes work with."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from services.errors import InFlight, Unavailable
from services.faults import reach
from services.judgements import MOST_JUDGED, Judgements
from services.ledger import Draft, Ledger, Slot
from services.oncall.feed import Calendars
from services.oncall.overrides import Overrides
from services.oncall.roll import Roll, roll_of
from services.teams import Teams
from services.trust import Mode

T = TypeVar("T")
LONGEST_WRITE_S = 8.0
LATE = "The database did not answer in time. Send the same request again: with the same Idempotency-Key or If-Match it has no second effect"


@dataclass(frozen=True, slots=True)
class Desk:
    ledger: Ledger
    teams: Teams
    fault: str | None = None
    mode: Mode = "earned"
    judgements: Judgements = field(default_factory=lambda: Judgements(MOST_JUDGED))
    longest_write: float = LONGEST_WRITE_S
    in_flight: set[tuple[str, str]] = field(default_factory=set)
    calendars: Calendars | None = None

    def roll(self, overrides: Overrides) -> Roll:
        """Who is on call. May fetch calendars: not for the event loop."""
        return roll_of(self.teams, self.calendars.look() if self.calendars else {}, overrides.by_rota())

    async def write(self, command: Callable[[Draft], T], *reads: Slot) -> T:
        """What the command made, once it is committed. A caller that goes away does not cancel it: others share its transaction."""
        written = self.ledger.written(command, *reads)
        timer = written.get_loop().call_later(self.longest_write, _give_up, written)
        try:
            result = await written
        finally:
            timer.cancel()
        reach("api-after-commit", self.fault)
        return result

    @contextmanager
    def once_at_a_time(self, caller: str, key: str | None) -> Iterator[None]:
        """Refuse a second request with this key while the first is worked on."""
        if key is None:
            yield
            return
        if (caller, key) in self.in_flight:
            raise InFlight("Wait a second and send it again: it will answer with the ticket that the first request made")
        self.in_flight.add((caller, key))
        try:
            yield
        finally:
            self.in_flight.remove((caller, key))


def _give_up(written: "asyncio.Future[Any]") -> None:
    if not written.done():
        written.set_exception(Unavailable(LATE))


async def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(desk_of)]
