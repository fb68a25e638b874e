"""What the routes are asked with: the ledger of the process, and an instant."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import AfterValidator

from schemas.words import in_utc
from services.ledger import Ledger


async def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


def _recorded(instant: datetime) -> datetime:
    try:
        return in_utc(instant)
    except OverflowError:
        raise ValueError("lies outside of the calendar") from None


TheLedger = Annotated[Ledger, Depends(_ledger)]
AsOf = Annotated[Annotated[datetime, AfterValidator(_recorded)] | None, Query(description="As known at this instant; without it, now")]
