"""Decides where a submitted ticket goes: to a team, or to the triage queue where a person decides with the suggestion in sight."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from models.floors import Floors
from models.severity import severity_of
from models.similar import LEAST, MOST
from schemas.events import Event, TicketClassified, TicketGrouped, TicketQueued, TicketRouted
from schemas.figures import UNDECIDED
from schemas.predictions import Floor, Prediction, SimilarTicket, TicketText
from schemas.tickets import Ticket
from schemas.words import GxpFlag
from services.classifier.memory import Memory
from services.classifier.mind import Thought
from services.classifier.storms import parent_of, storm
from services.runner import Aside, Occurrence
from services.teams import Teams
from services.trust import Autonomy, Mode, Trust


@dataclass(frozen=True, slots=True)
class Policy:
    """How far the model may go: see `services.trust`. `blind_share` of the tickets are decided on without a suggestion in sight."""

    mode: Mode = "earned"
    blind_share: float = 0.0

    def blind(self, ticket: str) -> bool:
        """By the ticket's name alone, so that nobody chooses and it can be told again."""
        return int.from_bytes(sha256(f"blind:{ticket}".encode()).digest()[:4]) < self.blind_share * 2**32


class View(NamedTuple):
    """A ticket with all that was found about it."""

    ticket: Ticket
    text: TicketText
    prediction: Prediction
    floors: tuple[Floor, ...]
    alike: tuple[SimilarTicket, ...]
    shadow: Prediction | None


@dataclass(frozen=True, slots=True)
class Decider:
    """Mind, rules, teams and policy: with the same four, up to the same seq, a ticket gets the same decision."""

    mind: Callable[[], AbstractContextManager[Thought]]
    floors: Floors
    teams: Teams
    policy: Policy

    def decide(self, work: Sequence[Occurrence]) -> list[list[Event | Aside]]:
        with self.mind() as thought:
            views = self._views(thought, [occurrence.ticket for occurrence in work])
            thought.memory.expect((view.ticket.id, view.prediction.systems[0].system) for view in views)
            return [self._follow(thought, view) for view in views]

    def _views(self, thought: Thought, tickets: Sequence[Ticket]) -> list[View]:
        texts = [TicketText.model_validate(ticket) for ticket in tickets]
        shadows = thought.shadow.predict(texts) if thought.shadow else [None] * len(texts)
        floors = map(self.floors.hits, texts)
        alike = thought.memory.alike(texts, [ticket.id for ticket in tickets])
        found = zip(tickets, texts, thought.model.predict(texts), floors, alike, shadows, strict=True)
        return [View(*each) for each in found]

    def _follow(self, thought: Thought, view: View) -> list[Event | Aside]:
        ticket, prediction = view.ticket, view.prediction
        classified = self._classified(thought, view)
        team = self.teams.owner(ticket.site, classified.system)
        alone = classified.autonomy is not None and classified.autonomy["state"] == "route"
        joined = _joined(thought.memory, view)
        if prediction.decision == "route" and alone and team and not classified.blind:
            return [classified, TicketRouted(system=classified.system, team=team), *joined]
        return [classified, TicketQueued(suggestion=_suggested(classified)), *joined]

    def _classified(self, thought: Thought, view: View) -> TicketClassified:
        ticket, prediction = view.ticket, view.prediction
        decision = severity_of(view.floors, ticket.reported_severity, prediction.severity)
        system = prediction.systems[0].system
        similar = tuple(_in_its_place(one, ticket, thought.memory) for one in view.alike if one.score >= LEAST)[:MOST]
        return TicketClassified(
            system=system,
            severity=decision.severity,
            gxp=_gxp(prediction, view.floors),
            decided_by=decision.decided_by,
            reasons=tuple(dict.fromkeys((decision.reason, *(floor.reason for floor in view.floors)))),
            prediction=prediction.model_copy(update={"similar": similar}).model_dump(mode="json"),
            floors=tuple(floor.model_dump(mode="json") for floor in view.floors),
            model=prediction.model,
            rules=self.floors.digest,
            configuration=self.teams.digest(),
            as_of=thought.memory.position,
            autonomy=self._autonomy(thought, ticket.site, system).model_dump(mode="json", exclude={"site", "system"}),
            blind=self.policy.blind(ticket.id),
            known_errors=tuple(hit.model_dump(mode="json") for hit in thought.memory.known_errors(view.text)),
            shadow=_spoken(view.shadow),
        )

    def _autonomy(self, thought: Thought, site: str, system: str) -> Autonomy:
        """A version that fails its rolling check acts alone nowhere."""
        trust = Trust(thought.memory.judgements, self.policy.mode)
        autonomy, check = trust.autonomy(site, system), trust.check(thought.model.version)
        if check.holds:
            return autonomy
        why = f"the model fails its rolling check ({check.right} of {check.judged} right): rules and people decide"
        return autonomy.model_copy(update={"state": "suggest", "why": why})


def _gxp(prediction: Prediction, floors: Sequence[Floor]) -> GxpFlag:
    return "potential" if prediction.gxp or any(floor.gxp for floor in floors) else "none"


def _suggested(classified: TicketClassified) -> str | None:
    return None if classified.blind or classified.system == UNDECIDED else classified.system


def _spoken(shadow: Prediction | None) -> dict[str, object] | None:
    if shadow is None:
        return None
    said = {"model": shadow.model, "system": shadow.systems[0].system, "severity": shadow.severity}
    return said | {"confidence": shadow.confidence, "decision": shadow.decision, "sev1_risk": shadow.sev1_risk}


def _in_its_place(one: SimilarTicket, ticket: Ticket, memory: Memory) -> SimilarTicket:
    """The same words at another site, or of another batch, are another incident."""
    case = memory.cases.get(one.ticket)
    same = case is not None and case.site == ticket.site and case.batch == ticket.batch
    return one.model_copy(update={"same_incident": one.same_incident and same})


def _joined(memory: Memory, view: View) -> list[Aside]:
    """Where a storm is on: what puts this ticket and the others under one parent. Each may be refused without harm to the decision."""
    case = memory.cases.get(view.ticket.id)
    members = storm(case, view.alike, memory.cases) if case else []
    if case is None or not members:
        return []
    parent = parent_of(members, memory.cases)
    children = (each for each in [*members, case] if each is not parent and each.parent is None and not each.kept_apart)
    return [Aside(child.ticket, TicketGrouped(parent=parent.ticket)) for child in children]
