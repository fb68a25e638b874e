"""Decides where a submitted ticket goes: to a team, or to the triage queue where a person decides with the suggestion in sight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.errors import ModelError
from models.floors import Floors, load_floors
from models.registry import load_model
from models.severity import severity_of
from models.triage import Model, TriageModel
from schemas.events import Event, TicketClassified, TicketQueued, TicketRouted, TicketSubmitted
from schemas.predictions import Floor, Prediction, TicketText
from schemas.tickets import Ticket
from services.errors import Misconfigured
from services.runner import Occurrence, Service
from services.settings import Settings
from services.teams import Teams


@dataclass(frozen=True, slots=True)
class Decider:
    """Model, rules and configuration: the same three give the same decision. `model` is asked anew per batch, so it can be swapped."""

    model: Callable[[], Model]
    floors: Floors
    teams: Teams

    def decide(self, work: Sequence[Occurrence]) -> list[list[Event]]:
        texts = [TicketText.model_validate(occurrence.ticket) for occurrence in work]
        predictions = self.model().predict(texts)
        floors = [self.floors.hits(text) for text in texts]
        answers = zip(work, predictions, floors, strict=True)
        return [self._follow(each.ticket, prediction, hits) for each, prediction, hits in answers]

    def _follow(self, ticket: Ticket, prediction: Prediction, floors: Sequence[Floor]) -> list[Event]:
        classified = self._classified(ticket, prediction, floors)
        team = self.teams.owner(ticket.site, classified.system)
        if prediction.decision == "route" and team:
            return [classified, TicketRouted(system=classified.system, team=team)]
        return [classified, TicketQueued(suggestion=classified.system)]

    def _classified(self, ticket: Ticket, prediction: Prediction, floors: Sequence[Floor]) -> TicketClassified:
        decision = severity_of(floors, ticket.reported_severity, prediction.severity)
        return TicketClassified(
            system=prediction.systems[0].system,
            severity=decision.severity,
            gxp="potential" if prediction.gxp or any(floor.gxp for floor in floors) else "none",
            decided_by=decision.decided_by,
            reasons=tuple(dict.fromkeys((decision.reason, *(floor.reason for floor in floors)))),
            prediction=prediction.model_dump(mode="json"),
            floors=tuple(floor.model_dump(mode="json") for floor in floors),
            model=prediction.model,
            rules=self.floors.digest,
            configuration=self.teams.digest(),
        )


def _to_a_person(occurrence: Occurrence) -> Sequence[Event]:
    """What the classifier cannot read, a person does."""
    return (TicketQueued(),)


def learned(settings: Settings) -> tuple[TriageModel, Floors]:
    """The model and the rules of these settings. `Misconfigured` where one of them cannot be used."""
    try:
        return load_model(settings.model), load_floors(settings.floors_file)
    except ModelError as error:
        raise Misconfigured(str(error)) from error


def classifier(decider: Decider) -> Service:
    return Service("classifier", (TicketSubmitted,), decider.decide, _to_a_person)
