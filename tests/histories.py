"""Random lives of tickets, and what an independent reader of the ledger counts in them."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from statistics import fmean, median, quantiles
from typing import Any

from schemas import events as e
from schemas.entries import Attribution, Entry
from schemas.events import Event
from schemas.figures import Durations, Figures
from services.errors import HypercareError
from services.ledger import Draft, Ledger
from services.tickets import record, submit
from tests.lives import DESK, told

QA = Attribution("quinn", "qa_reviewer", reason="seen and agreed at the stand-up")
CLASSIFIED = {"gxp": "none", "decided_by": "floor", "prediction": {}, "model": "m", "rules": "r", "configuration": "c"}
MOVES: tuple[Event, ...] = (
    e.TicketClassified(system="lims", severity="sev3", **CLASSIFIED), e.TicketClassified(system="erp", severity="sev1", **CLASSIFIED),
    e.TicketQueued(), e.TicketRouted(system="lims", team="lims"), e.TicketRouted(system="erp", team="erp"), e.TicketAcknowledged(),
    e.TicketReclassified(severity="sev1"), e.TicketReclassified(severity="sev4"), e.TicketPutOnHold(waiting_for="vendor"),
    e.TicketResumed(), e.TicketReturned(), e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown how"),
    e.TicketReopened(), e.TicketClosed(), e.TicketCancelled(), e.TicketCommented(text="still here"),
)  # fmt: skip
Notes = list[dict[str, Any]]
Step = tuple[int, Event, float]
CLAIMS = ("sev2", None, "sev1", "sev4")


def live(ledger: Ledger, site: str, steps: Sequence[Step]) -> None:
    """A step is (which ticket, what is tried, seconds after the step before); a ticket that is not there yet is submitted."""

    def command(draft: Draft) -> None:
        tickets: list[str] = []
        for number, event, seconds in steps:
            draft.now += timedelta(seconds=seconds)
            if number < len(tickets):
                _attempt(draft, tickets[number], event)
            else:
                submission = told(site=site, reported_severity=CLAIMS[len(tickets) % len(CLAIMS)])
                tickets.append(submit(draft, submission, DESK)[0].id)

    ledger.write(command).result()


def random_steps(seed: int, number: int) -> list[Step]:
    dice = Random(seed)
    return [(dice.randrange(9), dice.choice(MOVES), dice.uniform(0, 7_000)) for _ in range(number)]


def _attempt(draft: Draft, ticket: str, event: Event) -> None:
    mark = draft.mark()
    try:
        record(draft, ticket, event, QA)
    except HypercareError:
        draft.undo(mark)


AFTER = {
    "TicketQueued": "triage", "TicketRouted": "routed", "TicketAcknowledged": "acknowledged", "TicketPutOnHold": "waiting",
    "TicketResumed": "acknowledged", "TicketReturned": "triage", "TicketResolved": "resolved", "TicketClosed": "closed",
    "TicketCancelled": "cancelled",
}  # fmt: skip
ENDED = ("resolved", "closed", "cancelled")


def _when(entry: Entry) -> datetime:
    return entry.occurred_at if entry.role == "history" else entry.recorded_at


def recounted(entries: Sequence[Entry], at: datetime) -> Notes:
    """Every ticket as an auditor with a pencil would note it, reading the ledger line by line up to `at`."""
    notes: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry.recorded_at <= at and entry.ticket:
            _note(notes.setdefault(entry.ticket, {"reopened": 0}), entry)
    return list(notes.values())


def _note(note: dict[str, Any], entry: Entry) -> None:
    kind, data, at = entry.type, entry.data, _when(entry)
    waits_on = kind == "TicketAcknowledged" and note.get("state") == "waiting"
    note["state"] = "waiting" if waits_on else AFTER.get(kind, note.get("state"))
    if kind == "TicketSubmitted":
        note |= {"state": "submitted", "submitted": at, "severity": data.get("reported_severity")}
    if kind == "TicketReclassified" and "severity" in data:
        note |= {"severity": data["severity"], "person": True}
    if kind == "TicketClassified" and not note.get("person"):
        note["severity"] = data["severity"]
    if kind == "TicketReopened":
        note |= {"state": "routed" if note.get("system") else "triage", "reopened": note["reopened"] + 1, "resolved": None}
    if kind in ("TicketRouted", "TicketReturned"):
        note["system"] = data.get("system")
    if kind == "TicketAcknowledged":
        note.setdefault("acknowledged", at)
    if kind == "TicketResolved":
        note["resolved"] = at
    if kind in ("TicketQueued", "TicketReturned", "TicketReopened"):
        note["queued"] = max(at, note.get("queued", at))


def check(found: Figures, entries: Sequence[Entry]) -> None:
    """Every figure against the recount of what was recorded until then."""
    known = [entry for entry in entries if entry.recorded_at <= found.as_of]
    agree(found, lambda instant: recounted([entry for entry in known if _when(entry) <= instant], found.as_of))


def agree(found: Figures, noted: Callable[[datetime], Notes]) -> None:
    """Every figure against notes of what had happened until an instant."""
    at = found.as_of
    notes = noted(at)
    still = [note for note in notes if note["state"] not in ENDED]
    queue = [note for note in still if note["state"] == "triage"]
    sev1 = [note for note in still if note["severity"] == "sev1"]
    assert found.open.total == len(still) == sum(found.open.by_system.values())
    assert found.open.by_system == Counter(note.get("system") or "undecided" for note in still)
    assert _filled(found.open.by_severity) == Counter(note["severity"] or "undecided" for note in still)
    assert _filled(found.open.by_state) == Counter(note["state"] for note in still)
    pairs = {(grade, state): n for grade, row in found.open.by_severity_and_state.items() for state, n in row.items()}
    assert _filled(pairs) == Counter((note["severity"] or "undecided", note["state"]) for note in still)
    assert found.open.oldest_seconds == max(((at - note["submitted"]).total_seconds() for note in still), default=None)
    assert _filled(found.done) == Counter(note["state"] for note in notes if note["state"] in ENDED)
    assert found.triage_queue.tickets == len(queue)
    assert found.triage_queue.oldest_seconds == max(((at - note["queued"]).total_seconds() for note in queue), default=None)
    assert (found.reopened, found.reopenings) == (sum(note["reopened"] > 0 for note in notes), sum(note["reopened"] for note in notes))
    assert found.sev1_open == len(sev1)
    assert found.sev1_unacknowledged == sum(note["state"] in ("submitted", "triage", "routed") for note in sev1)
    _check_arrivals(found, [note["submitted"] for note in notes])
    _check_times(found, notes)
    for point in found.burndown.points[:-1]:
        earlier = noted(point.at - timedelta(microseconds=1))
        assert point.open == sum(note["state"] not in ENDED for note in earlier)
    assert (found.burndown.points[-1].at, found.burndown.points[-1].open) == (at, len(still))


def _filled(counts: dict[Any, int]) -> dict[Any, int]:
    return {key: number for key, number in counts.items() if number}


def _check_arrivals(found: Figures, submitted: Sequence[datetime]) -> None:
    assert found.arrivals.total == len(submitted)
    for buckets, length in ((found.arrivals.per_hour, timedelta(hours=1)), (found.arrivals.per_day, timedelta(days=1))):
        assert buckets[-1].start <= found.as_of < buckets[-1].start + length
        for bucket in buckets:
            assert bucket.count == sum(bucket.start <= instant < bucket.start + length for instant in submitted)


def _check_times(found: Figures, notes: Sequence[dict[str, Any]]) -> None:
    for times, name in ((found.acknowledgement, "acknowledged"), (found.resolution, "resolved")):
        _check_durations(times.all, [note for note in notes if note.get(name)], name)
        for grade, times_of_grade in times.by_severity.items():
            _check_durations(
                times_of_grade, [note for note in notes if note.get(name) and (note["severity"] or "undecided") == grade], name
            )


def _check_durations(found: Durations, notes: Sequence[dict[str, Any]], name: str) -> None:
    taken = [(note[name] - note["submitted"]).total_seconds() for note in notes]
    assert found.count == len(taken)
    if taken:
        p90 = quantiles(taken, n=10, method="inclusive")[8] if len(taken) > 1 else taken[0]
        wanted = (fmean(taken), median(taken), p90)
        assert all(abs(mine - theirs) < 1e-6 for mine, theirs in zip((found.mean, found.median, found.p90), wanted, strict=True))  # type: ignore[operator]
