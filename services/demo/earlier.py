"""A third site of the demo that is three and a half weeks into its hypercare: it moves in with the history of an earlier tool."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from models.examples import Example
from services.demo.script import AREAS, DECAY_PER_HOUR, FIRST_LOOK_H, REPAIR_H

SITE = "Galway"
SOURCE = "earlier-tool"
DAYS = 24
QUESTIONS = 0.2
ENGINEERS = ("Erik", "Ewa", "Enzo")
LEAD = {"Hypercare-Actor": "demo lead", "Hypercare-Role": "hypercare_lead"}
HEAD = {"Hypercare-Actor": "demo site head", "Hypercare-Role": "site_head"}
RATES = {"sev1": (14, 2), "sev2": (60, 4), "sev3": (90, 6)}
"""Planned problems and daily capacity by severity."""


async def move_in(client: httpx2.AsyncClient, examples: Sequence[Example], seed: int = 11) -> None:
    """The history over `POST /v1/history`, the go-live with a plan, and what the site did on each of its days."""
    begin = (datetime.now(UTC) - timedelta(days=DAYS)).replace(hour=6, minute=0, second=0, microsecond=0)
    events = list(_history(random.Random(seed), examples, begin))
    for start in range(0, len(events), 1_000):
        body = {"source": SOURCE, "events": events[start : start + 1_000]}
        (await client.post("/v1/history", json=body, headers=LEAD)).raise_for_status()
    await _declared(client, begin)


async def _declared(client: httpx2.AsyncClient, begin: datetime) -> None:
    end = begin + timedelta(days=56)
    text = {
        "name": "MES wave 1",
        "site": SITE,
        "starts_at": begin.isoformat(),
        "planned_end": end.isoformat(),
        "time_zone": "Europe/Dublin",
    }
    courses = {severity: {"shape": "rates", "problems": a, "capacity": capacity, "floor": 0.2} for severity, (a, capacity) in RATES.items()}
    line = {"kind": "line", "title": "Line 6 joins", "at": (begin + timedelta(days=31)).isoformat(), "tickets": 20}
    path = (await _posted(client, "/v1/golives", text | {"hypercare_only": ["role:integrator"]}))["id"]
    await _posted(client, f"/v1/golives/{path}/plans", {"plan": {"by_severity": courses}})
    await _posted(client, f"/v1/golives/{path}/plans/1/approve", {}, HEAD)
    await _posted(client, f"/v1/golives/{path}/scope-events", line)
    await _posted(client, "/v1/exposure", {"days": [_day(begin, number) for number in range(DAYS)]})
    await _posted(client, f"/v1/golives/{path}/snapshots", {})


async def _posted(client: httpx2.AsyncClient, path: str, body: Mapping[str, Any], who: Mapping[str, str] = LEAD) -> dict[str, Any]:
    answer = (await client.post(path, json=body, headers=who)).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _day(begin: datetime, number: int) -> dict[str, Any]:
    """Batches and users ramp up over two weeks."""
    share = min(1.0, 0.4 + number / 20)
    started = round(9 * share)
    told = {"batches_started": started, "batches_completed": started, "batches_right_first_time": started - (number % 9 == 0)}
    people = {"steps": round(1_800 * share), "active_users": round(130 * share), "rostered_users": 140}
    return {"site": SITE, "day": (begin + timedelta(days=number)).date().isoformat()} | told | people


def _history(chance: random.Random, examples: Sequence[Example], begin: datetime) -> Iterator[dict[str, Any]]:
    for number, example in enumerate(chance.sample(list(examples), 180), 1):
        yield from _story(chance, f"INC{number:04}", example, begin + timedelta(hours=_arrival(chance)))


def _arrival(chance: random.Random) -> float:
    """Hours after the go-live: the problems thin out, questions keep coming at all times."""
    hours = DAYS * 24.0
    if chance.random() < QUESTIONS:
        return chance.uniform(0, hours)
    return -math.log(1 - chance.random() * (1 - math.exp(-DECAY_PER_HOUR * hours))) / DECAY_PER_HOUR


def _story(chance: random.Random, name: str, example: Example, at: datetime) -> Iterator[dict[str, Any]]:
    """What the earlier tool knows of one ticket until now."""
    who = chance.choice(ENGINEERS)
    told = {"title": example.title, "site": SITE, "reporter": "Orla", "area": chance.choice(AREAS), "severity": example.severity}
    spread = chance.lognormvariate(0, 0.5)
    looked, mended = at + timedelta(hours=FIRST_LOOK_H[example.severity] * spread), timedelta(hours=REPAIR_H[example.severity] * spread)
    steps = [(at, "submitted", told | {"system": example.system}), (looked, "acknowledged", {"actor": who})]
    steps += [(looked + mended, "resolved", {"actor": who, "cause_class": "configuration", "resolution": "mended and tested"})]
    steps += [(looked + mended + timedelta(hours=5), "closed", {"actor": "Orla"})]
    for when, kind, more in steps:
        if when < datetime.now(UTC):
            yield {"ticket": name, "type": kind, "occurred_at": when.isoformat()} | more
