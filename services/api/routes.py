"""The desk's part of an HTTP app."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from services.api import (
    autonomy,
    batches,
    changes,
    golives,
    history,
    knownerrors,
    night,
    oncall,
    policies,
    reach,
    reading,
    stream,
    submissions,
    triage,
)
from services.api.desk import Desk
from services.web.app import openapi_document as document_of

MODULES = (submissions, batches, history, reading, changes, triage, knownerrors, golives, policies, oncall, night, reach, stream, autonomy)
ROUTERS: Sequence[APIRouter] = tuple(module.router for module in MODULES)


def furnish(app: FastAPI, desk: Desk) -> None:
    """Give the routes what they work with."""
    app.state.desk = desk


def openapi_document() -> dict[str, Any]:
    """The desk's routes alone; needs no database."""
    return document_of(ROUTERS)
