"""The API as it is, with its validation, answers and errors, but without a write: `python -m tests.bench.bare PORT`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import uvicorn

from schemas.tickets import Ticket
from services.api.desk import Desk
from services.api.routes import ROUTERS, furnish
from services.db import open_database
from services.ledger import Draft, Ledger, Slot
from services.settings import load_settings
from services.teams import load_teams
from services.web.app import create_app
from services.web.callers import open_callers

T = TypeVar("T")
NOW = datetime.now(UTC)
TOLD = {"site": "Cork", "title": "bench", "body": "", "reporter": "bench", "reporter_role": "operator"}
MADE = Ticket.model_validate(
    TOLD | {"id": "HC-1", "version": 1, "state": "submitted", "occurred_at": NOW, "submitted_at": NOW, "changed_at": NOW}
)


class NoWrite(Desk):
    """Answers every write at once, with the same new ticket."""

    async def write(self, command: Callable[[Draft], T], *reads: Slot) -> T:
        return cast(T, (MADE, True))


def main() -> None:
    settings = load_settings()
    app: Any = create_app(ROUTERS, open_callers(None))
    furnish(app, NoWrite(Ledger(open_database(settings.database_url)), load_teams(None)))
    uvicorn.run(app, port=settings.port, log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    main()
