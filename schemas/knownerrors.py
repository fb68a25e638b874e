"""Faults that are understood and not yet mended, with the way round them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlmodel import SQLModel

from schemas.columns import instant, integer, text
from schemas.words import Line, Name, Prose, Slug

KnownErrorId = Annotated[str, StringConstraints(pattern=r"^KE-[1-9][0-9]{0,8}$")]
KnownErrorState = Literal["draft", "approved", "retired"]


class KnownErrorText(BaseModel):
    """What is known. `symptom` in the words of those who report it: tickets are compared with it. `site` absent: at every site."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Line
    symptom: Annotated[Prose, StringConstraints(min_length=20)]
    cause: Prose = ""
    workaround: Annotated[Prose, StringConstraints(min_length=1)]
    system: Slug
    site: Name | None = None


class KnownError(SQLModel):
    """As its events made it. `hits` counts the tickets that it was offered to."""

    id: str = text(primary_key=True)
    state: KnownErrorState = text()
    title: str = text()
    symptom: str = text()
    cause: str = text()
    workaround: str = text()
    system: str = text()
    site: str | None = text(default=None)
    author: str = text()
    approver: str | None = text(default=None)
    hits: int = integer(default=0)
    recorded_at: datetime = instant()
    approved_at: datetime | None = instant(default=None)
    retired_at: datetime | None = instant(default=None)
