"""Request bodies: bounded in size and time, of one content type, in strict JSON. Routes that take a body are `JsonRoute`s."""

import asyncio
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any, ClassVar

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from services.errors import TooLarge, UnsupportedMediaType
from services.strictjson import parse

LARGEST_BODY = 256 * 1024
LARGEST_BATCH = 8 * 1024 * 1024
MOST_DISCARDED = 64 * 1024 * 1024
SLOWEST_BODY_S = 10.0


class JsonRoute(APIRoute):
    """Starlette's own `max_body_size` answers in plain text and sets no deadline, so the body is read here."""

    largest: ClassVar[int] = LARGEST_BODY
    deadline: ClassVar[float] = SLOWEST_BODY_S

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read_first(request: Request) -> Response:
            body = await self._body(request)
            return await handle(_Read(request, body, parse(body) if body else None))

        return read_first if self.body_field else handle

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self.deadline):
                body = await self._collect(request)
        except TimeoutError:
            raise HTTPException(408, f"The body did not arrive within {self.deadline:g} seconds; send it again") from None
        except ClientDisconnect:
            raise HTTPException(400, "The connection ended before the body did") from None
        if body:
            _check_type(request.headers.get("content-type", ""))
        return body

    async def _collect(self, request: Request) -> bytes:
        """What is too much is still read, up to a point: hanging up on a sender who is not done loses the answer that says why."""
        body, size = bytearray(), 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > MOST_DISCARDED:
                break
            if size <= self.largest:
                body += chunk
        if size > self.largest:
            raise TooLarge(f"At most {self.largest // 1024} kB are accepted here; shorten the text or send fewer tickets at once")
        return bytes(body)


class BatchRoute(JsonRoute):
    largest: ClassVar[int] = LARGEST_BATCH


class _Read(Request):
    """A request whose body has been read."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._raw = body
        self._value = value

    async def body(self) -> bytes:
        return self._raw

    async def json(self) -> Any:
        return self._value


def _check_type(declared: str) -> None:
    message = Message()
    message["content-type"] = declared
    charset = str(message.get_param("charset", "utf-8")).lower()
    if message.get_content_type() != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("Send the body as Content-Type: application/json, in UTF-8")


def router(*tags: str) -> APIRouter:
    """A router whose bodies are read as this module says."""
    return APIRouter(route_class=JsonRoute, tags=[*tags])
