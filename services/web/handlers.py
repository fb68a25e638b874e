"""Which exception becomes which problem."""

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.errors import HypercareError, Unauthenticated
from services.web.problems import RETRY_AFTER_S, problem_of, problem_of_faults, problem_of_status, respond

log = structlog.get_logger()

_TOLD = {
    404: "Nothing is at this address; /docs lists what there is",
    405: "This address does not take this method; the Allow header names those that it takes",
}
_HANG_UP = (408, 413)


def handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(HypercareError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)


def request_id_of(request: Request) -> str:
    return str(getattr(request.state, "request_id", "unknown"))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HypercareError)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if error.retry else {}
    headers |= (
        {"WWW-Authenticate": 'Bearer, Basic realm="hypercare: any name, your API key as password"'}
        if isinstance(error, Unauthenticated)
        else {}
    )
    return respond(problem_of(error, request_id_of(request)), headers | _parting(error.status))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond(problem_of_faults(error.errors(), request_id_of(request)))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = _TOLD.get(error.status_code, str(error.detail))
    headers = {**(error.headers or {})} | _parting(error.status_code)
    return respond(problem_of_status(error.status_code, detail, request_id_of(request)), headers)


def _broken(request: Request, error: Exception) -> Response:
    """The server logs the traceback; the answer holds only the id by which to find it."""
    request_id = request_id_of(request)
    log.error("a request met a fault of hypercare's own", request_id=request_id, error=type(error).__name__)
    problem = problem_of(HypercareError(f"A fault of hypercare's own; its log tells more under request id {request_id}"), request_id)
    return respond(problem, {"X-Request-ID": request_id})


def _parting(status: int) -> dict[str, str]:
    """The rest of a body that was not read must not be taken for the next request."""
    return {"Connection": "close"} if status in _HANG_UP else {}
