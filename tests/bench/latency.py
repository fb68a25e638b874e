"""From the desk's request to the routing, at a steady 20 tickets per second."""

import asyncio
import json
from pathlib import Path

from tests.bench.load import read_answer, submissions
from tests.processes import Process

PER_SECOND = 20
TICKETS = 400
WARM_UP = 40
Measured = list[tuple[str, float, str, str, str]]


async def measure(folder: Path) -> Measured:
    """Latency: submit to decided, open loop at 20 tickets/s, everything in one process"""
    settings = {"database_url": f"sqlite:///{folder / 'latency.db'}", "log_level": "error"}
    with Process(["services", "up"], settings, folder / "latency.log").start().ready() as process:
        seconds = sorted((await _submit_and_watch(process.port))[WARM_UP:])
    how = f"{TICKETS} tickets, from the first byte of the request to the event on the stream; open loop"
    return [
        ("submit to decided, p50", 1000 * seconds[len(seconds) // 2], "ms", "", how),
        ("submit to decided, p99", 1000 * seconds[int(len(seconds) * 0.99)], "ms", "", how),
    ]


async def _submit_and_watch(port: int) -> list[float]:
    decided: dict[str, float] = {}
    begun: dict[str, float] = {}
    done = asyncio.Event()
    watching = asyncio.create_task(_watch(port, decided, done))
    request, loop = submissions(), asyncio.get_running_loop()
    start, sending = loop.time() + 0.5, []
    for n in range(TICKETS):
        await asyncio.sleep(start + n / PER_SECOND - loop.time())
        sending.append(asyncio.create_task(_submit(port, request(), begun)))
    await asyncio.gather(*sending)
    async with asyncio.timeout(60):
        await done.wait()
    watching.cancel()
    return [decided[ticket] - begun[ticket] for ticket in begun]


async def _submit(port: int, request: bytes, begun: dict[str, float]) -> None:
    started = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    status, body = await read_answer(reader)
    assert status == 201, body
    begun[json.loads(body)["id"]] = started
    writer.close()


async def _watch(port: int, decided: dict[str, float], done: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /v1/stream?after=0 HTTP/1.1\r\nHost: bench\r\n\r\n")
    loop = asyncio.get_running_loop()
    while line := await reader.readline():
        if line.startswith(b"data:"):
            entry = json.loads(line.removeprefix(b"data:"))
            if entry["type"] in ("TicketRouted", "TicketQueued"):
                decided.setdefault(entry["ticket"], loop.time())
        if len(decided) == TICKETS:
            done.set()
