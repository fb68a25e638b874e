"""The people of the sample go-live. They see what on-call engineers see, the stream, and act through the same HTTP API as everybody."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

import httpx2

from services.demo.script import HOURS, NIGHT_SITE, NIGHT_SYSTEM, Scene
from services.errors import Unavailable
from services.times import lasting

DESK = {"Hypercare-Actor": "demo desk", "Hypercare-Role": "support_desk"}
TRIAGE = {"Hypercare-Actor": "demo triage lead", "Hypercare-Role": "project_team"}
ANY_VERSION = {"If-Match": "*"}
OVERTAKEN = (409, 412)
Reaction = Callable[[str, Mapping[str, Any]], Coroutine[Any, Any, None]]


class People:
    """Plays scenes against the API at `client`'s address. `seconds` is how long the two weeks take; they see what comes after `seq`.

    `rota`: the names of those on call by where they are paged; `say` tells the audience of them.
    """

    def __init__(self, client: httpx2.AsyncClient, seconds: float, seq: int, rota: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.client = client
        self.seq = seq
        self.rota = rota
        self.say = say
        self.paged: dict[str, datetime] = {}
        self.night: str | None = None
        self.seconds_per_hour = seconds / HOURS
        self.told: Counter[str] = Counter()
        self.scenes: dict[str, Scene] = {}
        self._at_work: set[asyncio.Task[None]] = set()
        self._returned: set[str] = set()
        self._reopened: set[str] = set()
        self._ended: set[str] = set()
        self._all_ended = asyncio.Event()
        self._known = asyncio.Condition()
        self._reactions: dict[str, Reaction] = {
            "TicketQueued": self._triage,
            "TicketReturned": self._triage,
            "TicketRouted": self._work,
            "TicketReopened": self._work,
            "TicketResolved": self._retest,
            "NotificationRequested": self._wake,
        }

    async def report(self, scene: Scene) -> None:
        """The desk submits; the ticket is there when this returns."""
        told = scene.submission.model_dump(mode="json", exclude_none=True)
        answer = await self.client.post("/v1/tickets", json=told, headers=DESK | {"Idempotency-Key": scene.key})
        _expect(answer, 200, 201)
        self.told["submitted"] += answer.status_code == 201
        async with self._known:
            self.scenes[answer.json()["id"]] = scene
            self._known.notify_all()

    async def watch(self) -> None:
        """React to what the stream says, until cancelled."""
        async for ticket, kind, entry in self._stream():
            self.told[kind] += 1
            if kind == "TicketClosed":
                self._end(ticket)
            reaction = self._reactions.get(kind)
            if reaction:
                self._start(reaction(ticket, entry))

    async def finish(self) -> None:
        """When every ticket reported so far is where its scene leaves it."""
        while len(self._ended) < len(self.scenes):
            self._all_ended.clear()
            await self._all_ended.wait()

    def _end(self, ticket: str) -> None:
        self._ended.add(ticket)
        self._all_ended.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _stream(self) -> AsyncIterator[tuple[str, str, Mapping[str, Any]]]:
        async with self.client.stream("GET", "/v1/stream", params={"after": self.seq}, timeout=None) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    entry = json.loads(line.removeprefix("data:"))
                    yield entry["ticket"] or "", entry["type"], entry

    async def _pass(self, hours: float) -> None:
        await asyncio.sleep(hours * self.seconds_per_hour)

    async def _scene(self, ticket: str) -> Scene:
        """The stream may be faster than the answer to the desk."""
        async with self._known:
            await self._known.wait_for(lambda: ticket in self.scenes)
        return self.scenes[ticket]

    async def _triage(self, ticket: str, entry: Mapping[str, Any]) -> None:
        scene = await self._scene(ticket)
        await self._pass(scene.decides_after)
        decision = {"system": scene.truth.system, "reason": "decided in triage from the reporter's words"}
        await self._change(ticket, "route", TRIAGE, decision)

    async def _work(self, ticket: str, entry: Mapping[str, Any]) -> None:
        scene = await self._scene(ticket)
        await self._pass(scene.looks_after)
        system = entry["data"].get("system", scene.truth.system)
        engineer = {"Hypercare-Actor": f"demo engineer {system}", "Hypercare-Role": "it_engineer"}
        if system not in (scene.truth.system, scene.truth.alt_system) and ticket not in self._returned:
            self._returned.add(ticket)
            evidence = f"checked our side of {system}, nothing wrong there"
            return await self._change(ticket, "return", engineer, {"reason": "not ours, the fault is elsewhere", "evidence": evidence})
        if not (scene.unheard and system == NIGHT_SYSTEM):
            await self._mend(ticket, scene, engineer)

    async def _wake(self, ticket: str, entry: Mapping[str, Any]) -> None:
        """In the night the first of the rota who is paged sleeps on, and the second takes it."""
        address = entry["data"]["address"]
        if entry["site"] != NIGHT_SITE or address not in self.rota or not (scene := await self._scene(ticket)).unheard:
            return
        if address in self.paged:
            return
        at, name = datetime.fromisoformat(entry["recorded_at"]), self.rota[address]
        waited = [f", {lasting((at - before).total_seconds())} after {self.rota[who]}" for who, before in self.paged.items()]
        self.night, self.paged[address] = ticket, at
        self.say(f"{ticket}, a Sev1 at {NIGHT_SITE}, pages {name}{''.join(waited)}{', who sleeps on' if waited else ', first on call'}")
        if len(self.paged) == 2:
            await self._pass(scene.looks_after)
            self.say(f"{ticket} is acknowledged by {name}: the ladder stops")
            await self._mend(ticket, scene, {"Hypercare-Actor": address, "Hypercare-Role": "it_engineer"})

    async def _mend(self, ticket: str, scene: Scene, engineer: Mapping[str, str]) -> None:
        await self._change(ticket, "acknowledge", engineer, {})
        if scene.stays_open:
            return self._end(ticket)
        await self._pass(scene.repairs_in)
        cause = {"cause_system": scene.truth.system, "cause_class": "configuration"}
        await self._change(ticket, "resolve", engineer, cause | {"resolution": "mended and tested with the reporter"})

    async def _retest(self, ticket: str, entry: Mapping[str, Any]) -> None:
        scene = await self._scene(ticket)
        await self._pass(scene.decides_after)
        if scene.comes_back and ticket not in self._reopened:
            self._reopened.add(ticket)
            return await self._change(ticket, "reopen", DESK, {"reason": "happened again on the next order"})
        await self._change(ticket, "close", DESK, {"reason": "reporter confirmed"})

    async def _change(self, ticket: str, verb: str, who: Mapping[str, str], content: Mapping[str, Any]) -> None:
        answer = await self.client.post(f"/v1/tickets/{ticket}/{verb}", json=content, headers={**who, **ANY_VERSION})
        if answer.status_code not in OVERTAKEN:
            _expect(answer, 200)


def _expect(answer: httpx2.Response, *statuses: int) -> None:
    if answer.status_code not in statuses:
        raise Unavailable(
            f"The API answered {answer.status_code} to {answer.request.method} {answer.request.url.path}: {answer.text[:500]}"
        )
