"""What a model may see of a ticket, and what models and rules answer.

Every figure is rounded to four decimals on construction, so that it reads the same before and after canonical JSON.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.words import Kind, Severity


def _four_decimals(figure: float) -> float:
    return round(figure, 4) + 0.0


Figure = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_four_decimals)]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(_four_decimals)]
Decision = Literal["route", "triage"]


class Shape(BaseModel):
    """Frozen and closed: an unknown field is an error of the sender."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class TicketText(Shape):
    """All that a model or a floor may see. `TicketText.model_validate(ticket)` takes it from a ticket or a submission."""

    title: str
    body: str = ""
    site: str = ""
    reporter_role: str = ""
    language: str | None = None
    area: str | None = None
    equipment: str | None = None
    process_order: str | None = None
    batch: str | None = None
    stopped: str | None = None
    workaround: str | None = None
    clock: str | None = None
    people_affected: int | None = None


class Floor(Shape):
    """A rule that holds for a ticket: the least severity it allows (None: it only flags), and why, in words for the reporter."""

    rule: str
    severity: Severity | None
    gxp: bool
    reason: str


class RankedSystem(Shape):
    system: str
    probability: Probability


class RankedSeverity(Shape):
    severity: Severity
    probability: Probability


class Word(Shape):
    """A term of the ticket, a `field:value`, or a `concept:` in words, and what it added to the score of the first-ranked system."""

    term: str
    weight: Figure


class SimilarTicket(Shape):
    """`same_incident`: very likely the same incident told again."""

    ticket: str
    score: Probability
    same_incident: bool = False


class KnownErrorHit(Shape):
    """An approved known error that a ticket is like, with the wording that was offered. Read back from decisions, which may be extended."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    known_error: str
    score: Probability
    title: str
    workaround: str


class Prediction(Shape):
    """A model's answer. `systems` is ordered, most probable first, and holds every system the model knows; `severities` is sev1 to sev4.

    `prediction_set` holds the systems that cannot be excluded at the model's error rate. `decision` is "route" where `confidence`, the
    probability of the first system, reaches `threshold`, the one that this system earned, and the text is more than a few words.
    `sev1_candidate` says that `sev1_risk` is high enough to have a person look at once. `severity` is the suggestion of least expected
    cost, not the likeliest of `severities`. `unknown_words` is the share of the text's words that the model never learned from.
    """

    systems: Annotated[tuple[RankedSystem, ...], Field(min_length=1)]
    prediction_set: tuple[str, ...]
    confidence: Probability
    threshold: Probability
    decision: Decision
    severity: Severity
    severities: tuple[RankedSeverity, ...]
    sev1_risk: Probability
    sev1_candidate: bool
    gxp: bool
    kind: Kind
    unknown_words: Probability = 0.0
    words: tuple[Word, ...] = ()
    similar: tuple[SimilarTicket, ...] = ()
    model: str
