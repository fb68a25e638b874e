"""A closed-loop HTTP load: so many connections, each with one request in flight, for so many seconds. Loopback only."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

from models.examples import read_corpus

Request = Callable[[], bytes]


@dataclass
class Tally:
    answers: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return sum(self.answers.values()) / self.seconds

    def only(self, status: int) -> bool:
        return set(self.answers) == {status}


def submissions(seed: int = 1) -> Request:
    """Requests that each submit another ticket of the corpus under another key."""
    chance, examples, run, number = random.Random(seed), read_corpus(), uuid4().hex, count(1)
    bodies = [_body(example.title, example.body, example.reporter_role) for example in chance.sample(examples, 500)]

    def request() -> bytes:
        n = next(number)
        body = bodies[n % len(bodies)]
        head = f'POST /v1/tickets HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nIdempotency-Key: "{run}-{n}"\r\n'
        return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body

    return request


def _body(title: str, body: str, role: str) -> bytes:
    told = {
        "title": title[:300],
        "body": body,
        "site": "Cork",
        "reporter": "bench",
        "reporter_role": role,
        "area": "Line 3",
        "batch": "B-1",
    }
    return json.dumps(told, ensure_ascii=False).encode()


async def press(port: int, request: Request, seconds: float, connections: int = 32) -> Tally:
    """Counts per status of the answers that came within the time."""
    tally, loop = Tally(), asyncio.get_running_loop()
    started = loop.time()
    await asyncio.gather(*(_one(port, request, started + seconds, tally) for _ in range(connections)))
    tally.seconds = loop.time() - started
    return tally


async def _one(port: int, request: Request, until: float, tally: Tally) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        writer.write(request())
        status, _ = await read_answer(reader)
        tally.answers[status] = tally.answers.get(status, 0) + 1
    writer.close()
    await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(_lengths(head), 0)
    return int(head[9:12]), await reader.readexactly(length)


def _lengths(head: bytes) -> Iterator[int]:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            yield int(line.split(b":")[1])
