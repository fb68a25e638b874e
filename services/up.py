"""The composition root: what runs in a process, how it starts, and how it ends within 20 seconds of SIGTERM."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TextIO

import structlog
import uvicorn
from fastapi import FastAPI

from services.anchors import keep_anchoring
from services.db import migrate, open_database
from services.endless import endless
from services.errors import Misconfigured
from services.heap import give_back, share_heaps
from services.ledger import Ledger
from services.roles import Cast, cast
from services.settings import Settings
from services.web.app import create_app
from services.web.callers import open_callers

log = structlog.get_logger()

GRACE_S = 12


@dataclass
class Stage:
    """A process at work: where it answers, its ledger, and the event that is set when it is asked to end."""

    ledger: Ledger
    url: str
    asked_to_end: asyncio.Event = field(default_factory=asyncio.Event)


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: this module decides the order in which a process ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def up(settings: Settings, roles: Sequence[str]) -> None:
    """Run these roles in this process until it is asked to end (SIGTERM, Ctrl-C), or until a part fails: then the process fails."""
    async with running(settings, roles) as stage:
        how = {"database": stage.ledger.database.dialect, "kafka": bool(settings.kafka_bootstrap_servers)}
        log.info("ready", roles=list(roles), url=stage.url, **how)
        await stage.asked_to_end.wait()
        log.info("ending", roles=list(roles))


@asynccontextmanager
async def running(settings: Settings, roles: Sequence[str], notifications: TextIO | None = None) -> AsyncIterator[Stage]:
    """A process with these roles while the block runs. The end: not ready, stop the services, finish requests, close the ledger."""
    share_heaps()
    with _listening(settings) as listener, _ledger(settings) as ledger:
        parts = cast(settings, ledger, roles, notifications)
        app = create_app(parts.routers, open_callers(settings.api_keys_file), parts.checks, unlocked=parts.unlocked)
        parts.furnish(app)
        gc.collect()
        give_back()
        gc.freeze()  # what was loaded stays: the collector need not walk through all of it again and again while requests are served
        stage = Stage(ledger, "http://{}:{}".format(*listener.getsockname()[:2]))
        async with _serving(app, listener), _at_work(settings, ledger, parts):
            with _signals(stage.asked_to_end):
                yield stage
            app.state.drain.begin()


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise Misconfigured(f"Cannot listen on {where} ({error.strerror}); end what uses it or set another HYPERCARE_PORT") from error
    # asyncio switches Nagle's algorithm off only where the socket names TCP as its protocol, which create_server does not:
    # without this every answer waits 40 ms for the client's delayed acknowledgement. Accepted connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener


@contextmanager
def _ledger(settings: Settings) -> Iterator[Ledger]:
    database = open_database(settings.database_url)
    migrate(database)
    ledger = Ledger(database)
    try:
        yield ledger
    finally:
        ledger.close()
        database.close()


@asynccontextmanager
async def _serving(app: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
    config = uvicorn.Config(app, timeout_keep_alive=5, timeout_graceful_shutdown=GRACE_S, lifespan="on", **quiet)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def _at_work(settings: Settings, ledger: Ledger, parts: Cast) -> AsyncIterator[None]:
    """The background tasks. One that ends fails the block: a process without its service must not look alive."""
    work = [*parts.work]
    if settings.anchors_file:
        work.append(partial(keep_anchoring, ledger, settings.anchors_file))
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(endless(each)) for each in work]
        yield
        for task in started:
            task.cancel()


@contextmanager
def _signals(asked_to_end: asyncio.Event) -> Iterator[None]:
    """The first SIGTERM or Ctrl-C asks the process to end; a second one ends it at once, as the system does by default."""
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        asked_to_end.set()
        loop.remove_signal_handler(number)

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
