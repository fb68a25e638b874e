"""What the classifier said of tickets, and what people made of it: the only ground on which a model is trusted, watched and taught.

Folded from the ledger's entries alone, in their order, so it can be made anew as known at any seq.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import NamedTuple, Self

from sqlalchemy import Connection

from schemas.entries import Entry
from services.db import Database
from services.heap import uncollected
from services.ledger import read_entries
from services.lifecycle import AS_ITS_PARENT, HISTORY

SERVICE = "service"
REPORTERS = ("operator",)
"""Roles that report and do not judge: what they say of a system teaches nothing."""
PAGE = 2_000
MOST_JUDGED = 20_000
"""So many of the newest tickets are enough for all that is told of a model, and for all that it may do."""
LOOKED_THROUGH = 2_000
"""So many of the newest decisions on a class are looked through."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said: who, in which role, when, and what stood there before."""

    value: str
    actor: str
    role: str
    at: datetime
    before: str | None


class Said(NamedTuple):
    """Of the classifier's event what is needed later. `sure`: the model would have routed it by itself, had it been allowed to."""

    system: str
    severity: str
    gxp: str
    kind: str
    model: str
    sure: bool
    confidence: float
    sev1_risk: float
    sev1_candidate: bool
    set_size: int
    unknown_words: float
    blind: bool
    shadow: tuple[str, str] | None


@dataclass(slots=True)
class Judgement:
    """One ticket. `said` is what the classifier said; `system`, `severity` and `gxp` are people's words, None until they spoke.

    `given_back` says that the team which it was routed to by the classifier returned it. `confirmed` is set when somebody else than the
    person who resolved it closed the ticket.
    """

    ticket: str
    site: str
    said: Said | None = None
    system: Label | None = None
    severity: Label | None = None
    gxp: Label | None = None
    cause_class: str | None = None
    given_back: bool = False
    routed_alone: bool = False
    resolver: str | None = None
    confirmed: bool = False

    @property
    def right(self) -> bool | None:
        """Was the predicted system the right one? None until a person has said so."""
        if self.system is not None and self.said is not None:
            return self.system.value == self.said.system
        return False if self.given_back else None


def _classified(judgement: Judgement, entry: Entry) -> None:
    data, prediction = entry.data, entry.data["prediction"]
    shadow = data.get("shadow")
    judgement.said = Said(
        data["system"], data["severity"], data["gxp"], prediction.get("kind", "defect"), data["model"],
        sure=prediction.get("decision") == "route",
        confidence=prediction.get("confidence", 0.0),
        sev1_risk=prediction.get("sev1_risk", 0.0),
        sev1_candidate=prediction.get("sev1_candidate", False),
        set_size=len(prediction.get("prediction_set", ())),
        unknown_words=prediction.get("unknown_words", 0.0),
        blind=data.get("blind", False),
        shadow=(shadow["model"], shadow["system"]) if shadow else None,
    )  # fmt: skip


def _routed(judgement: Judgement, entry: Entry) -> None:
    if entry.role == SERVICE:
        judgement.routed_alone = judgement.routed_alone or not _as_its_parent(entry)
        return
    if _may_judge(entry):
        judgement.system = _label(entry, entry.data["system"], _known_system(judgement))


def _returned(judgement: Judgement, entry: Entry) -> None:
    judgement.given_back = judgement.given_back or judgement.system is None


def _resolved(judgement: Judgement, entry: Entry) -> None:
    judgement.resolver, judgement.cause_class, judgement.confirmed = entry.actor, entry.data["cause_class"], False
    if _may_judge(entry):
        judgement.system = _label(entry, entry.data["cause_system"], _known_system(judgement))


def _closed(judgement: Judgement, entry: Entry) -> None:
    judgement.confirmed = entry.actor != judgement.resolver


def _reopened(judgement: Judgement, entry: Entry) -> None:
    judgement.confirmed = False


def _reclassified(judgement: Judgement, entry: Entry) -> None:
    severity, gxp, said = entry.data.get("severity"), entry.data.get("gxp"), judgement.said
    if severity and _may_judge(entry):
        judgement.severity = _label(entry, severity, _value(judgement.severity) or (said.severity if said else None))
    if gxp and _may_judge(entry):
        judgement.gxp = _label(entry, gxp, _value(judgement.gxp) or (said.gxp if said else None))


def _may_judge(entry: Entry) -> bool:
    """What a child got with its parent was judged once: incidents count, not tickets."""
    return entry.role not in (SERVICE, *REPORTERS) and not _as_its_parent(entry)


def _as_its_parent(entry: Entry) -> bool:
    return (entry.reason or "").startswith(AS_ITS_PARENT)


def _known_system(judgement: Judgement) -> str | None:
    return _value(judgement.system) or (judgement.said.system if judgement.said else None)


def _value(label: Label | None) -> str | None:
    return label.value if label else None


def _label(entry: Entry, value: str, before: str | None) -> Label:
    return Label(value, entry.actor, entry.role, entry.recorded_at, before)


_FOLDS: dict[str, Callable[[Judgement, Entry], None]] = {
    "TicketClassified": _classified,
    "TicketRouted": _routed,
    "TicketReturned": _returned,
    "TicketResolved": _resolved,
    "TicketClosed": _closed,
    "TicketReopened": _reopened,
    "TicketReclassified": _reclassified,
}
JUDGED_BY = tuple(_FOLDS)


class Judgements:
    """Every ticket that was classified or judged, in the order of the first entry of each; with `most` only so many, the newest."""

    def __init__(self, most: int | None = None) -> None:
        self.position = 0
        self._busy = Lock()
        self.of: dict[str, Judgement] = {}
        self._most = most
        self._sev1: defaultdict[str, dict[str, Judgement]] = defaultdict(dict)
        self._by_class: defaultdict[tuple[str, str], deque[Judgement]] = defaultdict(lambda: deque(maxlen=LOOKED_THROUGH))

    def catch_up(self, connection: Connection) -> None:
        """Take in what was recorded since the last time."""
        with uncollected():
            while entries := read_entries(connection, self.position, JUDGED_BY, PAGE):
                for entry in entries:
                    self.take(entry)

    @contextmanager
    def up_to_date(self, database: Database) -> Iterator[Self]:
        """Everything that was recorded until now; one reader at a time."""
        with self._busy, database.read() as connection:
            self.catch_up(connection)
            yield self

    def take(self, entry: Entry) -> None:
        """What was moved over from an earlier tool says nothing of a model that nobody could see there."""
        self.position = entry.seq
        fold = _FOLDS.get(entry.type)
        if fold is None or entry.ticket is None or entry.role == HISTORY:
            return
        judgement = self.of.setdefault(entry.ticket, Judgement(entry.ticket, entry.site or ""))
        fold(judgement, entry)
        self._sort(judgement, entry)
        if self._most and len(self.of) > self._most:
            del self.of[next(iter(self.of))]

    def _sort(self, judgement: Judgement, entry: Entry) -> None:
        if entry.type == "TicketReclassified":
            confirmed = self._sev1[judgement.site]
            confirmed.pop(judgement.ticket, None)
            if _value(judgement.severity) == "sev1":
                confirmed[judgement.ticket] = judgement
        if entry.type == "TicketClassified":
            self._by_class[judgement.site, entry.data["system"]].append(judgement)

    def __iter__(self) -> Iterator[Judgement]:
        return iter(self.of.values())

    def newest(self) -> Iterator[Judgement]:
        return reversed(self.of.values())

    def sev1(self, site: str) -> list[Judgement]:
        """The tickets of a site that a person called Sev1."""
        return list(self._sev1[site].values())

    def of_class(self, site: str, system: str) -> Iterable[Judgement]:
        """Those of a site that were predicted to be this system's, the newest first."""
        return reversed(self._by_class[site, system]) if (site, system) in self._by_class else ()

    def classes(self) -> list[tuple[str, str]]:
        """Every (site, predicted system) that there was."""
        return sorted(self._by_class)
