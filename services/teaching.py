"""What people's words teach: judgements of the ledger as labelled tickets for training, each with who said so."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, select

from models.calibration import writer_of
from models.examples import Example
from models.local import Taught
from schemas.tables import TICKETS
from schemas.tickets import Ticket
from schemas.words import Kind
from services.judgements import Judgement, Judgements
from services.trust import lower_bound

KINDS_BY_CAUSE: dict[str, Kind] = {
    "access": "access",
    "training": "training",
    "enhancement": "request",
    "master_data": "data",
    "data_migration": "data",
}
"""The kind that a cause class means; any other is a defect."""
LEAST_LABELS = 20
MOST_CONTRADICTING = 0.30
_CHUNK = 500


def labels(connection: Connection, without: Container[str] = ()) -> list[Taught]:
    """Tickets whose system a person has set or confirmed by resolving them. `without` names people whose word is left out.

    A reporter's word on their own ticket teaches nothing.
    """
    judgements = Judgements()
    judgements.catch_up(connection)
    judged = {each.ticket: each for each in judgements if each.system and each.system.actor not in without}
    return [_taught(ticket, judged[ticket.id]) for ticket in _tickets(connection, list(judged)) if _counts(ticket, judged[ticket.id])]


def _tickets(connection: Connection, ids: list[str]) -> Iterator[Ticket]:
    for first in range(0, len(ids), _CHUNK):
        rows = connection.execute(select(TICKETS).where(TICKETS.c.id.in_(ids[first : first + _CHUNK]))).mappings()
        found = {row["id"]: Ticket.model_construct(**row) for row in rows}
        yield from (found[each] for each in ids[first : first + _CHUNK])


def _counts(ticket: Ticket, judgement: Judgement) -> bool:
    return judgement.system is not None and judgement.system.actor != ticket.reporter and ticket.duplicate_of is None


def _taught(ticket: Ticket, judgement: Judgement) -> Taught:
    """Severity and GxP flag count where a person set them, or where somebody else than the one who resolved the ticket closed it."""
    assert judgement.system is not None
    example = Example(
        id=f"{writer_of(ticket.site)}-{ticket.id}",
        title=ticket.title,
        body=ticket.body,
        site=ticket.site,
        reporter_role=ticket.reporter_role,
        language=ticket.language or "",
        system=judgement.system.value,
        severity=ticket.severity or "sev3",
        gxp_impact=ticket.gxp != "none",
        kind=_kind(judgement),
        alt_system=None,
    )
    return Taught(example, judgement.system.actor, ticket.severity_confirmed or judgement.confirmed)


def _kind(judgement: Judgement) -> Kind:
    return KINDS_BY_CAUSE.get(judgement.cause_class or "", "defect")


class Doubt(NamedTuple):
    """A person whose labels contradict sure answers so often that somebody should look at them before a model learns from them."""

    actor: str
    labels: int
    contradicting: int

    def __str__(self) -> str:
        return f"{self.actor} contradicts sure answers in {self.contradicting} of {self.labels} labels"


def doubts(connection: Connection) -> list[Doubt]:
    """Sure answers are right 19 times in 20: who says otherwise three times in ten, beyond doubt and in 20 cases or more, is named."""
    judgements = Judgements()
    judgements.catch_up(connection)
    spoken: defaultdict[str, list[bool]] = defaultdict(list)
    for each in judgements:
        if each.system and each.said and each.said.sure:
            spoken[each.system.actor].append(each.system.value != each.said.system)
    return [Doubt(actor, len(said), sum(said)) for actor, said in sorted(spoken.items()) if _doubtful(said)]


def _doubtful(said: Iterable[bool]) -> bool:
    contradicting = list(said)
    return len(contradicting) >= LEAST_LABELS and lower_bound(sum(contradicting), len(contradicting)) > MOST_CONTRADICTING
