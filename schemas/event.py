"""What every event is."""

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """A fact, in the past participle. Who, when and why stand in its ledger entry. An unknown field is ignored on reading."""

    model_config = ConfigDict(frozen=True, extra="ignore")
