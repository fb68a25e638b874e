"""Whom to tell of what happened to a ticket: one request per cause and target."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from schemas.entries import Entry
from schemas.events import (
    ClockBreached,
    ClockWarned,
    Event,
    NotificationRequested,
    TicketAcknowledged,
    TicketBacklogged,
    TicketCancelled,
    TicketQueued,
    TicketReclassified,
    TicketReopened,
    TicketResolved,
    TicketReturned,
    TicketRouted,
    TicketUngrouped,
)
from schemas.oncall import Reachable
from schemas.oncall_events import ReachTried
from schemas.tickets import Ticket
from schemas.words import GxpFlag
from services.deliveries import delivery_id
from services.dispatcher.channels.incident import ENDED, TAKEN
from services.dispatcher.climb import MOST_BOUNCES, climb_of
from services.errors import Invalid, Misconfigured
from services.groups import may_be_sev1, stands_for_itself
from services.lifecycle import HISTORY
from services.oncall.trial import LASTS
from services.runner import Occurrence
from services.teams import Audience, Teams, Urgency

LISTENS_TO = (
    TicketRouted, TicketQueued, TicketReturned, TicketReopened, TicketReclassified, TicketUngrouped, ClockWarned, ClockBreached,
)  # fmt: skip
MIRRORED = (TicketAcknowledged, TicketResolved, TicketCancelled, TicketBacklogged)
"""Of these only tools hear that opened an incident of their own for the ticket."""
OF_CLOCKS = ("ClockWarned", "ClockBreached")
STOPPED = {"acknowledgement": "acknowledged_at", "workaround": "worked_around_at"}
LOUD = 0.8
"""From this share of a Sev1's target on people are woken; below, and for other tickets, they hear of it where they look."""
PAGE: Urgency = "page"
NOTIFY: Urgency = "notify"
PAGED = ("sev1", "sev2")
GXP_ORDER: tuple[GxpFlag, ...] = ("none", "potential", "confirmed")
LEAD = "lead"
MOST_CANDIDATES = 3
LIKELY = 0.8
"""Candidates are the first systems that together are at least this probable, given that it is none of those that gave the ticket back."""

_MIRRORED = {event.__name__ for event in MIRRORED}
Target = tuple[str, str]
"""Channel and address."""
Before = Callable[[Entry], Ticket | None]
Find = Callable[[str], Ticket | None]
Incidents = Callable[[str], Sequence[Target]]


@dataclass(frozen=True, slots=True)
class Requests:
    """`before` gives the ticket as it stood before an entry: whether a change was a raise cannot be seen from its result. `find` gives a
    ticket as it stands, `incidents` the targets that may hold an incident of their own for a ticket, `returns` how often it was given
    back, up to an entry.
    """

    teams: Teams
    before: Before
    find: Find
    incidents: Incidents = lambda ticket: ()
    returns: Callable[[Entry], int] = lambda entry: 0

    def __post_init__(self) -> None:
        if not _reach(self.teams.triage, "page"):
            raise Misconfigured("Nobody would hear of a possible Sev1: add page = [...] to [triage] in the teams file")

    def handle(self, work: Sequence[Occurrence]) -> list[list[Event]]:
        return [self._follow(*occurrence) for occurrence in work]

    def _follow(self, entry: Entry, event: Event, ticket: Ticket) -> list[Event]:
        """Of the past nobody is told."""
        if entry.role == HISTORY or moot(entry, ticket):
            return []
        if isinstance(event, TicketReclassified) and not _raised(event, self.before(entry)):
            return []
        mirrored = isinstance(event, MIRRORED)
        told = dict.fromkeys(self.incidents(ticket.id), NOTIFY) if mirrored else self._reached(entry, event, ticket)
        return [
            NotificationRequested(delivery=delivery_id(entry.id, *target), channel=target[0], address=target[1], urgency=urgency)
            for target, urgency in told.items()
        ]

    def _reached(self, entry: Entry, event: Event, ticket: Ticket) -> dict[Target, Urgency]:
        if isinstance(event, (ClockWarned, ClockBreached)):
            urgency = _urgency(event)
            return dict.fromkeys(self._targets(ticket, urgency), urgency)
        return {} if self._climbs(ticket) else self._told(ticket) | self._leads(entry, ticket)

    def _climbs(self, ticket: Ticket) -> bool:
        """Then its first step tells, not this."""
        return climb_of(self.teams, ticket, self.find(ticket.parent) if ticket.parent else None) is not None

    def _leads(self, entry: Entry, ticket: Ticket) -> dict[Target, Urgency]:
        """Whoever has to appoint an owner, once so many teams have given the ticket back."""
        if entry.type != TicketReturned.__name__ or self.returns(entry) < MOST_BOUNCES:
            return {}
        urgency = PAGE if ticket.severity in PAGED or may_be_sev1(ticket) else NOTIFY
        leads = (self.teams.people[key] for key in self.teams.in_role(LEAD, ticket.site))
        return {target: urgency for lead in leads for target in _reach(lead, urgency)}

    def _told(self, ticket: Ticket) -> dict[Target, Urgency]:
        """Whom to reach, and how. A storm pages once: who was woken for the parent hears of its children where they look."""
        if not _is_urgent(ticket):
            return dict.fromkeys(self._targets(ticket, "notify"), NOTIFY)
        paged, woken = self._targets(ticket, "page"), self._woken_for_parent(ticket)
        fresh = [target for target in paged if target not in woken]
        quiet = self._targets(ticket, "notify") if len(fresh) < len(paged) else []
        return dict.fromkeys(quiet, NOTIFY) | dict.fromkeys(fresh, PAGE)

    def _targets(self, ticket: Ticket, urgency: Urgency) -> list[Target]:
        targets = dict.fromkeys(target for audience in self._audiences(ticket) for target in _reach(audience, urgency))
        return list(targets or (_reach(self.teams.triage, "page") if urgency == "page" else ()))

    def _woken_for_parent(self, ticket: Ticket) -> Sequence[Target]:
        """None before the parent is decided: until then nobody hears of it."""
        parent = self.find(ticket.parent) if ticket.parent else None
        if parent is None or parent.state == "submitted" or not _is_urgent(parent) or stands_for_itself(ticket, parent):
            return ()
        return self._targets(parent, "page")

    def _audiences(self, ticket: Ticket) -> Iterator[Audience]:
        """The responsible team; without one the triage lead, and for what may be a Sev1 also the teams that it may belong to."""
        if ticket.team:
            yield self.teams.teams.get(ticket.team, Audience())
            return
        yield self.teams.triage
        if _is_urgent(ticket):
            yield from (self.teams.teams[team] for team in self._candidate_teams(ticket))

    def _candidate_teams(self, ticket: Ticket) -> Iterator[str]:
        for system in candidates(ticket):
            with suppress(Invalid):  # the model knows a system that nobody owns here: the triage lead is told, the others too
                yield self.teams.team_for(ticket.site, system)


def moot(cause: Entry, ticket: Ticket) -> str | None:
    """Why nobody needs to hear of this cause any more; None while somebody does."""
    if cause.type in _MIRRORED:
        return None if ticket.state in (TAKEN if cause.type == "TicketAcknowledged" else ENDED) else f"{ticket.id} is {ticket.state}"
    if ticket.state in ENDED:
        return f"{ticket.id} is {ticket.state}"
    return MOOT[cause.type](cause, ticket) if cause.type in MOOT else None


def outlived(cause: Entry, now: datetime) -> str | None:
    """The same of what is about no ticket."""
    return "the test is over" if cause.type == ReachTried.__name__ and now - cause.recorded_at > LASTS else None


def _elsewhere(cause: Entry, ticket: Ticket) -> str | None:
    return f"{ticket.id} is no longer with {cause.data['team']}" if cause.data["team"] != ticket.team else None


def _decided(cause: Entry, ticket: Ticket) -> str | None:
    return f"{ticket.id} no longer waits in triage" if ticket.state != "triage" else None


def _told_elsewhere(cause: Entry, ticket: Ticket) -> str | None:
    if ticket.parent:
        return f"{ticket.id} stands under {ticket.parent}"
    return f"{ticket.id} is not decided yet; then it is told" if ticket.state == "submitted" else None


def _stopped(cause: Entry, ticket: Ticket) -> str | None:
    if getattr(ticket, STOPPED.get(cause.data["clock"], ""), None) is not None:
        return f"the clock of its {cause.data['clock']} has stopped"
    return f"{ticket.id} is {ticket.severity} by now" if ticket.severity != cause.data["severity"] else None


MOOT: dict[str, Callable[[Entry, Ticket], str | None]] = {
    "TicketRouted": _elsewhere,
    "TicketQueued": _decided,
    "TicketReturned": _decided,
    "TicketUngrouped": _told_elsewhere,
    **dict.fromkeys(OF_CLOCKS, _stopped),
}


def _urgency(event: ClockWarned | ClockBreached) -> Urgency:
    share = event.share if isinstance(event, ClockWarned) else 1.0
    return PAGE if event.severity == "sev1" and share >= LOUD else NOTIFY


def candidates(ticket: Ticket) -> list[str]:
    """The systems that a ticket without a team most probably belongs to, but for those that gave it back."""
    ranked = [each for each in (ticket.decision or {}).get("systems", ()) if each["system"] not in ticket.moved_from]
    before = list(accumulate((each["probability"] for each in ranked), initial=0.0))
    likely = [each["system"] for each, covered in zip(ranked, before, strict=False) if covered < LIKELY * before[-1]]
    return likely[:MOST_CANDIDATES]


def _is_urgent(ticket: Ticket) -> bool:
    return ticket.severity in PAGED if ticket.team else may_be_sev1(ticket)


def _reach(audience: Reachable, urgency: Urgency) -> tuple[Target, ...]:
    """A page for people without a pager goes where they look; word for later wakes nobody."""
    return audience.targets(urgency) or (audience.targets("notify") if urgency == "page" else ())


def _raised(event: TicketReclassified, before: Ticket | None) -> bool:
    if before is None:
        return True
    graver = event.severity is not None and (before.severity is None or event.severity < before.severity)
    return graver or (event.gxp is not None and GXP_ORDER.index(event.gxp) > GXP_ORDER.index(before.gxp))
