"""A ticket's life told in minutes, and what its clocks say of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import events as e
from schemas.clocks import Clock, ClockState
from schemas.entries import Entry
from schemas.event import Event
from services.policies import folded, in_terms
from services.stabilisation.arithmetic import clock_states
from services.stabilisation.chronicle import Chronicle, micros
from services.stabilisation.clocks import Told

SITE = "Cork"
ENGINEER = ("erik", "engineer")
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""A Monday."""
RESOLVED = e.TicketResolved(cause_system="mes", cause_class="process", resolution="done")
REPORTER, WINDOW, VENDOR = (e.TicketPutOnHold(waiting_for=whom) for whom in ("reporter", "window", "vendor"))


def graded(severity: str) -> Event:
    return e.TicketReclassified.model_validate({"severity": severity})


class Life:
    """Entries of a site without a ledger; `begin` is minute 0."""

    def __init__(self, severity: str | None = "sev2", occurred: float = 0.0, begin: datetime = BEGIN, reporter: str = "olga") -> None:
        self.begin = begin
        self.entries: list[Entry] = []
        self.submission = (
            e.TicketSubmitted.model_validate({"title": "t", "site": SITE, "reporter": reporter, "reported_severity": severity}),
            occurred,
        )
        self.born = False

    def minute(self, number: float) -> datetime:
        return self.begin + timedelta(minutes=number)

    def site(self, minute: float, kind: str, /, **data: Any) -> "Life":
        """Something that is told of the site."""
        event = e.EVENTS[kind].model_validate(data)
        return self._told(minute, event, ("ann", "lead"), None, minute)

    def then(self, minute: float, event: Event, by: tuple[str, str] = ENGINEER) -> "Life":
        self._reported()
        return self._told(minute, event, by, "HC-1", minute)

    def clocks(self, minute: float) -> dict[Clock, ClockState]:
        """As known then, by their names."""
        self._reported()
        at = self.minute(minute)
        known = [entry for entry in self.entries if entry.recorded_at <= at]
        chronicle = Chronicle()
        for entry in known:
            chronicle.take(entry)
        track = chronicle.sites[SITE]["HC-1"]
        reasons = {micros(entry.recorded_at): entry.reason or "" for entry in known if entry.type == "TicketPutOnHold"}
        told = Told(track, track.number(micros(at), micros(at)), in_terms(folded(known), SITE), micros(at), reasons)
        return {state.clock: state for state in clock_states(told)}

    def _reported(self) -> None:
        if not self.born:
            self.born = True
            event, occurred = self.submission
            self._told(0, event, ("dora", "support_desk"), "HC-1", occurred)

    def _told(self, minute: float, event: Event, by: tuple[str, str], ticket: str | None, occurred: float) -> "Life":
        entry = Entry.model_construct(
            seq=len(self.entries) + 1, type=type(event).__name__, ticket=ticket, ticket_version=1, site=SITE, actor=by[0], role=by[1],
            reason="so agreed", occurred_at=self.minute(occurred), recorded_at=self.minute(minute),
            data=event.model_dump(mode="json", exclude_none=True),
        )  # fmt: skip
        self.entries.append(entry)
        return self
