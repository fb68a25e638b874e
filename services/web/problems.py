"""Every refusal as application/problem+json (RFC 9457), at most 4 kB, and never with what was sent in it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Response

from schemas.problems import Fault, Problem
from services.errors import HypercareError, Invalid, NotFound, TooLarge, Unauthenticated

MEDIA_TYPE = "application/problem+json"
DOCS = "/docs/errors"
RETRY_AFTER_S = 1
LONGEST_DETAIL = 1_000
LONGEST_FAULT = 160
MOST_FAULTS = 10

_NAMED = {cls.status: cls for cls in (NotFound, TooLarge, Unauthenticated, Invalid)}
_TELLABLE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def problem_of(error: HypercareError, request_id: str) -> Problem:
    return _problem(error.code, error.title, error.status, str(error), request_id)


def problem_of_status(status: int, detail: str, request_id: str) -> Problem:
    """For what is refused before hypercare's own code sees it: unknown addresses, methods, broken HTTP."""
    if status in _NAMED:
        return problem_of(_NAMED[status](detail), request_id)
    phrase = HTTPStatus(status).phrase
    return _problem(code_of(phrase), phrase, status, detail, request_id)


def code_of(phrase: str) -> str:
    return "-".join(re.findall("[a-z]+", phrase.lower()))


def problem_of_faults(faults: Sequence[Mapping[str, Any]], request_id: str, place: str | None = None) -> Problem:
    """Pydantic's findings. `place`: where all of them lie, when their locations do not begin with it."""
    more = f"; the first {MOST_FAULTS} are listed" if len(faults) > MOST_FAULTS else ""
    problem = problem_of(Invalid(f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'} to mend{more}"), request_id)
    listed = [_fault(fault, (place, *fault["loc"]) if place else fault["loc"]) for fault in faults[:MOST_FAULTS]]
    return problem.model_copy(update={"errors": listed})


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, problem.status, {**(headers or {})}, MEDIA_TYPE)


def refusals(*errors: type[HypercareError]) -> dict[int | str, dict[str, Any]]:
    """These errors as OpenAPI responses."""
    return {status: documented("; ".join(_titles(errors, status))) for status in sorted({error.status for error in errors})}


def documented(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _titles(errors: Iterable[type[HypercareError]], status: int) -> list[str]:
    return [error().title for error in errors if error.status == status]


def _problem(code: str, title: str, status: int, detail: str, request_id: str) -> Problem:
    return Problem(type=f"{DOCS}#{code}", title=title, status=status, detail=detail[:LONGEST_DETAIL], code=code, request_id=request_id)


def _fault(fault: Mapping[str, Any], location: Sequence[Any]) -> Fault:
    return Fault(pointer=_pointer(location), detail=_advice(fault)[:LONGEST_FAULT], code=str(fault["type"]).replace("_", "-"))


def _advice(fault: Mapping[str, Any]) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "is not a field that is known here"
        case "too_short" if isinstance(fault["input"], str):
            return f"needs at least {fault['ctx']['min_length']} characters"
        case "too_long" if isinstance(fault["input"], str):
            return f"has more than {fault['ctx']['max_length']} characters"
        case _:
            return str(fault["msg"]).removeprefix("Value error, ")


def _pointer(location: Sequence[Any]) -> str:
    """A part that does not look like a name came from the sender and is not repeated."""
    place, *rest = [str(part) if _TELLABLE.fullmatch(str(part)) else "?" for part in location[:10]]
    return "/".join(["#" if place == "body" else place, *rest])[:LONGEST_FAULT]
