"""/livez asks only whether this process answers; /readyz asks what it depends on, and names what fails and what to do."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from schemas.problems import Fault
from services.errors import HypercareError, Unavailable
from services.web.drain import Drain
from services.web.handlers import request_id_of
from services.web.problems import RETRY_AFTER_S, problem_of, refusals, respond

DEADLINE_S = 2.0


class Check(NamedTuple):
    """A dependency by name, and a function that raises when it is away: a HypercareError whose message says what to do."""

    name: str
    look: Callable[[], None]


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    checks: tuple[str, ...]


class Health:
    """Checks run in threads of their own. One that hangs is not started again until it is back."""

    def __init__(self, checks: Sequence[Check], drain: Drain, deadline: float = DEADLINE_S) -> None:
        self.checks = checks
        self.drain = drain
        self.deadline = deadline
        self._threads = ThreadPoolExecutor(max_workers=max(len(checks), 1), thread_name_prefix="health")
        self._running: dict[str, Future[None]] = {}

    async def faults(self) -> list[Fault]:
        if self.drain.begun:
            return [Fault(pointer="process", detail="It is about to end and takes no new work; use another one", code="draining")]
        found = await asyncio.gather(*(self._fault(check) for check in self.checks))
        return [fault for fault in found if fault]

    async def _fault(self, check: Check) -> Fault | None:
        await asyncio.wait([asyncio.wrap_future(self._started(check))], timeout=self.deadline)
        look = self._running[check.name]
        if not look.done():
            return Fault(pointer=check.name, detail=f"No answer within {self.deadline:g} seconds; is it reachable?", code="no-answer")
        error = look.exception()
        return Fault(pointer=check.name, detail=_told(error), code=_code(error)) if error else None

    def _started(self, check: Check) -> Future[None]:
        running = self._running.get(check.name)
        if running is None or running.done():
            running = self._running[check.name] = self._threads.submit(check.look)
        return running

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, HypercareError) else f"It failed with {type(error).__name__}; the log of this process tells more"


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, HypercareError) else "failed"


async def health_of(request: Request) -> Health:
    health: Health = request.app.state.health
    return health


router = APIRouter(tags=["health"])


@router.get("/livez", summary="Does this process answer?")
async def livez() -> Alive:
    return Alive()


@router.get("/readyz", summary="Can this process work?", response_model=Ready, responses=refusals(Unavailable))
async def readyz(request: Request, health: Annotated[Health, Depends(health_of)]) -> Ready | Response:
    faults = await health.faults()
    if not faults:
        return Ready(checks=tuple(check.name for check in health.checks))
    names = ", ".join(fault.pointer for fault in faults)
    problem = problem_of(Unavailable(f"Not ready: {names}"), request_id_of(request))
    return respond(problem.model_copy(update={"errors": faults}), {"Retry-After": str(RETRY_AFTER_S)})
