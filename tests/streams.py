"""Long histories of decisions in a ledger, quickly: what a model said, and what people made of it."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from models.fixed import VERSION, prediction
from schemas.events import TicketClassified, TicketResolved, TicketRouted
from services.ledger import Draft, Ledger
from services.tickets import record, submit
from tests.lives import DESK, ENGINEER, SERVICE, told

SHARES = {
    "plc_scada": 0.24, "erp": 0.18, "mes_config": 0.16, "infrastructure": 0.12,
    "lims": 0.1, "access_training": 0.08, "oee": 0.07, "packaging_serialization": 0.05,
}  # fmt: skip
"""Of the tickets of an ordinary week."""
OTHER_WEEK = SHARES | {"packaging_serialization": 0.35, "plc_scada": 0.1, "erp": 0.1, "mes_config": 0.1}
"""The next line goes live, and its printers do not."""
SURE, DOUBTFUL = (6.0, 1.5), (2.0, 2.0)
"""Beta distributions of the confidence between a half and one."""


class Answer(NamedTuple):
    """`judged`: the system that a person moved the ticket to, or found its cause in; None while nobody has."""

    system: str
    confidence: float = 0.9
    site: str = "Cork"
    judged: str | None = None
    alone: bool = False
    blind: bool = False
    unknown_words: float = 0.0
    model: str = VERSION


def calm(seed: int, number: int) -> list[Answer]:
    return stream(seed, number, SHARES, SURE)


def stream(seed: int, number: int, shares: dict[str, float], sure: tuple[float, float]) -> list[Answer]:
    chance = Random(seed)
    systems = chance.choices(list(shares), list(shares.values()), k=number)
    return [Answer(system, 0.5 + chance.betavariate(*sure) / 2) for system in systems]


def decided(ledger: Ledger, answers: Iterable[Answer]) -> Sequence[str]:
    """The new tickets, one for each answer, written in one transaction."""
    given = list(answers)
    return ledger.write(lambda draft: [_decided(draft, answer) for answer in given]).result()


def _decided(draft: Draft, answer: Answer) -> str:
    ticket = submit(draft, told(site=answer.site), DESK)[0].id
    record(draft, ticket, classified(answer), SERVICE)
    if answer.alone:
        record(draft, ticket, TicketRouted(system=answer.system, team="it"), SERVICE)
    if answer.judged and answer.alone:
        cause = TicketResolved(cause_system=answer.judged, cause_class="configuration", resolution="mapped")
        record(draft, ticket, cause, ENGINEER)
    elif answer.judged:
        record(draft, ticket, TicketRouted(system=answer.judged, team="it"), ENGINEER)
    return ticket


def classified(answer: Answer) -> TicketClassified:
    said = prediction(answer.system, answer.confidence)
    return TicketClassified(
        system=answer.system,
        severity=said.severity,
        gxp="none",
        decided_by="suggestion",
        prediction=said.model_copy(update={"unknown_words": answer.unknown_words}).model_dump(mode="json"),
        model=answer.model,
        rules="r",
        configuration="c",
        blind=answer.blind,
    )
