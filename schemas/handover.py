"""What one shift hands to the next: every open ticket once, with who has it, what comes next and what falls due."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from schemas.attention import TicketNote
from schemas.clocks import Clock
from schemas.golive_figures import Light

Place = Literal["grave", "due", "waiting", "workarounds", "changed", "others"]
PLACES: tuple[Place, ...] = ("grave", "due", "waiting", "workarounds", "changed", "others")
NOBODY = "nobody"


class Falling(BaseModel, frozen=True):
    """A clock that is late already, or falls due before the next shift ends."""

    clock: Clock
    due_at: datetime
    late: bool


class Change(BaseModel, frozen=True):
    """What happened to a ticket in the shift, by whom."""

    at: datetime
    what: str
    by: str
    reason: str | None = None


class HandoverItem(BaseModel, frozen=True):
    """`owner` is "nobody" where nobody has it. `changes`: of this shift, without the services' own."""

    note: TicketNote
    owner: str
    next_step: str
    falling: tuple[Falling, ...] = ()
    changes: tuple[Change, ...] = ()


class Ended(BaseModel, frozen=True):
    """A ticket that ceased to be open in the shift."""

    ticket: str
    title: str
    state: str
    by: str


class Handover(BaseModel, frozen=True):
    """As known at `as_of`: the end of the shift, or now while it runs. `next_end`: until when the next shift lasts.

    `items`: every open ticket in the first place that fits: `grave` (Sev1, Sev2), `due` (late, or due before the next shift ends),
    `waiting` (for the reporter, or for a retest), `workarounds` (in force), `changed` (in the shift), `others`.
    """

    golive: str
    name: str
    site: str
    time_zone: str
    begin: datetime
    end: datetime
    next_end: datetime
    as_of: datetime
    ledger_seq: int
    light: Light
    reasons: tuple[str, ...]
    arrived: int
    items: dict[Place, tuple[HandoverItem, ...]]
    ended: tuple[Ended, ...]
