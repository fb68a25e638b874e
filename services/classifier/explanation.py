"""Why the classifier decided about a ticket as it did, and whether it would decide the same again: bit for bit, from the ledger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, select

from models.errors import ModelError
from models.rules_only import RulesOnly
from models.triage import Model
from schemas.entries import Entry
from schemas.events import EVENTS, TicketClassified
from schemas.tables import ENTRIES
from services.classifier.decider import Decider, Policy
from services.classifier.memory import Memory
from services.classifier.mind import Thought
from services.classifier.rules import floors_of
from services.errors import NotFound
from services.runner import Aside, Occurrence
from services.settings import Settings
from services.shelf import Shelf
from services.teams import load_teams
from services.tickets import fold

SOURCES = ("model", "rules", "configuration")
CLASSIFIED = TicketClassified.__name__


class Again(BaseModel, frozen=True):
    """What became of deciding anew: `verdict` in words; `same` is None where it cannot be told here."""

    same: bool | None
    verdict: str
    differs: tuple[str, ...] = ()


class Explanation(BaseModel, frozen=True):
    """The decision as it stands in the ledger, and what became of deciding anew."""

    ticket: str
    entry: Entry
    decision: TicketClassified
    recomputed: Again


def explanation(connection: Connection, settings: Settings, ticket: str) -> Explanation:
    """Of the latest decision. Reads the ledger up to that decision. `NotFound` where there is no such ticket, or no decision yet."""
    life = _life(connection, ticket)
    decided = [entry for entry in life if entry.type == CLASSIFIED]
    if not decided:
        raise NotFound(f"{ticket} was not classified yet; is a classifier running? `hypercare doctor` tells")
    entry = decided[-1]
    event = TicketClassified.model_validate(entry.data)
    return Explanation(ticket=ticket, entry=entry, decision=event, recomputed=_again(connection, settings, life, entry))


def _life(connection: Connection, ticket: str) -> list[Entry]:
    rows = connection.execute(select(ENTRIES).where(ENTRIES.c.ticket == ticket).order_by(ENTRIES.c.seq)).mappings()
    life = [Entry.model_construct(**row) for row in rows]
    if not life:
        raise NotFound(f"There is no ticket {ticket} in this database; HYPERCARE_DATABASE_URL names another")
    return life


def _again(connection: Connection, settings: Settings, life: Sequence[Entry], entry: Entry) -> Again:
    """Decide anew from the ticket as it stood then, if what decided then is at hand."""
    event = TicketClassified.model_validate(entry.data)
    model = _model(settings, event.model)
    floors, teams = floors_of(settings), load_teams(settings.teams_file)
    here = {"model": model.version if model else None, "rules": floors.digest, "configuration": teams.digest()}
    other = [name for name in SOURCES if here[name] != getattr(event, name)]
    if other or model is None:
        return Again(same=None, verdict=f"decided by another {', '.join(other)}; name what decided then in the settings to compare")
    before = fold(each for each in life if each.seq < entry.seq)
    cause = next((each for each in life if each.id == entry.cause), None)
    if before is None or cause is None:
        return Again(same=None, verdict="the ticket has no submission before the decision")
    shadow = _model(settings, event.shadow["model"]) if event.shadow else None
    thought = Thought(model, _memory(connection, model, event.as_of or entry.seq - 1), shadow)
    decider = Decider(_held(thought), floors, teams, _policy(settings, event))
    (followed,) = decider.decide([Occurrence(cause, EVENTS[cause.type].model_validate(cause.data), before)])
    return _compared(followed, entry.data)


def _model(settings: Settings, version: str) -> Model | None:
    if version == RulesOnly.version:
        return RulesOnly()
    try:
        return Shelf.of(settings).load(version)
    except (ModelError, NotFound):
        return None


def _memory(connection: Connection, model: Model, until: int) -> Memory:
    memory = Memory.of(model)
    memory.catch_up(connection, until)
    return memory


def _policy(settings: Settings, event: TicketClassified) -> Policy:
    """As it was then: the event says so itself."""
    mode = (event.autonomy or {}).get("mode", settings.autonomy)
    return Policy(mode, 1.0 if event.blind else 0.0)


def _held(thought: Thought) -> Any:
    @contextmanager
    def at_work() -> Iterator[Thought]:
        yield thought

    return at_work


def _compared(followed: Sequence[Any], stored: dict[str, Any]) -> Again:
    made = next(each for each in followed if not isinstance(each, Aside)).model_dump(mode="json", exclude_none=True)
    differs = tuple(sorted(name for name in {*made, *stored} if made.get(name) != stored.get(name)))
    if differs:
        return Again(same=False, verdict=f"decided otherwise in {', '.join(differs)}", differs=differs)
    return Again(same=True, verdict="decided the same, bit for bit")
