"""Decides where a submitted ticket goes: to a team, or to the triage queue where a person decides with the suggestion in sight."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from models.floors import Floors
from models.severity import severity_of
from models.similar import LEAST, MOST, Place, in_its_place
from schemas.events import Event, TicketClassified, TicketGrouped, TicketQueued, TicketRouted
from schemas.figures import UNDECIDED
from schemas.predictions import Floor, KnownErrorHit, Prediction, SimilarTicket, TicketText
from schemas.tickets import Ticket
from schemas.words import GxpFlag
from services.classifier.memory import Case, Memory
from services.classifier.mind import Thought
from services.classifier.storms import parent_of, storm
from services.lifecycle import HISTORY
from services.runner import Aside, Occurrence
from services.teams import Teams
from services.trust import Autonomy, Mode, Sev1Guard, Trust


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
    known_errors: list[KnownErrorHit]
    shadow: Prediction | None


class Allowed:
    """What the model of a thought may do alone: worked out once per batch and class."""

    def __init__(self, thought: Thought, mode: Mode) -> None:
        self._trust = Trust(thought.memory.judgements, mode)
        self._check = self._trust.check(thought.model.version)
        self._model = thought.model.version
        self._known: dict[tuple[str, str], Autonomy] = {}
        self._guards: dict[str, Sev1Guard] = {}

    def guard(self, site: str) -> Sev1Guard:
        if site not in self._guards:
            self._guards[site] = self._trust.sev1_guard(site, self._model)
        return self._guards[site]

    def at(self, site: str, system: str) -> Autonomy:
        if (site, system) not in self._known:
            self._known[site, system] = self._trust.autonomy(site, system, self._check)
        return self._known[site, system]


@dataclass(frozen=True, slots=True)
class Decider:
    """Mind, rules, teams and policy: with the same four, up to the same seq, a ticket gets the same decision."""

    mind: Callable[[], AbstractContextManager[Thought]]
    floors: Floors
    teams: Teams
    policy: Policy

    def decide(self, work: Sequence[Occurrence]) -> list[list[Event | Aside]]:
        answers = iter(self._answers([occurrence for occurrence in work if not _dealt_with(occurrence)]))
        return [[] if _dealt_with(occurrence) else next(answers) for occurrence in work]

    def _answers(self, work: Sequence[Occurrence]) -> list[list[Event | Aside]]:
        if not work:
            return []
        with self.mind() as thought:
            views = self._views(thought, [occurrence.ticket for occurrence in work])
            thought.memory.expect((view.ticket.id, view.prediction.systems[0].system) for view in views)
            allowed = Allowed(thought, self.policy.mode)
            return [self._follow(thought.memory, view, allowed) for view in views]

    def _views(self, thought: Thought, tickets: Sequence[Ticket]) -> list[View]:
        texts = [TicketText.model_validate(ticket) for ticket in tickets]
        shadows = thought.shadow.predict(texts) if thought.shadow else [None] * len(texts)
        floors = map(self.floors.hits, texts)
        alike = thought.memory.alike(texts, [ticket.id for ticket in tickets])
        known_errors = thought.memory.known_errors(texts)
        found = zip(tickets, texts, thought.model.predict(texts), floors, alike, known_errors, shadows, strict=True)
        return [View(*each) for each in found]

    def _follow(self, memory: Memory, view: View, allowed: Allowed) -> list[Event | Aside]:
        ticket, prediction = view.ticket, view.prediction
        autonomy = allowed.at(ticket.site, prediction.systems[0].system)
        classified = self._classified(memory, view, autonomy, allowed.guard(ticket.site))
        team = self.teams.owner(ticket.site, classified.system)
        joined = _joined(memory, view)
        if prediction.decision == "route" and autonomy.state == "route" and team and not classified.blind:
            return [classified, TicketRouted(system=classified.system, team=team), *joined]
        return [classified, TicketQueued(suggestion=_suggested(classified)), *joined]

    def _classified(self, memory: Memory, view: View, autonomy: Autonomy, guard: Sev1Guard) -> TicketClassified:
        ticket, prediction = view.ticket, _guarded(view.prediction, guard)
        decision = severity_of(view.floors, ticket.reported_severity, prediction.severity)
        system = prediction.systems[0].system
        near = (one for one in view.alike if one.score >= LEAST)
        similar = tuple(in_its_place(one, (ticket.site, ticket.batch), _place(memory.cases.get(one.ticket))) for one in near)[:MOST]
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
            as_of=memory.position,
            autonomy=autonomy.model_dump(mode="json", exclude={"site", "system"}),
            sev1_guard=guard.model_dump(mode="json", exclude={"site", "model"}),
            blind=self.policy.blind(ticket.id),
            known_errors=tuple(hit.model_dump(mode="json") for hit in view.known_errors),
            shadow=_spoken(view.shadow),
        )


def _dealt_with(occurrence: Occurrence) -> bool:
    """Of what was moved over from an earlier tool only the tickets that nobody has touched there are left to decide."""
    return occurrence.entry.role == HISTORY and occurrence.ticket.state != "submitted"


def _guarded(prediction: Prediction, guard: Sev1Guard) -> Prediction:
    """Where enough Sev1 were confirmed at the site, they say from which risk on a ticket may be one; until then the version does."""
    return prediction if guard.edge is None else prediction.model_copy(update={"sev1_candidate": prediction.sev1_risk >= guard.edge})


def _gxp(prediction: Prediction, floors: Sequence[Floor]) -> GxpFlag:
    return "potential" if prediction.gxp or any(floor.gxp for floor in floors) else "none"


def _suggested(classified: TicketClassified) -> str | None:
    return None if classified.blind or classified.system == UNDECIDED else classified.system


def _spoken(shadow: Prediction | None) -> dict[str, object] | None:
    if shadow is None:
        return None
    said = {"model": shadow.model, "system": shadow.systems[0].system, "severity": shadow.severity}
    return said | {"confidence": shadow.confidence, "decision": shadow.decision, "sev1_risk": shadow.sev1_risk}


def _place(case: Case | None) -> Place | None:
    return (case.site, case.batch) if case else None


def _joined(memory: Memory, view: View) -> list[Aside]:
    """Where a storm is on: what puts this ticket and the others under one parent. Each may be refused without harm to the decision."""
    case = memory.cases.get(view.ticket.id)
    members = storm(case, view.alike, memory.cases) if case else []
    if case is None or not members:
        return []
    parent = parent_of(members, memory.cases)
    children = (each for each in [*members, case] if each is not parent and each.parent is None and not each.kept_apart)
    return [Aside(child.ticket, TicketGrouped(parent=parent.ticket)) for child in children]
