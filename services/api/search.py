"""Which tickets are wanted, and from where on: filters and keyset cursors as SQL. The newest come first."""

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import BigInteger, ColumnElement, Select, Text, and_, cast, func, or_, select, type_coerce

from schemas.events import TicketId
from schemas.knownerrors import KnownErrorId
from schemas.tables import TICKETS
from schemas.tickets import Ticket
from schemas.words import OPEN_STATES, GxpFlag, Name, Printable, Severity, Slug, State
from services.api.instants import PastOrFuture

LARGEST_PAGE = 200
NUMBER = cast(func.substr(TICKETS.c.id, 4), BigInteger)
"""HC-12 is ticket number 12. Tickets of one transaction have the same submitted_at; their numbers tell them apart."""


class Place(NamedTuple):
    """The ticket that a page ended with."""

    submitted_at: datetime
    number: int


def place_after(cursor: str) -> Place:
    try:
        instant, number = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return Place(datetime.fromisoformat(instant), int(number))
    except (ValueError, TypeError, binascii.Error):
        raise ValueError("is not a cursor of this list; begin again without it") from None


def cursor_of(ticket: Ticket) -> str:
    place = json.dumps([ticket.submitted_at.isoformat(), int(ticket.id[3:])], separators=(",", ":"))
    return base64.urlsafe_b64encode(place.encode()).decode()


def _cursor(text: str) -> str:
    place_after(text)
    return text


class Search(BaseModel):
    """What is given must hold; several states mean any of them."""

    model_config = ConfigDict(extra="forbid")

    id: list[TicketId] = Field([], max_length=50, description="these tickets")
    state: list[State] = Field([], max_length=20, description="one or several states")
    open: bool | None = Field(None, description="true: work is left; false: resolved, closed or cancelled")
    site: Name | None = None
    system: Slug | None = None
    severity: Severity | None = None
    team: Slug | None = None
    gxp: GxpFlag | None = None
    assignee: Name | None = None
    parent: TicketId | None = Field(None, description="those that stand under this ticket")
    known_error: KnownErrorId | None = Field(None, description="those that this known error was offered to")
    submitted_after: PastOrFuture | None = None
    submitted_before: PastOrFuture | None = None
    q: Annotated[Printable, StringConstraints(min_length=1, max_length=200)] | None = Field(None, description="text in title or body")
    limit: int = Field(50, ge=1, le=LARGEST_PAGE)
    after: Annotated[str, StringConstraints(max_length=200), AfterValidator(_cursor)] | None = Field(None, description="`next` of a page")


_EXACT = ("site", "system", "severity", "team", "gxp", "assignee", "parent")


def wanted(search: Search) -> Select[Any]:
    """One more than the limit, so that a full page knows whether another follows."""
    query = select(TICKETS).where(*_conditions(search)).limit(search.limit + 1)
    return query.order_by(TICKETS.c.submitted_at.desc(), NUMBER.desc())


def _conditions(search: Search) -> list[ColumnElement[bool]]:
    exact = [TICKETS.c[name] == getattr(search, name) for name in _EXACT if getattr(search, name) is not None]
    named = [TICKETS.c.id.in_(search.id)] if search.id else []
    return exact + named + _of_state(search) + _of_time(search) + _of_text(search) + _of_known_error(search) + _of_place(search)


def _of_state(search: Search) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = [TICKETS.c.state.in_(search.state)] if search.state else []
    is_open = TICKETS.c.state.in_(OPEN_STATES)
    return chosen if search.open is None else [*chosen, is_open if search.open else ~is_open]


def _of_time(search: Search) -> list[ColumnElement[bool]]:
    since = [TICKETS.c.submitted_at > search.submitted_after] if search.submitted_after else []
    return since + ([TICKETS.c.submitted_at < search.submitted_before] if search.submitted_before else [])


def _of_text(search: Search) -> list[ColumnElement[bool]]:
    if search.q is None:
        return []
    return [or_(TICKETS.c.title.icontains(search.q, autoescape=True), TICKETS.c.body.icontains(search.q, autoescape=True))]


def _of_known_error(search: Search) -> list[ColumnElement[bool]]:
    """The decision is kept as JSON text, in which a quotation mark of anybody's own words is escaped: only a whole value matches."""
    if search.known_error is None:
        return []
    return [type_coerce(TICKETS.c.decision, Text).contains(f'"known_error":"{search.known_error}"', autoescape=True)]


def _of_place(search: Search) -> list[ColumnElement[bool]]:
    """`<=` on its own lets the index find the place."""
    if search.after is None:
        return []
    when, number = place_after(search.after)
    earlier = or_(TICKETS.c.submitted_at < when, number > NUMBER)
    return [and_(TICKETS.c.submitted_at <= when, earlier)]
