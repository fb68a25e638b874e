"""A client of the HTTP API. A submission carries an Idempotency-Key, so that asking again after a broken answer is always safe."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

import httpx2
from typer import BadParameter, Option

from services.cli.person import login_name
from services.errors import HypercareError, Unavailable
from services.settings import LOOPBACK

ATTEMPTS = 8
FIRST_WAIT = 0.25
LONGEST_WAIT = 8.0
LONGEST_ADVISED_WAIT = 60.0
RETRIED = (429, 502, 503, 504)
TIMEOUT = httpx2.Timeout(60.0, connect=5.0)


@dataclass(frozen=True)
class Caller:
    """Where the API is, and who speaks: an API key, or on loopback a name and a role."""

    url: Annotated[str, Option("--url", help="Where the API is.")] = "http://127.0.0.1:8000"
    key: Annotated[str | None, Option("--key", help="API key, or @FILE that holds it.", metavar="KEY|@FILE")] = None
    actor: Annotated[str | None, Option("--actor", help="Your name; without it the login name.")] = None
    role: Annotated[str, Option("--role", help="The role in which you act.")] = "support_desk"

    @property
    def name(self) -> str:
        return self.actor or login_name()

    def headers(self) -> list[tuple[bytes, bytes]]:
        if self.key:
            return [(b"Authorization", b"Bearer " + self._key().encode())]
        return [(b"Hypercare-Actor", self.name.encode()), (b"Hypercare-Role", self.role.encode())]

    def _key(self) -> str:
        if not (self.key or "").startswith("@"):
            return self.key or ""
        try:
            return Path(str(self.key)[1:]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadParameter(f"--key {self.key}: the file cannot be read ({error})") from None


class Receipt(NamedTuple):
    """What became of one submission: its ticket and whether it is new, or the problem."""

    ticket: str = ""
    new: bool = False
    link: str = ""
    problem: str = ""


UNANSWERED = Receipt(problem="the answer says nothing about this one; send it again")


class Client:
    """Connections to one API, with patience: `wait` is called with the seconds before each further attempt."""

    def __init__(self, caller: Caller, wait: Callable[[float], None] = time.sleep) -> None:
        self.url = caller.url.rstrip("/") + "/"
        self.wait = wait
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadParameter(f"--url {caller.url}: write for example http://127.0.0.1:8000")
        proxies = parts.hostname not in LOOPBACK
        self._http = httpx2.Client(base_url=self.url, headers=caller.headers(), timeout=TIMEOUT, trust_env=proxies)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, submission: Mapping[str, Any], key: str) -> Receipt:
        answer = self._post("v1/tickets", submission, {"Idempotency-Key": key})
        ticket = _ticket_of(_content(answer))
        return Receipt(ticket, answer.status_code != 200, urljoin(self.url, answer.headers.get("Location", f"v1/tickets/{ticket}")))

    def submit_many(self, tickets: Sequence[Mapping[str, Any]]) -> list[Receipt]:
        """A receipt per ticket, in order. Raises where the whole request is refused, e.g. `TooLarge`."""
        answer = _content(self._post("v1/tickets:batch", {"tickets": list(tickets)}, {}))
        receipts = {result["index"]: self._receipt(result) for result in answer.get("results", ())}
        return [receipts.get(place, UNANSWERED) for place in range(len(tickets))]

    def move_over(self, source: str, events: Sequence[Mapping[str, Any]]) -> list[Receipt]:
        """A receipt per event of an earlier tool's tickets, in order. Raises where the whole request is refused."""
        answer = _content(self._post("v1/history", {"source": source, "events": list(events)}, {}))
        results = {result["index"]: result for result in answer.get("results", ())}
        receipts = {place: self._receipt(each)._replace(new=each["status"] == "created") for place, each in results.items()}
        return [receipts.get(place, UNANSWERED) for place in range(len(events))]

    def _receipt(self, result: Mapping[str, Any]) -> Receipt:
        if result.get("problem"):
            return Receipt(problem=told(result["problem"]))
        ticket = _ticket_of(result)
        return Receipt(ticket, result.get("status") != 200, urljoin(self.url, f"v1/tickets/{ticket}"))

    def get(self, path: str, asked: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """A look: once, a person may look again. What is asked as None is not asked."""
        return _content(self.download(path, asked))

    def download(self, path: str, asked: Mapping[str, str | None] | None = None) -> httpx2.Response:
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        return self._once("GET", path, params=given)

    def change(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Once: without an answer nobody knows whether it happened, and to say it twice may be wrong."""
        return _content(self._once(method, path, json=body))

    def _once(self, method: str, path: str, **request: Any) -> httpx2.Response:
        answer = self._attempt(method, path, **request)
        if isinstance(answer, httpx2.Response):
            return _accepted(answer)
        raise self._given_up(answer)

    def _post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> httpx2.Response:
        for wait in _waits():
            answer = self._attempt("POST", path, json=body, headers=headers)
            if isinstance(answer, httpx2.Response) and not _worth_another(answer):
                return _accepted(answer)
            if wait is None:
                raise self._given_up(answer)
            self.wait(_advised(answer) or wait)
        raise AssertionError("the last wait is None")

    def _attempt(self, method: str, path: str, **request: Any) -> httpx2.Response | httpx2.TransportError:
        try:
            return self._http.request(method, path, **request)
        except httpx2.TransportError as error:
            return error

    def _given_up(self, answer: httpx2.Response | httpx2.TransportError) -> HypercareError:
        if isinstance(answer, httpx2.Response):
            return problem(answer)
        return Unavailable(f"No hypercare answers at {self.url} ({answer}); start it with `hypercare up`, or say where it is with --url")


def _waits() -> Iterator[float | None]:
    """Exponential with jitter, 12 to 24 seconds in all, so that a restart is outlived; None says that there is no further attempt."""
    for attempt in range(ATTEMPTS - 1):
        yield random.uniform(0.5, 1.0) * min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
    yield None


def _worth_another(answer: httpx2.Response) -> bool:
    return answer.status_code in RETRIED or (answer.status_code == 409 and "Retry-After" in answer.headers)


def _advised(answer: httpx2.Response | httpx2.TransportError) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110 10.2.3: a number or a date), at most a minute."""
    asked = answer.headers.get("Retry-After", "") if isinstance(answer, httpx2.Response) else ""
    if asked.isdecimal():
        return min(float(asked), LONGEST_ADVISED_WAIT)
    try:
        instant = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return min(max((instant - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_ADVISED_WAIT)


def _accepted(answer: httpx2.Response) -> httpx2.Response:
    if not answer.is_success:
        raise problem(answer)
    return answer


def _content(answer: httpx2.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Unavailable(f"{answer.url} answered {answer.status_code} without what hypercare says; is something else there?")
    return content


def _ticket_of(content: Mapping[str, Any]) -> str:
    """The id, whether the answer is the ticket or holds it."""
    ticket = content.get("ticket", content)
    return str(ticket.get("id", "") if isinstance(ticket, Mapping) else ticket)


def problem(answer: httpx2.Response) -> HypercareError:
    """The error that a problem+json body (RFC 9457) stands for; its type ends with the error's code."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    code = body.get("code") or str(body.get("type", "")).rpartition("#")[2]
    known = list(_tree(HypercareError))
    by_code = [error for error in known if error().code == code]
    by_status = [error for error in known if error.status == answer.status_code and error is not HypercareError]
    return (by_code + by_status + [HypercareError])[0](told(body) or f"{answer.url} answered {answer.status_code}")


def told(body: Mapping[str, Any]) -> str:
    """A problem's own words: the detail, else the title, and the field errors where there are some."""
    faults = [fault for fault in body.get("errors", ()) if isinstance(fault, Mapping)]
    fields = "; ".join(f"{_place(fault)}: {fault.get('detail') or fault.get('message') or fault.get('msg')}" for fault in faults)
    return ". ".join(part for part in (str(body.get("detail") or body.get("title") or ""), fields) if part)


def _place(fault: Mapping[str, Any]) -> str:
    return str(fault.get("pointer") or fault.get("field") or fault.get("loc") or "request")


def _tree(error: type[HypercareError]) -> Iterator[type[HypercareError]]:
    yield error
    for kind in error.__subclasses__():
        yield from _tree(kind)
