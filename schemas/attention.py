"""What the people of a go-live look at one by one: the tickets behind the figures, as they were known at an instant."""

from datetime import datetime

from pydantic import BaseModel

from schemas.words import GxpFlag, Severity, State, WaitingFor

MOST_LISTED = 30
"""So many tickets of a list are kept."""


class TicketNote(BaseModel, frozen=True):
    """A ticket as it was known. `late`: names of the clocks whose target it has passed, and "promise" where the promised date is over."""

    id: str
    title: str
    state: State
    severity: Severity | None
    system: str | None
    team: str | None
    area: str | None
    batch: str | None
    owner: str | None
    since: datetime
    due_at: datetime | None
    waiting_for: WaitingFor | None
    clock: str | None
    workaround: str | None
    worked_around_at: datetime | None
    workaround_accepted: bool
    gxp: GxpFlag
    gxp_assessed: bool
    quality_record: str | None
    reopened: int
    late: tuple[str, ...] = ()


class Listed(BaseModel, frozen=True):
    """The ids of a list, the first 30; `total` counts all of them."""

    total: int = 0
    tickets: tuple[str, ...] = ()


class Told(BaseModel, frozen=True):
    """Tickets that tell of one thing: a known error, or the parent of a group. How many in all, in the last 24 h, and open ones."""

    id: str
    title: str
    tickets: int
    day: int
    open: int
    workaround: str | None = None


class Quality(BaseModel, frozen=True):
    """Tickets with a GxP flag that were not cancelled: how many a person assessed, confirmed, and linked to a quality record."""

    flagged: int = 0
    assessed: int = 0
    confirmed: int = 0
    linked: int = 0


class Attention(BaseModel, frozen=True):
    """`tickets` holds those that the lists name. `new`: tickets of the last 24 h by system and severity.

    `gxp`: flagged and open, not assessed, or confirmed and not linked. `grave`: open Sev1 and Sev2. `late`: open and past a target or a
    promised date. `oldest`: the open ones by age. `workarounds`: open with a workaround, the oldest first.
    """

    tickets: dict[str, TicketNote] = {}
    gxp: Listed = Listed()
    grave: Listed = Listed()
    late: Listed = Listed()
    oldest: Listed = Listed()
    workarounds: Listed = Listed()
    new: dict[str, dict[str, int]] = {}
    groups: tuple[Told, ...] = ()
    known_errors: tuple[Told, ...] = ()
    quality: Quality = Quality()
