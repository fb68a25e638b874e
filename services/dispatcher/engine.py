"""Sends what is due: leases deliveries, hands them to their channels in threads, and records what became of each."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog

from services.dispatcher.channels import Channel, Undelivered
from services.dispatcher.leases import Candidate, Lease, due, lease, sent, undelivered
from services.dispatcher.pace import UNHURRIED, Pace
from services.dispatcher.slots import Slots
from services.dispatcher.text import compose
from services.errors import Unavailable
from services.faults import reach
from services.ledger import Draft, Ledger
from services.links import Links
from services.waiting import rest

T = TypeVar("T")
log = structlog.get_logger()


class Engine:
    """Any number of engines may work on one database. One that dies leaves leases that run out: another sends again, under the same id."""

    def __init__(
        self, ledger: Ledger, channels: Mapping[str, Channel], links: Links, pace: Pace = UNHURRIED, fault: str | None = None
    ) -> None:
        self.ledger = ledger
        self.channels = channels
        self.links = links
        self.pace = pace
        self.fault = fault
        self._slots = Slots()
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Until cancelled; then what is being sent is still recorded, for `pace.drain` seconds at most. Runs once."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._woken.set)

        self.ledger.watch(wake)
        pool = ThreadPoolExecutor(self._slots.total, thread_name_prefix="delivery")
        try:
            while True:
                self._woken.clear()
                if not await asyncio.shield(self._begin(self._turn(pool))):
                    await rest(self._woken, self.pace.poll)
        finally:
            await self._drain()
            self.ledger.unwatch(wake)
            pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, work: Coroutine[Any, Any, bool]) -> asyncio.Task[bool]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[bool]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a delivery's outcome could not be recorded; it is sent again when its lease runs out", error=repr(error))

    async def _drain(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pace.drain):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.cancel()

    async def _turn(self, pool: ThreadPoolExecutor) -> bool:
        """Lease what may be sent now and begin to send it. False where there was nothing, or the database was away."""
        try:
            leases = await self._lease() if self._slots.left else []
        except Unavailable as error:
            log.warning("deliveries wait for the database", error=str(error))
            return False
        for each in leases:
            self._begin(self._deliver(pool, each))
        return bool(leases)

    async def _lease(self) -> list[Lease]:
        now = _now()
        closed = (self._slots.closed_targets(now), self._slots.closed_channels())
        found = await asyncio.to_thread(due, self.ledger, *closed, self._slots.left)
        chosen = [candidate for candidate in found if self._slots.take(candidate.target, now)]
        leases: list[Lease] = []
        try:
            leases = (
                await self._write(partial(lease, candidates=chosen, seconds=self.pace.lease, addressees=self.pace.addressees), *chosen)
                if chosen
                else []
            )
        finally:
            for target in {each.target for each in chosen} - {each.of.target for each in leases}:
                self._slots.give_back(target)
        return leases

    async def _write(self, command: Callable[[Draft], T], *about: Candidate) -> T:
        return await self.ledger.written(command, *(slot for each in about for slot in each.slots))

    async def _deliver(self, pool: ThreadPoolExecutor, leased: Lease) -> bool:
        """Slots are given back only when the outcome is recorded, so that one engine never has two of a kind in its hands."""
        try:
            sending = asyncio.wrap_future(pool.submit(self._send, leased))
            await asyncio.wait([sending])
            await self._settle(leased, _refusal(sending.exception(), leased))
        finally:
            self._slots.give_back(leased.of.target)
            self._woken.set()
        return True

    def _send(self, leased: Lease) -> None:
        name, address = leased.of.target
        if name not in self.channels:
            known = ", ".join(sorted(self.channels)) or "none"
            raise Undelivered(f"There is no channel {name} here (there are: {known}); set it up or correct the teams file.", retry=False)
        message = compose(leased, self.links)
        reach("dispatcher-before-send", self.fault)
        self.channels[name].send(message, address)
        reach("dispatcher-after-send", self.fault)

    async def _settle(self, leased: Lease, refused: Undelivered | None) -> None:
        if refused is None:
            self._slots.succeeded(leased.of.target)
            return await self._patiently(partial(sent, done=leased), leased.of)
        wait = self.pace.wait(leased.row["attempts"], refused.retry_after)
        self._slots.failed(leased.of.target, _now(), wait)
        log.warning("a delivery failed", delivery=leased.of.id, target=":".join(leased.of.target), error=refused.reason)
        await self._patiently(partial(undelivered, done=leased, refused=refused, pace=self.pace, wait=wait), leased.of)

    async def _patiently(self, command: Callable[[Draft], None], about: Candidate) -> None:
        while True:
            try:
                return await self._write(command, about)
            except Unavailable as error:
                log.warning("an outcome waits for the database", delivery=about.id, error=str(error))
                await asyncio.sleep(self.pace.poll)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _refusal(error: BaseException | None, leased: Lease) -> Undelivered | None:
    """What a channel did not foresee may pass: it is tried again like any other failure, and seen in the log."""
    if error is None or isinstance(error, Undelivered):
        return error
    log.error("a channel broke its promise", delivery=leased.of.id, channel=leased.of.target[0], error=repr(error))
    return Undelivered(f"The channel {leased.of.target[0]} failed: {type(error).__name__}.", retry=True)
