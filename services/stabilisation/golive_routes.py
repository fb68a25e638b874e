"""What follows for a go-live, over HTTP: figures, burndown, forecast, readiness, and the snapshots that were kept of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from schemas.golive_events import SnapshotTaken
from schemas.golive_figures import GoLiveFigures, GoLiveForecast, PlannedBurndown, Readiness, Status
from schemas.golives import GoLive, Snapshot, SnapshotHead
from schemas.words import Severity, Slug
from services.errors import Misconfigured, NotFound, Refused
from services.golives import golives_of
from services.snapshots import newest, snapshots_of
from services.stabilisation.asked import AsOf, TheLedger
from services.stabilisation.keeper import keeping, taken_now
from services.stabilisation.progress import Progress, Sight
from services.stabilisation.report import MEDIA, Form, Kind, report
from services.stabilisation.view import EVERYTHING, Only
from services.web.callers import Caller
from services.web.problems import refusals

router = APIRouter(prefix="/v1/golives/{golive}", tags=["go-lives"], responses=refusals(NotFound))
GoLivePath = Annotated[str, Path(alias="golive", pattern=r"^GL-[1-9][0-9]{0,5}$", description="for example GL-1")]


async def _progress(request: Request) -> Progress:
    progress: Progress = request.app.state.progress
    return progress


TheProgress = Annotated[Progress, Depends(_progress)]


class Asked:
    """The go-live as known at an instant."""

    def __init__(self, golive: GoLivePath, ledger: TheLedger, progress: TheProgress, as_of: AsOf = None) -> None:
        self.golive = golive
        self.ledger = ledger
        self.progress = progress
        self.as_of = as_of

    @contextmanager
    def sight(self, only: Only = EVERYTHING) -> Iterator[Sight]:
        with self.progress.look(self.ledger, self.as_of) as outline:
            yield outline.sight(self.golive, only)


AsAsked = Annotated[Asked, Depends()]


class Snapshots(BaseModel):
    """The newest first."""

    snapshots: list[SnapshotHead]


@router.get("/figures", summary="Everything countable of a go-live")
def read_golive_figures(asked: AsAsked, system: Slug | None = None, severity: Severity | None = None) -> GoLiveFigures:
    """Of all its tickets, or of those of one system or severity."""
    with asked.sight(Only(system, severity)) as sight:
        return sight.figures


@router.get("/burndown", summary="Open tickets against the plan")
def read_burndown(asked: AsAsked) -> PlannedBurndown:
    with asked.sight() as sight:
        return sight.burndown


@router.get("/forecast", summary="When the exit criteria will hold")
def read_forecast(asked: AsAsked) -> GoLiveForecast:
    """An interval, or why there is none yet. docs/forecast.md says how far it can be believed."""
    with asked.sight() as sight:
        return sight.forecast


@router.get("/readiness", summary="The exit criteria, with their evidence")
def read_readiness(asked: AsAsked) -> Readiness:
    with asked.sight() as sight:
        return sight.readiness


@router.get("/status", summary="All of it at once, as a snapshot keeps it")
def read_status(asked: AsAsked) -> Status:
    with asked.sight() as sight:
        return sight.status


@router.get("/snapshots", summary="List the snapshots")
def list_snapshots(golive: GoLivePath, ledger: TheLedger, limit: Annotated[int, Query(ge=1, le=400)] = 60) -> Snapshots:
    with ledger.database.read() as connection:
        found = list(snapshots_of(connection, golives_of(connection).find(golive)))[:limit]
    return Snapshots(snapshots=[SnapshotHead.model_validate(each.model_dump(exclude={"content"})) for each in found])


@router.post("/snapshots", status_code=201, summary="Take a snapshot now", responses=refusals(Refused))
async def take_snapshot(asked: AsAsked, caller: Caller) -> SnapshotHead:
    """Between two stand-ups, for example to end the hypercare on it."""

    def look() -> tuple[GoLive, SnapshotTaken]:
        with asked.sight() as sight:
            return sight.golive, taken_now(sight)

    golive, snapshot = await asyncio.to_thread(look)
    if not await asked.ledger.written(keeping(golive, snapshot, caller)):
        raise Refused(f"{snapshot.snapshot} was taken in this very second")
    return SnapshotHead(id=snapshot.snapshot, **snapshot.model_dump(include={"golive", "day", "as_of", "digest"}))


@router.get("/snapshots/{day}", summary="Read a snapshot")
def read_snapshot(golive: GoLivePath, day: date, ledger: TheLedger) -> Snapshot:
    """As it was kept: `digest` is SHA-256 over the canonical JSON (RFC 8785) of `content`."""
    with ledger.database.read() as connection:
        return newest(connection, golives_of(connection).find(golive), day=day)


_CONTENT: dict[str, Any] = {media.partition(";")[0]: {} for media in MEDIA.values()}
REPORTS: dict[int | str, dict[str, Any]] = {200: {"description": "The report", "content": _CONTENT}}


def _kept(golive: GoLivePath, ledger: TheLedger, as_of: AsOf = None, day: date | None = None) -> Snapshot:
    with ledger.database.read() as connection:
        return newest(connection, golives_of(connection).find(golive), as_of, day)


@router.get(
    "/report",
    summary="The stand-up, or the executive status",
    response_class=Response,
    responses=REPORTS | refusals(NotFound, Misconfigured),
)
def read_report(kept: Annotated[Snapshot, Depends(_kept)], kind: Kind = "standup", format: Form = "html") -> Response:
    """Made of the newest snapshot, of the newest one up to `as_of`, or of that of a `day`, and of nothing else. PDF needs typst."""
    made = report(kept, kind, format)
    return Response(made.content, media_type=made.media_type, headers=made.headers)
