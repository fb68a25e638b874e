"""How far the model may act alone, at which site, and on what evidence."""

from pydantic import BaseModel

from schemas.words import Name
from services.api.desk import AtDesk
from services.trust import Autonomy, Check, Mode, Sev1Guard, Trust
from services.web.bodies import router as json_router

router = json_router("model")


class Standing(BaseModel):
    """`check` is of the version that decided last; absent before the first decision."""

    mode: Mode
    check: Check | None
    classes: list[Autonomy]
    sev1: list[Sev1Guard]


@router.get("/v1/autonomy", summary="Read how far the model may act alone")
def read_autonomy(desk: AtDesk, site: Name | None = None) -> Standing:
    """Of every site and system that the model has named: suggest or route, with the confirmed answers it rests on and how many are missing.

    The Sev1 guard of a site says "all flagged" until 59 confirmed Sev1 allow a promise.
    """
    with desk.judgements.up_to_date(desk.ledger.database) as judgements:
        trust = Trust(judgements, desk.mode)
        classes = [each for each in judgements.classes() if site in (None, each[0])]
        model = next((each.said.model for each in judgements.newest() if each.said), None)
        check = trust.check(model) if model else None
        return Standing(
            mode=desk.mode,
            check=check,
            classes=[trust.autonomy(*each, check) for each in classes],
            sev1=[trust.sev1_guard(name, model or "") for name in dict.fromkeys(each[0] for each in classes)],
        )
