"""What a site is promised, over HTTP: the policy that its clocks run by, and those before it."""

from dataclasses import replace
from typing import Annotated

from fastapi import Path
from pydantic import ConfigDict

from schemas.clocks import PolicyText, SitePolicies
from schemas.words import Name
from services.api.changes import Explained
from services.api.desk import AtDesk
from services.api.submissions import BODY_REFUSALS
from services.errors import NotFound
from services.ledger import Draft
from services.policies import NOTHING_TOLD, Terms, adopt_policy, in_terms, shipped_policy, standing, terms_of
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.problems import refusals

router = json_router("clocks")
SitePath = Annotated[Name, Path(description="The plant, for example Cork")]


class Promised(Explained, PolicyText):
    model_config = ConfigDict(extra="forbid", frozen=True)


@router.get("/v1/sites/{site:path}/policy", summary="Read the policy of a site", responses=refusals(NotFound))
def read_policy(site: SitePath, desk: AtDesk) -> SitePolicies:
    """The one in force, and all there were; number 0 is the shipped one."""
    with desk.ledger.database.read() as connection:
        terms = in_terms(terms_of(connection), site)
    return _told(site, terms)


@router.put("/v1/sites/{site:path}/policy", summary="Adopt a policy", responses=BODY_REFUSALS | refusals(NotFound))
async def change_policy(site: SitePath, told: Promised, caller: Caller, desk: AtDesk) -> SitePolicies:
    """For the clocks that start from now on: those that run, and what was missed, stay as they are."""
    text = PolicyText.model_validate(told.model_dump(exclude={"reason"}))

    def command(draft: Draft) -> Terms:
        adopt_policy(draft, site, text, replace(caller, reason=told.reason))
        return standing(draft, site)

    return _told(site, await desk.write(command))


def _told(site: str, terms: Terms = NOTHING_TOLD) -> SitePolicies:
    history = (shipped_policy(), *terms.policies)
    return SitePolicies(site=site, in_force=history[-1], history=history)
