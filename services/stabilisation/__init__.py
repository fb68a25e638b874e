"""Are we stable yet? Figures as JSON, as a page for people, and as series for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from prometheus_client.exposition import choose_encoder

from schemas.figures import Figures, Overview
from schemas.words import Name
from services.errors import NotFound
from services.ledger import Ledger
from services.stabilisation.asked import AsOf, TheLedger
from services.stabilisation.board import SECURITY, board
from services.stabilisation.clock_routes import router as clock_router
from services.stabilisation.figures import figures, overview
from services.stabilisation.golive_board import verdicts
from services.stabilisation.golive_routes import TheProgress
from services.stabilisation.golive_routes import router as golive_router
from services.stabilisation.handover_routes import router as handover_router
from services.stabilisation.metrics import Metrics, Pipeline, registry
from services.stabilisation.progress import Progress
from services.stabilisation.pulse import Pulse
from services.stabilisation.watching import Watch
from services.web.problems import refusals

metrics_router = APIRouter()
"""Every process answers a scrape. `router` holds it too."""

router = APIRouter()


async def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


TheWatch = Annotated[Watch, Depends(_watch)]


@router.get("/v1/figures", tags=["stabilisation"])
def read_overview(ledger: TheLedger, as_of: AsOf = None) -> Overview:
    """The sites, and the figures of all of them together."""
    return overview(ledger, as_of)


@router.get("/v1/sites/{site:path}/figures", tags=["stabilisation"], responses=refusals(NotFound))
def read_figures(site: Name, ledger: TheLedger, as_of: AsOf = None) -> Figures:
    """The figures of one site; 404 if no ticket was ever reported there."""
    return figures(ledger, site, as_of)


@router.get("/board", tags=["stabilisation"], response_class=HTMLResponse, responses=refusals(NotFound))
def read_board(ledger: TheLedger, watch: TheWatch, progress: TheProgress, site: Name | None = None, refresh: bool = True) -> HTMLResponse:
    """The figures as a page that renews itself every 10 s; `refresh=false` keeps it still."""
    with progress.look(ledger) as outline:
        cards = verdicts([outline.sight(each.id) for each in outline.newest() if site in (None, each.site)])
    return HTMLResponse(board(ledger, site, refresh, cards, watch.look(ledger.database)), headers=SECURITY)


@metrics_router.get("/metrics", tags=["operation"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def read_metrics(request: Request) -> Response:
    """Prometheus text, or OpenMetrics where the Accept header asks for it."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry(request.app.state.collector)), headers={"content-type": media_type})


router.include_router(metrics_router)
router.include_router(golive_router)
router.include_router(clock_router)
router.include_router(handover_router)


def furnish(app: FastAPI, ledger: Ledger, watch: Watch, progress: Progress) -> None:
    """Give the routes what they work with."""
    app.state.ledger, app.state.watch, app.state.progress = ledger, watch, progress
    app.state.collector = Metrics(ledger, watch, Pulse(progress))


def furnish_metrics(app: FastAPI, ledger: Ledger) -> None:
    """For a process that offers no figures: what it tells is the pipeline."""
    app.state.ledger, app.state.collector = ledger, Pipeline(ledger)
