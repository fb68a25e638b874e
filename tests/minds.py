"""A classifier's mind for tests: a model of the test's choice, with the memory that the ledger gives."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from models.floors import load_floors
from models.triage import Model
from services.classifier import Decider, Memory, Policy, Thought
from services.ledger import Ledger
from services.teams import load_teams
from services.trust import Mode

FLOORS = load_floors()


def minded(ledger: Ledger, model: Model, shadow: Model | None = None) -> Callable[[], AbstractContextManager[Thought]]:
    thought = Thought(model, Memory.of(model), shadow)

    @contextmanager
    def at_work() -> Iterator[Thought]:
        with ledger.database.read() as connection:
            thought.memory.catch_up(connection)
        yield thought

    return at_work


def decider(ledger: Ledger, model: Model, mode: Mode = "granted", blind_share: float = 0.0, shadow: Model | None = None) -> Decider:
    return Decider(minded(ledger, model, shadow), FLOORS, load_teams(None), Policy(mode, blind_share))
