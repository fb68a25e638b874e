"""The real API on loopback for the tests of the command line, behind a door that can fail first and tells what came in."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastapi import Request, Response

from services.errors import HypercareError
from services.ledger import Ledger
from services.web.problems import problem_of, respond
from tests.desks import app_of
from tests.desks import serving as serving_app


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    content: Any


class Front:
    """`failures`: answers to give before the API is asked. `asked`: the requests. `before`: called with each of them."""

    def __init__(self, ledger: Ledger) -> None:
        self.url = ""
        self.failures: deque[Response] = deque()
        self.asked: list[Asked] = []
        self.before: Callable[[Asked], None] = lambda asked: None
        self.app = app_of(ledger)
        self.app.middleware("http")(self._troubled)

    async def _troubled(self, request: Request, go_on: Any) -> Response:
        if request.method == "POST":
            asked = Asked(request.url.path, dict(request.headers), await request.json())
            self.asked.append(asked)
            self.before(asked)
            if self.failures:
                return self.failures.popleft()
        answer: Response = await go_on(request)
        return answer


def problem(error: HypercareError) -> Response:
    return respond(problem_of(error, "r1"))


@contextmanager
def serving(front: Front) -> Iterator[Front]:
    with serving_app(front.app) as front.url:
        yield front
