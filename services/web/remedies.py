"""What to do about each error: the page that the `type` of a problem leads to, as text and as HTML."""

from collections.abc import Iterator
from html import escape
from http import HTTPStatus

from services import errors as e
from services.errors import HypercareError
from services.web.problems import code_of

REMEDIES: dict[type[HypercareError], str] = {
    e.HypercareError: "A fault of hypercare's own. Look for the request id in its log; repeating the request may work.",
    e.Misconfigured: "Run `hypercare doctor`: it names the setting or the file, and how to mend it.",
    e.Unavailable: "Wait as long as Retry-After says and send the same request again; the same Idempotency-Key makes no second ticket."
    " `GET /readyz` names the part that is away.",
    e.Invalid: "Mend what `errors` lists, or what `detail` says: `pointer` names the place, for example `#/title` or `query/limit`.",
    e.KeyReused: "Use a new Idempotency-Key for a new ticket. To repeat a request, send exactly the same body.",
    e.NotFound: "Check the id or the address. `GET /v1/tickets` and `GET /v1/known-errors` list what there is, `/docs` the addresses.",
    e.Forbidden: "Ask somebody whose role may do it, for example QA, or call with the key of the right role.",
    e.Unauthenticated: "Send `Authorization: Bearer hc_...`. `hypercare key` makes a key, the owner of the keys file adds it there.",
    e.Conflict: "Read the thing again: somebody was faster, or it is in another state than you think.",
    e.Refused: "Read the ticket, or the known error, again: `detail` says what stands in the way.",
    e.InFlight: "Wait as long as Retry-After says and send the same request again: it answers with the ticket that the first one made.",
    e.Stale: "Read the ticket again, look whether your change still makes sense, and repeat it with the new ETag in If-Match.",
    e.VersionRequired: "Read the ticket and send its ETag as If-Match, so that nobody's change is lost unseen; `*` stands for any version.",
    e.TooLarge: "Shorten the text, or send fewer tickets in one batch.",
    e.UnsupportedMediaType: "Send `Content-Type: application/json`, in UTF-8.",
}
BEFORE_THE_DESK = {
    HTTPStatus.BAD_REQUEST: "The request is broken, or carries a key in its address. `detail` says which.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The Allow header names the methods that this address takes.",
    HTTPStatus.REQUEST_TIMEOUT: "The body came too slowly. Send the request again.",
}


def _family(cls: type[HypercareError]) -> Iterator[type[HypercareError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _family(child)


def _sections() -> Iterator[tuple[str, str, str]]:
    """(code, title with status, remedy). An error without a remedy of its own is mended as its parent is."""
    for cls in _family(HypercareError):
        remedy = next(REMEDIES[ancestor] for ancestor in cls.__mro__ if ancestor in REMEDIES)
        again = " May be repeated as it is." if cls.retry else ""
        yield cls().code, f"{cls().title} ({cls.status})", remedy + again
    for status, remedy in BEFORE_THE_DESK.items():
        yield code_of(status.phrase), f"{status.phrase} ({status})", remedy


def as_markdown() -> str:
    head = "# Errors\n\nEvery refusal is `application/problem+json`; its `type` ends in the code below. Made from `services/errors.py`.\n"
    return head + "".join(f"\n## {code}\n\n**{title}.** {remedy}\n" for code, title, remedy in _sections())


def as_html() -> str:
    return f"<h1>Errors</h1>{''.join(_card(*section) for section in _sections())}"


def _card(code: str, title: str, remedy: str) -> str:
    return f'<section id="{code}"><h2>{code}</h2><p><b>{escape(title)}.</b> {escape(remedy)}</p></section>'
