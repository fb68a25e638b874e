"""/v1/oncall/night: what the last check before the night found."""

from datetime import datetime

from schemas.oncall_events import NightChecked
from services.api.desk import AtDesk
from services.errors import NotFound
from services.oncall.evening import OVERDUE, last_check
from services.web.bodies import router as json_router
from services.web.problems import refusals

NEVER = "No night was checked yet. A process with the role dispatcher checks when it starts, and every evening: is one running?"

router = json_router("on call")


class Night(NightChecked):
    """As a process found it that tells people, with its settings. `checked_at`: when it found this first; it looks again every ten minutes
    until the morning. `overdue`: no evening was checked since.
    """

    checked_at: datetime
    overdue: bool


@router.get("/v1/oncall/night", summary="Read the check of the night", responses=refusals(NotFound))
def read_night(desk: AtDesk) -> Night:
    """Whom nobody could reach until the morning, and at which steps nobody would be there."""
    with desk.ledger.database.read() as connection:
        entry = last_check(connection)
    if entry is None:
        raise NotFound(NEVER)
    overdue = desk.ledger.clock() - entry.recorded_at > OVERDUE
    return Night.model_validate(entry.data | {"checked_at": entry.recorded_at, "overdue": overdue})
