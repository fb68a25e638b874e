"""What a classifier works with: the version that was released, the one in shadow, and the memory that belongs to them.

Versions are loaded beside the work and swapped between two batches. One that cannot be used is not: the version before it decides, and
where there is none, rules and people do. Each of that is an entry of the ledger.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import structlog

from models.errors import ModelError
from models.rules_only import RulesOnly
from models.triage import Model
from schemas.entries import Attribution
from schemas.events import ModelTakenUp
from services.classifier.memory import Memory
from services.errors import NotFound
from services.judgements import SERVICE
from services.ledger import Ledger
from services.releases import Releases, releases_of
from services.shelf import Shelf

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
ACTOR = "service:classifier"


@dataclass(frozen=True, slots=True)
class Thought:
    """All that a decision follows from, beside the ticket, the rules and the teams."""

    model: Model
    memory: Memory
    shadow: Model | None = None


class Mind:
    """Of one replica. `refresh` before the first use, and `run` beside it."""

    def __init__(self, ledger: Ledger, shelf: Shelf, replica: str) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._replica = replica
        self._busy = Lock()
        self._line: tuple[str, ...] = ()
        self._shadow: str | None = None
        self._thought = Thought(RulesOnly(), Memory.of(RulesOnly()))

    @contextmanager
    def at_work(self) -> Iterator[Thought]:
        """One batch at a time; knows everything that was recorded before it began."""
        with self._busy, self._ledger.database.read() as connection:
            self._thought.memory.catch_up(connection)
            yield self._thought

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Take up what was released since the last look. Does nothing where nothing was."""
        with self._ledger.database.read() as connection:
            releases = releases_of(connection)
        line = tuple(releases.line) or (self._shelf.base_version(),)
        if (line, releases.shadow) == (self._line, self._shadow):
            return
        model, error = self._first_usable(line)
        self._swap(model, self._loaded_shadow(releases.shadow))
        self._line, self._shadow = line, releases.shadow
        self._tell(releases, ModelTakenUp(wanted=line[-1], version=model.version, replica=self._replica, error=error))

    def _first_usable(self, line: tuple[str, ...]) -> tuple[Model, str | None]:
        """The latest that can be used, and why it is not the last of the line."""
        refused: str | None = None
        for version in reversed(line):
            try:
                return self._shelf.load(version), refused
            except (ModelError, NotFound) as error:
                log.error("a model version is refused", version=version, error=str(error))
                refused = refused or str(error)
        return RulesOnly(), refused

    def _loaded_shadow(self, version: str | None) -> Model | None:
        try:
            return self._shelf.load(version) if version else None
        except (ModelError, NotFound) as error:
            log.error("a model version cannot answer in shadow", version=version, error=str(error))
            return None

    def _swap(self, model: Model, shadow: Model | None) -> None:
        """The memory compares by what the model takes for telling, so another model has another one."""
        same = model.version == self._thought.model.version
        memory = self._thought.memory if same else Memory.of(model)
        with self._ledger.database.read() as connection:
            if not same:
                memory.catch_up(connection)
        with self._busy:
            self._thought = Thought(model, memory, shadow)

    def _tell(self, releases: Releases, event: ModelTakenUp) -> None:
        """Only news: a version that was refused, or that all is as wanted again, or anything once versions were released here."""
        before = releases.taken_up.get(self._replica)
        if event.error or (before and before.error) or (releases.line and (before is None or before.version != event.version)):
            self._ledger.write(lambda draft: draft.append(event, Attribution(ACTOR, SERVICE))).result()
