"""The clocks of one ticket from the ledger: its entries, and what was told of its site."""

from datetime import datetime

from sqlalchemy import Connection, select

from schemas.clocks import TicketClocks
from schemas.entries import Entry
from schemas.tables import ENTRIES
from services.errors import NotFound
from services.ledger import Ledger
from services.policies import in_terms, terms_of
from services.stabilisation.arithmetic import clock_states
from services.stabilisation.chronicle import Chronicle, Track, instant, micros
from services.stabilisation.clocks import Told, ruled, started
from services.stabilisation.figures import instant_asked


def ticket_clocks(ledger: Ledger, ticket: str, as_of: datetime | None = None) -> TicketClocks:
    """As known at `as_of`, or now. Raises `NotFound`, and `Invalid` for an instant in the future."""
    with ledger.database.read() as connection:
        at = instant_asked(connection, ledger, as_of)
        story = _story(connection, ticket, at)
        terms = in_terms(terms_of(connection, as_of), str(story[0].site))
    track = track_of(story)
    number = track.number(micros(at), micros(at))
    told = Told(track, number, terms, micros(at), {micros(each.recorded_at): each.reason or "" for each in story})
    return TicketClocks(
        ticket=ticket,
        title=story[0].data["title"],
        site=str(story[0].site),
        as_of=at,
        policy=ruled(started(track), terms).policy,
        zone=terms.place(instant(started(track))).zone,
        clocks=clock_states(told) if number else (),
    )


def _story(connection: Connection, ticket: str, at: datetime) -> list[Entry]:
    told = select(ENTRIES).where(ENTRIES.c.ticket == ticket, ENTRIES.c.recorded_at <= at).order_by(ENTRIES.c.seq)
    story = [Entry.model_construct(**row) for row in connection.execute(told).mappings()]
    if not story:
        raise NotFound(f"There was no ticket {ticket} by then; look it up with GET /v1/tickets")
    return story


def track_of(story: list[Entry]) -> Track:
    """Of one ticket's entries, the submission first."""
    chronicle = Chronicle()
    for entry in story:
        chronicle.take(entry)
    return chronicle.sites[str(story[0].site)][str(story[0].ticket)]
