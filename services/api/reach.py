"""/v1/oncall/people: whether a person can be reached, as their last messages tell, and a message that finds out."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel

from schemas.oncall import Reach, Trial
from services.api.desk import AtDesk
from services.errors import Conflict, Invalid, NotFound
from services.oncall.trial import reach_of, try_reach
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.problems import refusals

PersonPath = Annotated[str, Path(alias="person", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="as the teams file calls them")]

router = json_router("on call")


class ReachList(BaseModel):
    """Targets for pages first."""

    person: str
    targets: list[Reach]


@router.get("/v1/oncall/people/{person}/reach", summary="Read what became of a person's last messages", responses=refusals(NotFound))
def read_reach(person: PersonPath, desk: AtDesk) -> ReachList:
    """The newest message to each of their targets; nothing is sent."""
    with desk.ledger.database.read() as connection:
        return ReachList(person=person, targets=reach_of(connection, desk.teams, person))


@router.post(
    "/v1/oncall/people/{person}/try", status_code=201, summary="Send a test message", responses=refusals(NotFound, Invalid, Conflict)
)
async def try_person(person: PersonPath, caller: Caller, desk: AtDesk) -> Trial:
    """To each of their own targets, with a text that says that nothing has happened. Not to tools that keep incidents."""
    return await desk.write(lambda draft: try_reach(draft, desk.teams, person, caller))
