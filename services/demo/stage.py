"""Runs the sample go-live: all services in this process on a fresh SQLite file, the people beside them, and a progress bar."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.examples import read_corpus
from services.demo.earlier import SITE, move_in
from services.demo.people import People
from services.demo.script import SITES, Scene, write_script
from services.ledger import export
from services.roles import every_role
from services.settings import load_settings
from services.teams import load_teams
from services.times import lasting
from services.up import Stage, running
from services.verifier import Verdict, verify

FIGURES_EVERY_S = 0.5
PORT = 8000
TEAMS = Path(__file__).with_name("teams.toml")
WHERE = (
    ("/board", "board for managers"),
    (f"/board?site={SITE}", "a site on its 24th day"),
    ("/v1/golives/GL-1/report?kind=executive", "its status on one page"),
    ("/v1/triage", "triage queue"),
    ("/v1/tickets?open=true", "open tickets"),
    ("/v1/figures", "figures"),
    ("/metrics", "metrics for Prometheus"),
    ("/docs", "API documentation"),
)


EMBEDDED: dict[str, Any] = {
    "kafka_bootstrap_servers": None,
    "host": "127.0.0.1",
    "api_keys_file": None,
    "log_level": "error",
    "autonomy": "granted",
    "teams_file": TEAMS,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    figures: Mapping[str, Any]
    told: Mapping[str, int]
    verdict: Verdict
    notifications: str
    seconds_per_hour: float


@dataclass(frozen=True, slots=True)
class Play:
    """How the demo is played: how many tickets, how many seconds the two weeks take, on which port, and whether it ends by itself."""

    tickets: int = 160
    seconds: float = 45.0
    port: int = PORT
    once: bool = False


async def play(choice: Play, console: Console) -> None:
    """Until everything is played (`once`), or until the process is asked to end."""
    async with _set_up(choice) as (stage, notifications):
        people = await _perform(stage, choice, console, notifications)
        if not choice.once:
            _tell_commands(console, people.night, "" if choice.port == PORT else f" --url {stage.url}")
            console.print("\nStill running for you to look around. [bold]Ctrl-C[/bold] ends it and removes the demo's database.")
            await stage.asked_to_end.wait()


@contextlib.asynccontextmanager
async def _set_up(choice: Play) -> AsyncIterator[tuple[Stage, str]]:
    """Everything in one process on a database of its own, and the file that gets the notifications."""
    with tempfile.TemporaryDirectory(prefix="hypercare-demo-", ignore_cleanup_errors=True) as folder:
        settings = load_settings(**EMBEDDED, database_url=f"sqlite:///{folder}/hypercare.db", port=choice.port)
        with (Path(folder) / "notifications.txt").open("w", encoding="utf-8", buffering=1) as notifications:
            async with running(settings, every_role(settings), notifications) as stage:
                yield stage, notifications.name


async def _perform(stage: Stage, choice: Play, console: Console, notifications: str) -> People:
    scenes = write_script(read_corpus(), choice.tickets)
    _tell_where(console, stage.url)
    limits = httpx2.Limits(max_connections=50)
    async with httpx2.AsyncClient(base_url=stage.url, timeout=30, limits=limits) as client:
        await move_in(client, read_corpus())
        seq = (await client.get("/v1/figures")).json()["figures"]["ledger_seq"]
        people = People(client, choice.seconds, seq, _rota(), partial(console.print, highlight=False))
        with _bar(console) as progress:
            task = progress.add_task("", total=len(scenes), figures="")
            async with _beside(people.watch(), _show_figures(client, progress, task)):
                await _until_ended(stage, _tell_story(people, scenes, progress, task))
        _tell_summary(console, await _outcome(stage, client, people, notifications))
    return people


def _rota() -> dict[str, str]:
    """Names by where people are paged."""
    return {address: person.name for person in load_teams(TEAMS).people.values() for _, address in person.targets("page")}


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that goes on while the block runs, and ends with it."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_ended(stage: Stage, story: Coroutine[Any, Any, None]) -> None:
    """The story, or as much of it as fits before Ctrl-C."""
    playing, ended = asyncio.create_task(story), asyncio.create_task(stage.asked_to_end.wait())
    await asyncio.wait((playing, ended), return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if not playing.done():
        playing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await playing


async def _tell_story(people: People, scenes: Sequence[Scene], progress: Progress, task: TaskID) -> None:
    now = 0.0
    for scene in scenes:
        await asyncio.sleep((scene.at - now) * people.seconds_per_hour)
        now = scene.at
        await people.report(scene)
        progress.advance(task)
    await people.finish()


def _bar(console: Console) -> Progress:
    columns = (TextColumn("[bold]go-live"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[figures]}"))
    return Progress(*columns, console=console, disable=not console.is_terminal)


async def _show_figures(client: httpx2.AsyncClient, progress: Progress, task: TaskID) -> None:
    """The stabilisation figure, as the board has it, moving."""
    while True:
        progress.update(task, figures=_line_of(await _figures(client)))
        await asyncio.sleep(FIGURES_EVERY_S)


async def _figures(client: httpx2.AsyncClient) -> dict[str, Any]:
    """Of the sites that are played: counts of both together, times of the first. Before its first ticket a site has none."""
    answers = [await client.get(f"/v1/sites/{site}/figures") for site in SITES]
    told = [answer.json() for answer in answers if answer.is_success]
    return _together(told) if told else {}


def _together(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    summed = {part: _summed([each[part] for each in told]) for part in ("open", "done", "triage_queue")}
    return told[0] | summed | {"sev1_open": sum(each["sev1_open"] for each in told)}


def _summed(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts that stand under one name, also a level deeper; what is no count is left out."""
    found: dict[str, Any] = {}
    for name, first in told[0].items():
        values = [each.get(name, 0) for each in told]
        if isinstance(first, Mapping):
            found[name] = _summed(values)
        elif isinstance(first, int):
            found[name] = sum(values)
    return found


def _line_of(figures: Mapping[str, Any]) -> str:
    if not figures:
        return ""
    done = figures["done"]
    ended = done.get("resolved", 0) + done.get("closed", 0)
    return f"open {figures['open']['total']} · triage {figures['triage_queue']['tickets']} · sev1 {figures['sev1_open']} · solved {ended}"


def _tell_where(console: Console, url: str) -> None:
    console.print(f"\nhypercare is up: two weeks after go-live at {' and '.join(SITES)}, compressed. Look around while it runs:\n")
    for path, what in WHERE:
        console.print(f"  {what:<26} {url}{path}", highlight=False)
    console.print()


def _tell_commands(console: Console, ticket: str | None, where: str) -> None:
    """What to type in another terminal."""
    console.print("\nWho is on call, what the clocks say of the night's Sev1, and what the shift hands over:\n")
    for command in ("oncall who", *([f"sla explain {ticket}"] if ticket else []), f"handover {SITE}"):
        console.print(f"  hypercare {command}{where}", highlight=False)


def _tell_summary(console: Console, outcome: Outcome) -> None:
    table = Table(title="What happened", show_header=False, title_justify="left")
    for name, value in _rows(outcome):
        table.add_row(name, value)
    console.print(table)
    verdict = outcome.verdict
    good = f"verified: {verdict.checked} entries in one unbroken chain, head {verdict.head[:16]}…"
    console.print(f"Ledger {good}" if verdict.bad is None else f"[red]Ledger BAD at {verdict.bad}: {verdict.why}")
    console.print(
        f"{outcome.told['NotificationSent']} notifications went to the console channel ({outcome.notifications}).", highlight=False
    )
    console.print("The model was trained on tickets like these, so it routes them better than it will route yours.")


def _rows(outcome: Outcome) -> list[tuple[str, str]]:
    figures, told = outcome.figures, outcome.told
    if not figures:
        return [("tickets submitted", "none")]
    severities = ", ".join(f"{grade} {count}" for grade, count in figures["open"]["by_severity"].items() if count)
    routed_alone = told["TicketClassified"] - told["TicketQueued"]
    return [
        ("tickets submitted", str(told["submitted"])),
        ("routed by the classifier", f"{routed_alone} ({told['TicketQueued']} waited for a person)"),
        ("given back by a team", str(told["TicketReturned"])),
        ("resolved, reopened, closed", f"{told['TicketResolved']}, {told['TicketReopened']}, {told['TicketClosed']}"),
        ("still open", f"{figures['open']['total']} ({severities})"),
        ("median to acknowledge", _plant_time(figures["acknowledgement"]["all"]["median"], outcome.seconds_per_hour)),
        ("median to resolve", _plant_time(figures["resolution"]["all"]["median"], outcome.seconds_per_hour)),
    ]


def _plant_time(seconds: float | None, per_hour: float) -> str:
    return "none yet" if seconds is None else f"{lasting(seconds / per_hour * 3600)} of plant time"


async def _outcome(stage: Stage, client: httpx2.AsyncClient, people: People, notifications: str) -> Outcome:
    return Outcome(await _figures(client), people.told, await asyncio.to_thread(_verified, stage), notifications, people.seconds_per_hour)


def _verified(stage: Stage) -> Verdict:
    with stage.ledger.database.read() as connection:
        return verify(export(connection))
