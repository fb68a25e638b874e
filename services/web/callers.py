"""Who calls, and in which role: by API key, or on loopback without a keys file by the caller's own word."""

import re
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Protocol

from fastapi import Depends, Header, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BeforeValidator

from schemas.entries import Attribution
from schemas.words import Name, Slug
from services.errors import Forbidden
from services.web.keys import FORM, OWN_ACTORS, OWN_ROLES, RESERVED, KeyRing

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_KEY_NAMES = {"api_key", "apikey", "api-key", "access_token", "authorization"}


class Callers(Protocol):
    def identify(self, token: str | None, actor: str, role: str) -> Attribution:
        """Who it is, or `Unauthenticated`, `Forbidden`. `actor` and `role` are the caller's own word."""
        ...


class SelfNamed:
    """For one machine: whoever reaches loopback is believed."""

    def identify(self, token: str | None, actor: str, role: str) -> Attribution:
        if role in OWN_ROLES or actor.startswith(OWN_ACTORS):
            raise Forbidden(f"{RESERVED}; name yourself in Hypercare-Actor")
        return Attribution(actor, role)


class Keyed:
    """The key says who it is; the caller's own word counts for nothing."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def identify(self, token: str | None, actor: str, role: str) -> Attribution:
        key = self.ring.holder(token)
        return Attribution(key.actor, key.role)


def open_callers(keys_file: Path | None) -> Callers:
    """`Misconfigured` when the file is not a keys file."""
    return Keyed(KeyRing(keys_file)) if keys_file else SelfNamed()


def _as_utf8(value: object) -> object:
    """Starlette reads header bytes as Latin-1; people's names come in UTF-8."""
    if not isinstance(value, str):
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


Actor = Annotated[Name, BeforeValidator(_as_utf8), Header(alias="Hypercare-Actor", description="who calls; unused with API keys")]
Role = Annotated[Slug, Header(alias="Hypercare-Role", description="in which role; unused with API keys")]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, description="an API key: hc_<id>_<secret>"))]


async def caller_of(request: Request, bearer: Bearer, actor: Actor = "anonymous", role: Role = "operator") -> Attribution:
    _refuse_key_in_address(request)
    callers: Callers = request.app.state.callers
    caller = callers.identify(bearer.credentials if bearer else _password(request), actor, role)
    trace = request.headers.get("traceparent", "")
    return Attribution(caller.actor, caller.role, traceparent=trace if _TRACEPARENT.fullmatch(trace) else None)


def _password(request: Request) -> str | None:
    """A browser cannot send a bearer token: it asks the person who opens a page, who gives the key as password. Reading only."""
    scheme, _, content = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or request.method not in ("GET", "HEAD"):
        return None
    try:
        return b64decode(content, validate=True).decode().partition(":")[2]
    except ValueError:
        return None


def _refuse_key_in_address(request: Request) -> None:
    for name, value in request.query_params.multi_items():
        if name.lower() in _KEY_NAMES or FORM.search(value):
            raise HTTPException(400, "A key in an address ends up in logs: send it as Authorization: Bearer, and replace this one")


Caller = Annotated[Attribution, Depends(caller_of)]
