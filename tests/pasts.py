"""Histories of an earlier tool: rows as it might export them, moved over, and noted from the rows alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from schemas.entries import Attribution
from schemas.history import PastEvent
from services.history import Move, Outcome, Taken, in_order, move_over
from services.ledger import Ledger
from tests.desks import TEAMS
from tests.histories import Notes
from tests.lives import DESK

BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=50)
LATEST = 45 * 24
NEXT = {
    "": ["submitted"],
    "submitted": ["acknowledged", "resolved", "cancelled"],
    "acknowledged": ["resolved", "resolved", "cancelled"],
    "resolved": ["closed", "reopened"],
    "closed": ["reopened"],
    "reopened": ["resolved", "cancelled"],
    "cancelled": [],
}
STATES = {kind: kind for kind in NEXT} | {"reopened": "triage"}
ENDED = ("resolved", "closed", "cancelled")
Row = dict[str, Any]


def row(ticket: str, kind: str, hours: float, **fields: Any) -> Row:
    """`hours` after the beginning, 50 days ago: the whole of it is on a burndown of today."""
    report = {"title": "Line 3 stopped, no tags", "site": "Cork", "reporter": "olga"} if kind == "submitted" else {}
    return {"ticket": ticket, "type": kind, "occurred_at": (BEGIN + timedelta(hours=hours)).isoformat()} | report | fields


def past(ticket: str, *kinds: str, **fields: Any) -> list[Row]:
    """A life with an hour between two events; `fields` stand on its first row."""
    return [row(ticket, kind, hour, **({} if hour else fields)) for hour, kind in enumerate(kinds)]


def random_past(seed: int, tickets: int, site: str = "Cork") -> list[Row]:
    """Lives that an earlier tool may have seen, mixed, in the order of their times."""
    dice = Random(seed)
    rows = [each for number in range(tickets) for each in _random_life(dice, f"{site} {seed}-{number}", site)]
    return sorted(rows, key=lambda each: str(each["occurred_at"]))


def _random_life(dice: Random, name: str, site: str) -> list[Row]:
    told: list[Row] = []
    kind, hours = "", dice.uniform(0, 300)
    while (choices := NEXT[kind]) and hours < LATEST and dice.random() < (0.75 if told else 1):
        kind = dice.choice(choices)
        told.append(row(name, kind, hours, **(_changes(dice, kind) | ({"site": site} if kind == "submitted" else {}))))
        hours += dice.choice([0 if kind == "submitted" else 1, 0.01, dice.uniform(0, 90)])
    return told


def _changes(dice: Random, kind: str) -> Row:
    found: Row = {"actor": dice.choice(["erik", "dora"])} if dice.random() < 0.7 else {}
    if dice.random() < 0.4:
        found["severity"] = dice.choice(["sev1", "sev2", "sev3", "sev4"])
    if dice.random() < 0.5 and kind != "closed":
        found["system"] = dice.choice(["erp", "lims", "oee"])
    return found


def moved(ledger: Ledger, rows: Sequence[Row], by: Attribution = DESK, source: str = "earlier") -> list[Outcome]:
    """Moved over ticket by ticket, each in a write of its own; an outcome per row, in the order of the rows."""
    move, events = Move(source, by, TEAMS), [PastEvent.model_validate(each) for each in rows]
    outcomes: dict[int, Outcome] = {}
    for name in dict.fromkeys(event.ticket for event in events):
        own = sorted((place for place, event in enumerate(events) if event.ticket == name), key=lambda place: in_order(events[place]))
        told = [events[place] for place in own]
        outcomes |= zip(own, ledger.write(lambda draft, told=told: move_over(draft, told, move)).result(), strict=True)  # type: ignore[misc]
    return [outcomes[place] for place in range(len(rows))]


def taken(outcomes: Sequence[Outcome]) -> list[bool]:
    """Of outcomes that must all be good, whether each event was new."""
    assert all(isinstance(each, Taken) for each in outcomes), outcomes
    return [each.new for each in outcomes if isinstance(each, Taken)]


def noted(rows: Sequence[Row], at: datetime) -> Notes:
    """Every ticket as the earlier tool's own reader would note it: from the rows until `at`, in the order of their times."""
    notes: dict[str, Row] = {}
    for each in sorted(rows, key=lambda each: datetime.fromisoformat(each["occurred_at"])):
        if datetime.fromisoformat(each["occurred_at"]) <= at:
            _note(notes.setdefault(each["ticket"], {"reopened": 0, "severity": None}), each)
    return list(notes.values())


def _note(note: Row, told: Row) -> None:
    kind, when = told["type"], datetime.fromisoformat(told["occurred_at"])
    note |= {name: told[name] for name in ("severity", "system") if name in told}
    placed = note.get("system") and kind in ("submitted", "reopened")
    note["state"] = "routed" if placed else STATES[kind]
    if kind == "acknowledged":
        note.setdefault("acknowledged", when)
    if kind == "reopened":
        note |= {"reopened": note["reopened"] + 1, "resolved": None, "queued": when}
    if kind in ("submitted", "resolved"):
        note[kind] = when
