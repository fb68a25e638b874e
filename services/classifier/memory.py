"""What the classifier knows of other tickets, of known errors and of people's judgement.

Followed entry by entry, in the ledger's order: with the same model, up to the same seq, it is the same in every process and at any time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from models.similar import ALIKE, MOST_KNOWN, Similar
from models.triage import Model, similar_for
from schemas.entries import Entry
from schemas.events import EVENTS, KnownErrorApproved, KnownErrorRecorded, KnownErrorRetired, TicketSubmitted
from schemas.predictions import KnownErrorHit, SimilarTicket, TicketText
from services.judgements import JUDGED_BY, MOST_JUDGED, Judgements
from services.ledger import read_entries
from services.lifecycle import HISTORY, happened_at

PAGE = 1_000
MOST_ALIKE = 100
ENDING = ("TicketResolved", "TicketClosed", "TicketCancelled")
KNOWING = (KnownErrorRecorded.__name__, KnownErrorApproved.__name__, KnownErrorRetired.__name__)
FOLLOWED = tuple(
    dict.fromkeys((TicketSubmitted.__name__, *JUDGED_BY, *ENDING, "TicketGrouped", "TicketUngrouped", "TicketReopened", *KNOWING))
)


@dataclass(slots=True)
class Case:
    """Of a ticket what matters to the next one. `place` counts tickets as they were submitted; `system` is who has it, or would.

    `moved_over`: from an earlier tool.
    """

    ticket: str
    place: int
    site: str
    area: str | None
    batch: str | None
    at: datetime
    system: str | None = None
    parent: str | None = None
    kept_apart: bool = False
    ended: bool = False
    moved_over: bool = False


@dataclass(slots=True)
class _Known:
    """A known error in its latest wording."""

    told: Mapping[str, Any]
    approved: bool = False


@dataclass
class Memory:
    """Tickets, known errors and judgements up to `position`, compared by what one model takes for telling."""

    similar: Similar
    errors_like: Callable[[], Similar]
    position: int = 0
    cases: dict[str, Case] = field(default_factory=dict)
    judgements: Judgements = field(default_factory=lambda: Judgements(MOST_JUDGED))
    _known: dict[str, _Known] = field(default_factory=dict)
    _errors: Similar | None = None

    @classmethod
    def of(cls, model: Model) -> "Memory":
        return cls(similar_for(model), lambda: similar_for(model))

    def catch_up(self, connection: Connection, until: int | None = None) -> None:
        while entries := read_entries(connection, self.position, FOLLOWED, PAGE):
            wanted = [entry for entry in entries if until is None or entry.seq <= until]
            self._add([entry for entry in wanted if entry.type == TicketSubmitted.__name__])
            for entry in wanted:
                self._take(entry)
            self.position = wanted[-1].seq if wanted else self.position
            if len(wanted) < len(entries):
                break

    def _add(self, submitted: Sequence[Entry]) -> None:
        first = len(self.similar)
        texts = [TicketText.model_validate(EVENTS[entry.type].model_validate(entry.data)) for entry in submitted]
        self.similar.add([str(entry.ticket) for entry in submitted], texts)
        for place, (entry, text) in enumerate(zip(submitted, texts, strict=True), first):
            case = Case(str(entry.ticket), place, text.site, text.area, text.batch, happened_at(entry), moved_over=entry.role == HISTORY)
            self.cases[case.ticket] = case
        while len(self.cases) > MOST_KNOWN:
            del self.cases[next(iter(self.cases))]

    def _take(self, entry: Entry) -> None:
        self.judgements.take(entry)
        case = self.cases.get(entry.ticket or "")
        if case is not None and entry.type in _FOLLOWS:
            _FOLLOWS[entry.type](case, entry)
        if entry.type in KNOWING:
            self._learn(entry)

    def _learn(self, entry: Entry) -> None:
        self._errors = None
        name = entry.data["known_error"]
        if entry.type == KnownErrorRecorded.__name__:
            self._known[name] = _Known(entry.data)
        elif name in self._known:
            self._known[name].approved = entry.type == KnownErrorApproved.__name__

    def expect(self, systems: Iterable[tuple[str, str]]) -> None:
        """What the tickets that are decided on right now will be told to be; the ledger repeats it."""
        for ticket, system in systems:
            if ticket in self.cases:
                self.cases[ticket].system = self.cases[ticket].system or system

    def alike(self, texts: Sequence[TicketText], tickets: Sequence[str]) -> list[tuple[SimilarTicket, ...]]:
        """For each text the tickets that were submitted before it and are like it in the least, the most similar first."""
        places = [self.cases[ticket].place if ticket in self.cases else len(self.similar) for ticket in tickets]
        return self.similar.like(texts, places, MOST_ALIKE, ALIKE)

    def known_errors(self, texts: Sequence[TicketText]) -> list[list[KnownErrorHit]]:
        """For each text the approved ones of its site or of all sites that it is like, the most similar first."""
        if self._errors is None:
            self._errors = self.errors_like()
            approved = {name: known.told for name, known in self._known.items() if known.approved}
            symptoms = [TicketText(title=told["title"], body=told["symptom"]) for told in approved.values()]
            self._errors.add(list(approved), symptoms)
        near = self._errors.like(texts) if len(self._errors) else [()] * len(texts)
        return [self._hits(text, found) for text, found in zip(texts, near, strict=True)]

    def _hits(self, text: TicketText, near: Sequence[SimilarTicket]) -> list[KnownErrorHit]:
        told = ((one, self._known[one.ticket].told) for one in near)
        return [
            KnownErrorHit(known_error=one.ticket, score=one.score, title=error["title"], workaround=error["workaround"])
            for one, error in told
            if error.get("site") in (None, text.site)
        ]


def _taken_out(case: Case, entry: Entry) -> None:
    case.parent, case.kept_apart = None, True


_FOLLOWS: dict[str, Callable[[Case, Entry], None]] = {
    **{ending: lambda case, entry: setattr(case, "ended", True) for ending in ENDING},
    "TicketReopened": lambda case, entry: setattr(case, "ended", False),
    "TicketClassified": lambda case, entry: setattr(case, "system", entry.data["system"]),
    "TicketRouted": lambda case, entry: setattr(case, "system", entry.data["system"]),
    "TicketGrouped": lambda case, entry: setattr(case, "parent", entry.data["parent"]),
    "TicketUngrouped": _taken_out,
}
