"""The handover of a shift over HTTP: as data, and as a text or a page to read."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator

from schemas.handover import Handover
from schemas.words import in_utc
from services.errors import NotFound
from services.stabilisation.asked import TheLedger
from services.stabilisation.golive_routes import GoLivePath, TheProgress
from services.stabilisation.handover import handover
from services.stabilisation.report import MEDIA
from services.stabilisation.report.handover import handover_document
from services.stabilisation.report.letter import letter
from services.stabilisation.report.markdown import markdown
from services.stabilisation.report.page import SECURITY, page
from services.web.problems import refusals

router = APIRouter(prefix="/v1/golives/{golive}", tags=["go-lives"], responses=refusals(NotFound))
Shift = Annotated[
    Annotated[datetime, AfterValidator(in_utc)] | None,
    Query(description="The shift that runs at this instant, or ran last before it; without it, now"),
]
TEXT = "text/plain; charset=utf-8"
FORMS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The handover", "content": {kind.partition(";")[0]: {} for kind in (MEDIA["md"], MEDIA["html"], TEXT)}}
}


def _drafted(golive: GoLivePath, ledger: TheLedger, progress: TheProgress, shift: Shift = None) -> Handover:
    return handover(progress, ledger, golive, shift)


Drafted = Annotated[Handover, Depends(_drafted)]


@router.get("/handover", summary="What a shift hands to the next")
def read_handover(drafted: Drafted) -> Handover:
    """Every open ticket once, with who has it, what comes next and what falls due before the next shift ends."""
    return drafted


@router.get("/handover/report", summary="The handover to read", response_class=Response, responses=FORMS)
def read_handover_report(drafted: Drafted, format: Literal["md", "html", "txt"] = "html") -> Response:
    """`txt` is what goes out by mail when the shift ends."""
    told = handover_document(drafted)
    if format == "md":
        return Response(markdown(told), media_type=MEDIA["md"])
    if format == "txt":
        return Response(letter(told), media_type=TEXT)
    return Response(page(told), media_type=MEDIA["html"], headers=SECURITY)
