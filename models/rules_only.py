"""Where no model can be used: every ticket goes to a person, and the floors alone say what is grave."""

from collections.abc import Sequence

from schemas.figures import UNDECIDED
from schemas.predictions import Prediction, RankedSeverity, RankedSystem, TicketText
from schemas.words import SEVERITIES

VERSION = "rules"


class RulesOnly:
    """A `Model` that knows nothing: no system is likelier than another, and it names none."""

    version = VERSION

    def predict(self, texts: Sequence[TicketText]) -> list[Prediction]:
        return [_ANSWER for _ in texts]


_ANSWER = Prediction(
    systems=(RankedSystem(system=UNDECIDED, probability=0.0),),
    prediction_set=(),
    confidence=0.0,
    threshold=1.0,
    decision="triage",
    severity="sev3",
    severities=tuple(RankedSeverity(severity=name, probability=0.25) for name in SEVERITIES),
    sev1_risk=0.25,
    sev1_candidate=False,
    gxp=False,
    kind="defect",
    model=VERSION,
)
