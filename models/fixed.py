"""A model that answers from a table: for tests of whatever stands behind a model, without training one.

model = FixedModel({"Line 4 stands": prediction("plc_scada", 0.98, severity="sev1")})
"""

from collections.abc import Mapping, Sequence

from schemas.predictions import Prediction, RankedSeverity, RankedSystem, TicketText
from schemas.words import SEVERITIES, Severity

VERSION = "fixed-1"
OTHER = "other"


def prediction(system: str, confidence: float, *, severity: Severity = "sev3", gxp: bool = False, threshold: float = 0.8) -> Prediction:
    """A consistent answer: what `confidence` (at least 0.5) leaves goes to one other system, and the severity is certain."""
    systems = (RankedSystem(system=system, probability=confidence), RankedSystem(system=OTHER, probability=1 - confidence))
    return Prediction(
        systems=systems,
        prediction_set=(system,) if confidence >= threshold else (system, OTHER),
        confidence=confidence,
        threshold=threshold,
        decision="route" if confidence >= threshold else "triage",
        severity=severity,
        severities=tuple(RankedSeverity(severity=name, probability=float(name == severity)) for name in SEVERITIES),
        sev1_risk=float(severity == "sev1"),
        sev1_candidate=severity == "sev1",
        gxp=gxp,
        kind="defect",
        model=VERSION,
    )


class FixedModel:
    """Answers by title; a title that is not in the table gets `otherwise`."""

    version = VERSION

    def __init__(self, answers: Mapping[str, Prediction], otherwise: Prediction | None = None) -> None:
        self._answers = dict(answers)
        self._otherwise = otherwise or prediction("undecided", 0.5)

    def predict(self, texts: Sequence[TicketText]) -> list[Prediction]:
        return [self._answers.get(text.title, self._otherwise) for text in texts]
