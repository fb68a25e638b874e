"""Known errors over HTTP: written by whoever understands the fault, approved by QA, offered at intake until they are retired."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Body, Path, Query, Response
from fastapi.openapi.models import Example
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Select, cast, func, or_, select

from schemas.entries import Attribution
from schemas.knownerrors import KnownError, KnownErrorState, KnownErrorText
from schemas.tables import KNOWN_ERRORS
from schemas.words import Name, Slug
from services.api.changes import Explained
from services.api.desk import AtDesk, Desk
from services.api.search import LARGEST_PAGE
from services.api.submissions import BODY_REFUSALS
from services.errors import Forbidden, NotFound, Refused
from services.knownerrors import approve_known_error, record_known_error, retire_known_error
from services.ledger import Draft
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.problems import refusals

KnownErrorPath = Annotated[str, Path(alias="known_error", pattern=r"^KE-[1-9][0-9]{0,8}$", description="for example KE-3")]
NUMBER = cast(func.substr(KNOWN_ERRORS.c.id, 4), BigInteger)
EXAMPLE: dict[str, Any] = {
    "title": "Label printer of line 3 loses its recipe after a restart",
    "symptom": "The printer of line 3 prints blank labels, or those of the order before, after it was switched off and on.",
    "cause": "The printer comes back before the line server and asks for its recipe once only.",
    "workaround": "Load the recipe again from the line server's screen, print one label and have it checked.",
    "system": "packaging_serialization",
    "site": "Cork",
}
NEW: dict[int | str, dict[str, Any]] = {
    201: {"description": "The draft, stored", "headers": {"Location": {"schema": {"type": "string"}}}},
}
Wording = Annotated[KnownErrorText, Body(openapi_examples={"label printer": Example(value=EXAMPLE)})]
Reasoned = Annotated[Explained, Body(openapi_examples={"reason": Example(value={"reason": "tried on line 3, holds for every order"})})]

router = json_router("known errors")


class Wanted(BaseModel):
    """What is given must hold."""

    model_config = ConfigDict(extra="forbid")

    state: KnownErrorState | None = None
    system: Slug | None = None
    site: Name | None = Field(None, description="those that hold at this site, also because they hold at every site")
    limit: int = Field(50, ge=1, le=LARGEST_PAGE)


class KnownErrors(BaseModel):
    """The newest wording first."""

    known_errors: list[KnownError]


@router.get("/v1/known-errors", summary="List known errors", response_model=KnownErrors)
def list_known_errors(wanted: Annotated[Wanted, Query()], desk: AtDesk) -> KnownErrors:
    with desk.ledger.database.read() as connection:
        rows = connection.execute(_query(wanted)).mappings().all()
    return KnownErrors(known_errors=[KnownError.model_construct(**row) for row in rows])


def _query(wanted: Wanted) -> Select[Any]:
    known = KNOWN_ERRORS.c
    query = select(KNOWN_ERRORS).order_by(known.recorded_at.desc(), NUMBER.desc()).limit(wanted.limit)
    exact = [known[name] == getattr(wanted, name) for name in ("state", "system") if getattr(wanted, name) is not None]
    here = [or_(known.site == wanted.site, known.site.is_(None))] if wanted.site is not None else []
    return query.where(*exact, *here)


@router.get("/v1/known-errors/{known_error}", summary="Read a known error", response_model=KnownError, responses=refusals(NotFound))
def read_known_error(known_error: KnownErrorPath, desk: AtDesk) -> KnownError:
    """`hits` counts the tickets that it was offered to; `GET /v1/tickets?known_error=KE-3` lists them."""
    with desk.ledger.database.read() as connection:
        row = connection.execute(select(KNOWN_ERRORS).where(KNOWN_ERRORS.c.id == known_error)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such known error; look it up with GET /v1/known-errors")
    return KnownError.model_construct(**row)


@router.post(
    "/v1/known-errors",
    status_code=201,
    response_model=KnownError,
    summary="Write down a known error",
    responses=NEW | BODY_REFUSALS,
)
async def submit_known_error(told: Wording, caller: Caller, desk: AtDesk, response: Response) -> KnownError:
    """It is a draft, and offered to nobody, until somebody else from QA has approved it."""
    _check_system(desk, told)
    known_error = await desk.write(lambda draft: record_known_error(draft, told, caller))
    response.headers["Location"] = f"/v1/known-errors/{known_error.id}"
    return known_error


@router.put(
    "/v1/known-errors/{known_error}",
    response_model=KnownError,
    summary="Word a known error anew",
    responses=BODY_REFUSALS | refusals(NotFound, Refused),
)
async def rewrite_known_error(known_error: KnownErrorPath, told: Wording, caller: Caller, desk: AtDesk) -> KnownError:
    """It waits for approval again and keeps its hits. The wording that it has already changes nothing; a retired one stays as it is."""
    _check_system(desk, told)
    return await _written(desk, known_error, lambda draft: record_known_error(draft, told, caller, known_error))


@router.post(
    "/v1/known-errors/{known_error}/approve",
    name="approve_known_error",
    response_model=KnownError,
    summary="Approve a known error",
    responses=BODY_REFUSALS | refusals(Forbidden, NotFound, Refused),
)
async def approve(known_error: KnownErrorPath, told: Reasoned, caller: Caller, desk: AtDesk) -> KnownError:
    """QA holds the workaround for right and safe: from now on it is offered to tickets that it is like. Nobody approves own words."""
    return await _written(desk, known_error, lambda draft: approve_known_error(draft, known_error, _because(caller, told)))


@router.post(
    "/v1/known-errors/{known_error}/retire",
    name="retire_known_error",
    response_model=KnownError,
    summary="Retire a known error",
    responses=BODY_REFUSALS | refusals(NotFound, Refused),
)
async def retire(known_error: KnownErrorPath, told: Reasoned, caller: Caller, desk: AtDesk) -> KnownError:
    """It is offered no more: the fault was mended, or the workaround is not to be used."""
    return await _written(desk, known_error, lambda draft: retire_known_error(draft, known_error, _because(caller, told)))


async def _written(desk: Desk, known_error: str, command: Callable[[Draft], KnownError]) -> KnownError:
    return await desk.write(command, (KNOWN_ERRORS, (known_error,)))


def _because(caller: Attribution, told: Explained) -> Attribution:
    return replace(caller, reason=told.reason)


def _check_system(desk: Desk, told: KnownErrorText) -> None:
    """`Invalid` where nobody owns the system: no ticket could ever be of it."""
    desk.teams.team_for(told.site or "", told.system)
