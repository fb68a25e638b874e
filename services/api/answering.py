"""/a/{token}: a person follows a link from a message and acknowledges or resolves. Looking changes nothing; one click does."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import ValidationError
from sqlalchemy import Connection, select

from schemas.entries import Attribution, Entry
from schemas.events import Event, TicketAcknowledged, TicketResolved
from schemas.tables import DELIVERIES, ENTRIES, TICKETS
from schemas.tickets import Ticket
from services.api import link_pages as pages
from services.api.desk import AtDesk, Desk
from services.errors import Refused, TooLarge
from services.ledger import Draft
from services.lifecycle import QA_ROLES, doer, happened_at
from services.links import Link, Recipient, Seal, episode_of, read_link
from services.teams import Teams
from services.tickets import find, record_for_group

TAKEN = ("acknowledged", "waiting")
ENDED = ("resolved", "closed", "cancelled", "backlogged")
LARGEST_FORM = 64 * 1024
SLOWEST_FORM_S = 10.0
MOST_FIELDS = 8
LONGEST_ACTOR = 100
ENGINEER = "engineer"

Token = Annotated[str, Path(max_length=400)]
Form = dict[str, str]


class Actor(NamedTuple):
    """Who acts by a link: `key` as the ledger has it, the teams file's or the address; `name` as people know them."""

    key: str
    role: str
    name: str


class Asked(NamedTuple):
    """A genuine link: for whom it was made, the ticket as it stands, who said last that they are on it, and in whose name it acts."""

    link: Link
    told: Recipient
    ticket: Ticket
    said: pages.Said | None
    actor: Actor

    @property
    def by(self) -> Attribution:
        return Attribution(self.actor.key, self.actor.role, f"by link of delivery {self.link.delivery}")


router = APIRouter(include_in_schema=False)


@router.get("/a/{token}")
async def show(token: Token, request: Request, desk: AtDesk) -> Response:
    asked = await asyncio.to_thread(_asked, desk, request.app.state.seal, token)
    return asked if isinstance(asked, Response) else _settled(asked, {}) or _question(asked, desk, {})


@router.post("/a/{token}")
async def answer(token: Token, request: Request, desk: AtDesk) -> Response:
    form = await _form(request)
    asked = await asyncio.to_thread(_asked, desk, request.app.state.seal, token)
    if isinstance(asked, Response):
        return asked
    return _settled(asked, form) or await _act(asked, desk, form)


def _asked(desk: Desk, seal: Seal | None, token: str) -> Asked | Response:
    link = read_link(token)
    found = _found(desk, link.delivery) if link and seal else None
    if not (link and seal and found and seal.holds(token, found[0])):
        return pages.invalid()
    return pages.expired(found[1]) if desk.ledger.clock() >= link.expires else Asked(link, *found, _actor(desk.teams, found[0]))


def _actor(teams: Teams, told: Recipient) -> Actor:
    """The one person whose own target it is, as QA or as an engineer; else whoever reads at that address."""
    key = teams.person_at(told.channel, told.address)
    if key is None:
        return Actor(told.address[:LONGEST_ACTOR], ENGINEER, told.address)
    person = teams.people[key]
    return Actor(key, person.role if person.role in QA_ROLES else ENGINEER, person.name)


def _found(desk: Desk, delivery: str) -> tuple[Recipient, Ticket, pages.Said | None] | None:
    told = (DELIVERIES.c.channel, DELIVERIES.c.address)
    wanted = select(*told, *TICKETS.columns).join(TICKETS, TICKETS.c.id == DELIVERIES.c.ticket).where(DELIVERIES.c.id == delivery)
    with desk.ledger.database.read() as connection:
        row = connection.execute(wanted).mappings().one_or_none()
        said = _said(connection, row["id"]) if row else None
    if row is None:
        return None
    ticket = Ticket.model_construct(**{column.name: row[column.name] for column in TICKETS.columns})
    return Recipient(row["channel"], row["address"], ticket.id), ticket, said


def _said(connection: Connection, ticket: str) -> pages.Said | None:
    told = select(ENTRIES).where(ENTRIES.c.ticket == ticket, ENTRIES.c.type == TicketAcknowledged.__name__)
    row = connection.execute(told.order_by(ENTRIES.c.seq.desc()).limit(1)).mappings().one_or_none()
    entry = Entry.model_construct(**row) if row else None
    return pages.Said(doer(entry), happened_at(entry)) if entry else None


def _settled(asked: Asked, form: Form) -> Response | None:
    """The page of a link with which nothing is left to do, or nothing before it is seen who has the ticket; None while there is."""
    if asked.ticket.state in ENDED:
        return pages.ended(asked.ticket)
    if asked.link.episode != episode_of(asked.ticket) or asked.ticket.state not in ("routed", *TAKEN):
        return pages.moved(asked.ticket)
    taken = asked.link.deed == "acknowledge" and asked.ticket.state in TAKEN
    return pages.again(asked.ticket, asked.said, asked.actor.name) if taken and form.get("seen") != str(asked.ticket.version) else None


def _question(asked: Asked, desk: Desk, form: Form, fault: str = "") -> Response:
    if asked.link.deed == "acknowledge":
        return pages.acknowledge(asked.ticket, asked.actor.name)
    return pages.resolve(asked.ticket, asked.actor.name, sorted(desk.teams.systems), form, fault)


async def _act(asked: Asked, desk: Desk, form: Form) -> Response:
    try:
        event = TicketAcknowledged() if asked.link.deed == "acknowledge" else _resolution(form)
    except ValidationError as error:
        return _question(asked, desk, form, pages.named(error))
    try:
        ticket = await desk.write(_recording(asked, event, form), (TICKETS, (asked.ticket.id,)))
    except Refused:
        return _settled(await asyncio.to_thread(_now, desk, asked), form) or pages.moved(asked.ticket)
    said = pages.Said(asked.by.actor, ticket.changed_at)
    return pages.taken(ticket, said) if asked.link.deed == "acknowledge" else pages.ended(ticket)


def _recording(asked: Asked, event: Event, form: Form) -> Callable[[Draft], Ticket]:
    """What became of the ticket between the look and the click is seen under the ledger's lock."""

    def command(draft: Draft) -> Ticket:
        if _settled(asked._replace(ticket=find(draft, asked.ticket.id)), form):
            raise Refused(f"{asked.ticket.id} changed since the link was followed; open the link again")
        return record_for_group(draft, asked.ticket.id, event, asked.by)

    return command


def _now(desk: Desk, asked: Asked) -> Asked:
    found = _found(desk, asked.link.delivery)
    return Asked(asked.link, *found, asked.actor) if found else asked


def _resolution(form: Form) -> TicketResolved:
    told: dict[str, Any] = {name: form.get(name, "") for name in ("cause_system", "cause_class")}
    return TicketResolved.model_validate(told | {"resolution": form.get("resolution", "").strip() or None})


async def _form(request: Request) -> Form:
    """The fields of a posted form. Raises TooLarge, and HTTPException 408 after ten seconds."""
    try:
        async with asyncio.timeout(SLOWEST_FORM_S):
            body = await _body(request)
    except TimeoutError:
        raise HTTPException(408, f"The form did not arrive within {SLOWEST_FORM_S:g} seconds; send it again") from None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0].replace("\r\n", "\n") for name, values in fields.items()}


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise TooLarge("A form may have 64 kB at most; shorten the text and send it again")
    return bytes(body)
