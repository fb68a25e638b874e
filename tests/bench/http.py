"""Acknowledged tickets per second over HTTP, against the same app without a write."""

import statistics
from pathlib import Path

from tests.bench.load import press, submissions
from tests.processes import Process

ROUNDS = 5
SECONDS = 4.0
CONNECTIONS = 64
Measured = list[tuple[str, float, str, str, str]]


async def measure(folder: Path) -> Measured:
    """HTTP: submissions acknowledged per second, with and without the write, in turn"""
    settings = {"database_url": f"sqlite:///{folder / 'http.db'}"}
    api = Process(["services", "up", "api"], settings, folder / "api.log")
    bare = Process(["tests.bench.bare"], settings, folder / "bare.log")
    with api.start().ready(), bare.start().ready("/livez"):
        rates = [await _round(api.port, bare.port) for _ in range(ROUNDS + 1)][1:]
    written, unwritten = (statistics.median(side) for side in zip(*rates, strict=True))
    ratio = statistics.median(a / b for a, b in rates)
    how = f"{CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS:g} s each in turn, medians; load generator on the same cores"
    return [
        ("tickets acknowledged", written, "/s", "", how),
        ("same app without a write", unwritten, "/s", "", how),
        ("ratio", ratio, "", "≥ 0.5", "median of the rounds' ratios"),
    ]


async def _round(api: int, bare: int) -> tuple[float, float]:
    written = await press(api, submissions(), SECONDS, CONNECTIONS)
    unwritten = await press(bare, submissions(), SECONDS, CONNECTIONS)
    assert written.only(201), written.answers
    assert unwritten.only(201), unwritten.answers
    return written.per_second, unwritten.per_second
