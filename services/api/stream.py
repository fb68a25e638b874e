"""What happens to tickets, as it happens, as server-sent events. The id is the ledger's seq, so a cut is resumed without gap or double."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
from fastapi import Depends, Header, Query, Request
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, select
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from schemas.entries import Entry
from schemas.tables import ENTRIES, TICKETS
from schemas.words import Name, Slug
from services.api.desk import AtDesk, Desk
from services.errors import Unavailable
from services.ledger import read_head
from services.waiting import rest
from services.web.bodies import router as json_router
from services.web.drain import Drain

log = structlog.get_logger()

HEARTBEAT_S = 15.0
POLL_S = 1.0
RETRY_MS = 2_000
PAGE = 100
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
DATA = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Entry"}}
ITEM = {"type": "object", "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": DATA}}
DESCRIBED = {"responses": {"200": {"content": {"text/event-stream": {"itemSchema": ITEM}}}}}

router = json_router("tickets")


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    after: int | None = Field(None, ge=0, lt=2**63, description="begin behind this seq; 0 for everything. Absent: what happens from now on")
    site: Name | None = None
    system: Slug | None = Field(None, description="of tickets that are with this system now")


class Tail:
    """The ledger's entries about tickets behind a seq. Other processes write too, so a silent ledger is looked at every second."""

    def __init__(self, desk: Desk, drain: Drain, wanted: Wanted, after: int, heartbeat: float = HEARTBEAT_S) -> None:
        self.desk = desk
        self.drain = drain
        self.after = after
        self.heartbeat = heartbeat
        self._query = select(ENTRIES).where(*_conditions(wanted)).order_by(ENTRIES.c.seq).limit(PAGE)

    async def entries(self) -> AsyncGenerator[Entry | None, None]:
        """None: nothing has happened for the length of a heartbeat. Ends when the process is about to."""
        now = asyncio.get_running_loop().time
        with self._alarm() as woken:
            due = now() + self.heartbeat
            while not self.drain.begun:
                woken.clear()
                page = await self._page()
                for entry in page:
                    yield entry
                if page:
                    due = now() + self.heartbeat
                    continue
                if now() >= due:
                    yield None
                    due = now() + self.heartbeat
                await rest(woken, min(POLL_S, self.heartbeat))

    async def _page(self) -> list[Entry]:
        """A database that is away ends no stream: it goes on where it was."""
        try:
            return await run_in_threadpool(self._read)
        except Unavailable as error:
            log.warning("a stream waits for the database", error=str(error))
            return []

    def _read(self) -> list[Entry]:
        """The head is read first: whatever lies behind it was seen by the query, even where it was not wanted."""
        with self.desk.ledger.database.read() as connection:
            head = read_head(connection)["seq"]
            rows = connection.execute(self._query.where(ENTRIES.c.seq > self.after)).mappings().all()
        entries = [Entry.model_construct(**row) for row in rows]
        seen = [entries[-1].seq] if entries else []
        self.after = seen[0] if len(entries) == PAGE else max(self.after, head, *seen)
        return entries

    @contextmanager
    def _alarm(self) -> Iterator[asyncio.Event]:
        """Set when this process has written something, or is about to end."""
        woken = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ring() -> None:
            loop.call_soon_threadsafe(woken.set)

        self.desk.ledger.watch(ring)
        self.drain.watch(ring)
        try:
            yield woken
        finally:
            self.drain.unwatch(ring)
            self.desk.ledger.unwatch(ring)


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    yield ENTRIES.c.ticket.is_not(None)
    if wanted.site is not None:
        yield ENTRIES.c.site == wanted.site
    if wanted.system is not None:
        yield ENTRIES.c.ticket.in_(select(TICKETS.c.id).where(TICKETS.c.system == wanted.system))


LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, lt=2**63, description="go on behind this id; wins over `after`")]


async def tail_of(request: Request, desk: AtDesk, wanted: Annotated[Wanted, Query()], last: LastEventId = None) -> Tail:
    given = wanted.after if last is None else last
    after = await run_in_threadpool(_head, desk) if given is None else given
    return Tail(desk, request.app.state.drain, wanted, after)


def _head(desk: Desk) -> int:
    with desk.ledger.database.read() as connection:
        return int(read_head(connection)["seq"])


class EventStream(StreamingResponse):
    """Not FastAPI's own kind: with that one, a listener who leaves a busy stream is a traceback in the log."""

    media_type = "text/event-stream"


@router.get("/v1/stream", summary="Follow what happens to tickets", response_class=EventStream, openapi_extra=DESCRIBED)
async def stream(tail: Annotated[Tail, Depends(tail_of)]) -> EventStream:
    """Server-sent events: `event` is the type of an event, `data` its entry in the ledger as in a ticket's history, `id` its seq."""
    return EventStream(_spoken(tail), headers=UNBUFFERED)


async def _spoken(tail: Tail) -> AsyncIterator[bytes]:
    yield format_sse_event(comment="hypercare", retry=RETRY_MS)
    async for entry in tail.entries():
        if entry is None:
            yield format_sse_event(comment="nothing new")
        else:
            yield format_sse_event(data_str=entry.model_dump_json(), event=entry.type, id=str(entry.seq))
