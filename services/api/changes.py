"""What people do with a ticket: one table, one route per line. The body is the event's fields, with the reason where one is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Body, Response
from pydantic import BaseModel, ConfigDict, create_model

from schemas import events as e
from schemas.events import Event
from schemas.tables import TICKETS
from schemas.tickets import Ticket
from schemas.words import Reason, Slug
from services.api.desk import AtDesk
from services.api.reading import TicketPath
from services.api.submissions import BODY_REFUSALS
from services.api.versions import IfMatch, answer, seen
from services.errors import Invalid, NotFound, Refused, Stale, VersionRequired
from services.ledger import Draft
from services.lifecycle import LIFECYCLE
from services.teams import Teams
from services.tickets import find, record_for_group
from services.web.bodies import router as json_router
from services.web.callers import Caller
from services.web.problems import refusals


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: Reason | None = None


class Explained(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: Reason


class Rerouted(Explained):
    """The team follows from the system and the ticket's site."""

    system: Slug


@dataclass(frozen=True, slots=True)
class Change:
    """`blind`: may be done without having seen the current version, because it takes nothing away from anybody."""

    verb: str
    event: type[Event]
    summary: str
    example: dict[str, Any]
    blind: bool = False

    def body(self) -> type[BaseModel]:
        if self.event is e.TicketRouted:
            return Rerouted
        base = Explained if LIFECYCLE[self.event].reason else Told
        fields: Any = {name: (field.annotation, field) for name, field in self.event.model_fields.items()}
        return create_model(self.verb.capitalize(), __base__=base, __doc__=self.event.__doc__, **fields)

    def happening(self, told: BaseModel, ticket: Ticket, teams: Teams) -> Event:
        fields = told.model_dump(exclude={"reason"})
        return self.event.model_validate(fields | ({"team": teams.team_for(ticket.site, fields["system"])} if "system" in fields else {}))


CHANGES = (
    Change("acknowledge", e.TicketAcknowledged, "Take a ticket into work, or say that you are still at it", {}, blind=True),
    Change("assign", e.TicketAssigned, "Name the person who owns the next step", {"assignee": "erik"}),
    Change("route", e.TicketRouted, "Send a ticket to the team of a system", {"system": "lims", "reason": "no result in the LIMS"}),
    Change("classify", e.TicketReclassified, "Set severity or GxP flag", {"severity": "sev2", "reason": "a second line has stopped"}),
    Change("hold", e.TicketPutOnHold, "Wait for somebody else", {"waiting_for": "vendor", "reason": "the vendor looks at the driver"}),
    Change("resume", e.TicketResumed, "Go on after waiting", {"reason": "the part has come"}),
    Change(
        "resolve", e.TicketResolved, "Say that the fault is ended, and what it was",
        {"cause_system": "plc_scada", "cause_class": "configuration", "resolution": "The tag was mapped to the new address."},
    ),
    Change("return", e.TicketReturned, "Give a ticket back to the triage queue", {"reason": "our side is fine", "evidence": "no errors"}),
    Change("reopen", e.TicketReopened, "Say that the fault is back", {"reason": "it stopped again at 14:20"}),
    Change("close", e.TicketClosed, "Confirm the resolution", {}),
    Change("cancel", e.TicketCancelled, "End a duplicate or a mistake", {"duplicate_of": "HC-7", "reason": "same stop, told twice"}),
    Change("group", e.TicketGrouped, "Put a ticket under the one that stands for its incident", {"parent": "HC-7"}),
    Change("ungroup", e.TicketUngrouped, "Let a ticket stand for itself again", {"reason": "another printer, another fault"}),
    Change("workaround", e.TicketWorkedAround, "Say how people can go on", {"workaround": "Print from the line server."}),
    Change("accept", e.TicketWorkaroundAccepted, "Accept the workaround, as QA", {"reason": "tried on line 3, safe for this order"}),
    Change("link", e.TicketLinked, "Name the record of the quality system", {"quality_record": "DEV-2026-0113"}),
    Change("backlog", e.TicketBacklogged, "Move an enhancement out of the hypercare", {"reason": "as specified, wanted for release 2"}),
    Change("comments", e.TicketCommented, "Tell the others something", {"text": "Restarted the gateway."}, blind=True),
)  # fmt: skip

router = json_router("changes")


def _check_evidence(ticket: Ticket, evidence: str | None, teams: Teams) -> None:
    team = teams.teams.get(ticket.team or "")
    ladder = teams.ladder_of(team) if team else None
    if ladder and ladder.evidence and not evidence:
        raise Invalid(f"Say in `evidence` what you checked: the ladder of {ticket.team} takes no ticket back on a word alone")


def _endpoint(change: Change, body: type[BaseModel]) -> Callable[..., Awaitable[Response]]:
    async def endpoint(ticket_id: TicketPath, told: Any, caller: Caller, desk: AtDesk, if_match: IfMatch = None) -> Response:
        versions = seen(if_match, required=not change.blind)
        by = replace(caller, reason=getattr(told, "reason", None))

        def command(draft: Draft) -> Ticket:
            ticket = find(draft, ticket_id)
            if change.event is e.TicketReturned:
                _check_evidence(ticket, getattr(told, "evidence", None), desk.teams)
            return record_for_group(draft, ticket_id, change.happening(told, ticket, desk.teams), by, versions.at(ticket.version))

        return answer(await desk.write(command, (TICKETS, (ticket_id,))))

    optional = not any(field.is_required() for field in body.model_fields.values())
    endpoint.__annotations__["told"] = Annotated[body, Body(default_factory=body) if optional else Body()]
    return endpoint


for _change in CHANGES:
    _body = _change.body()
    _body.model_config["json_schema_extra"] = {"examples": [_change.example]}
    router.add_api_route(
        f"/v1/tickets/{{ticket}}/{_change.verb}",
        _endpoint(_change, _body),
        methods=["POST"],
        name=f"{_change.verb.removesuffix('s')}_ticket",
        summary=_change.summary,
        description=_change.event.__doc__,
        response_model=Ticket,
        responses=BODY_REFUSALS | refusals(NotFound, Refused, Stale, *(() if _change.blind else (VersionRequired,))),
    )
