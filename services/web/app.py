"""One HTTP app per process: the shell around the routers that the process offers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from schemas.problems import Fault, Problem
from services.errors import Forbidden, HypercareError, Invalid, Misconfigured, Unauthenticated, Unavailable
from services.web import health, reference
from services.web.bodies import JsonRoute
from services.web.callers import Callers, SelfNamed, caller_of
from services.web.drain import Drain
from services.web.handlers import handle_errors
from services.web.health import Check, Health
from services.web.problems import documented, refusals
from services.web.request_ids import RequestIds

OPENAPI_VERSION = "3.2.0"
ABOUT = "Tickets of a go-live, from report to resolution. Every refusal is application/problem+json; /docs/errors says what to do."
EVERYWHERE = {400: documented("The request is broken")} | refusals(Unauthenticated, Forbidden, Invalid, HypercareError, Unavailable)


class Shell(FastAPI):
    """A FastAPI whose OpenAPI document holds the shape of problems, and says that a key is needed only where there is a keys file."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        _, shapes = models_json_schema([(Problem, "serialization"), (Fault, "serialization")], ref_template="#/components/schemas/{model}")
        document.setdefault("components", {}).setdefault("schemas", {}).update(shapes["$defs"])
        for operation in (each for item in document["paths"].values() for each in item.values() if "security" in each):
            operation["security"] = [operation["security"][0], {}]
        return document


def create_app(routers: Sequence[APIRouter], callers: Callers, checks: Sequence[Check] = (), unlocked: Sequence[APIRouter] = ()) -> FastAPI:
    """Every router but health, documentation and the unlocked ones, which check their own links, asks who calls.

    `app.state.drain.begin()` announces the end of the process.
    """
    app = Shell(
        title="hypercare",
        description=ABOUT,
        version=version("hypercare"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
    )
    app.openapi_version = OPENAPI_VERSION
    app.state.callers = callers
    app.state.drain = Drain()
    app.state.health = Health(checks, app.state.drain)
    app.add_middleware(RequestIds)
    handle_errors(app)
    app.include_router(health.router)
    for router in (reference.router, *unlocked):
        app.include_router(router)
    for router in routers:
        _check_bodies(router)
        app.include_router(router, dependencies=[Depends(caller_of)], responses=EVERYWHERE)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.drain.begin()
    app.state.health.close()


def _check_bodies(router: APIRouter) -> None:
    for route in router.routes:
        if isinstance(route, APIRoute) and route.body_field and not isinstance(route, JsonRoute):
            raise Misconfigured(f"{route.path} takes a body: make its router with services.web.bodies.router(), which bounds and checks it")


def openapi_document(routers: Sequence[APIRouter]) -> dict[str, Any]:
    """What these routers offer; needs no database."""
    return create_app(routers, SelfNamed()).openapi()
