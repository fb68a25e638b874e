"""The attributes of a CloudEvent (version 1.0) that the intake looks at; others may be there."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from schemas.words import Printable

Attribute = Annotated[Printable, StringConstraints(min_length=1, max_length=200)]


class Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    type: Attribute
    datacontenttype: Attribute = "application/json"
