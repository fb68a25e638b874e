"""What an on-call tool gets when a ticket is its system's: complete in one record."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from schemas.tickets import Ticket


class Links(BaseModel):
    model_config = ConfigDict(frozen=True)

    ticket: str
    history: str


class RoutedTicket(BaseModel):
    """The ticket as the event left it, and why it is here: it was routed, rated anew, or opened again."""

    model_config = ConfigDict(frozen=True)

    event: str
    type: str
    actor: str
    role: str
    reason: str | None
    recorded_at: datetime
    ticket: Ticket
    links: Links
