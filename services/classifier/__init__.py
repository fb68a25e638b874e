"""Decides where a submitted ticket goes, and says why."""

from collections.abc import Sequence

from models.errors import ModelError, ModelMissing
from models.registry import STARTER, read_manifest
from schemas.events import Event, TicketQueued, TicketSubmitted
from services.classifier.decider import Decider, Policy
from services.classifier.explanation import Explanation, explanation
from services.classifier.memory import Memory
from services.classifier.mind import Mind, Thought
from services.classifier.rules import floors_of
from services.errors import Misconfigured
from services.ledger import Ledger
from services.runner import Occurrence, Service
from services.settings import Settings
from services.shelf import Shelf
from services.teams import Teams

__all__ = [
    "Decider",
    "Explanation",
    "Memory",
    "Mind",
    "Policy",
    "Thought",
    "classifier",
    "decider_of",
    "explanation",
    "floors_of",
    "mind_of",
]


def _to_a_person(occurrence: Occurrence) -> Sequence[Event]:
    """What the classifier cannot read, a person does."""
    return (TicketQueued(),)


def mind_of(settings: Settings, ledger: Ledger) -> Mind:
    """With the version that was released, or what can be used instead of it. `Misconfigured` where the settings name no version at all."""
    try:
        read_manifest(settings.model or STARTER)
    except ModelMissing as error:
        raise Misconfigured(str(error)) from error
    except ModelError:
        pass  # it is there, but cannot be used: the mind says so in the ledger and goes on with rules
    mind = Mind(ledger, Shelf.of(settings), settings.replica)
    mind.refresh()
    return mind


def decider_of(settings: Settings, mind: Mind, teams: Teams) -> Decider:
    return Decider(mind.at_work, floors_of(settings), teams, Policy(settings.autonomy, settings.blind_share))


def classifier(decider: Decider) -> Service:
    return Service("classifier", (TicketSubmitted,), decider.decide, _to_a_person)
