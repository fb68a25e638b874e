"""Facts about tickets, deliveries and records, in the past participle. A class here is published: it may be extended, never changed.

An unknown field is ignored on reading, so that an older service can read what a newer one wrote.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, StringConstraints

from schemas.clock_events import CLOCK_EVENTS
from schemas.clock_events import ClockBreached as ClockBreached
from schemas.clock_events import ClockWarned as ClockWarned
from schemas.event import Event as Event
from schemas.golive_events import GOLIVE_EVENTS
from schemas.knownerrors import KnownErrorId, KnownErrorText
from schemas.oncall_events import ONCALL_EVENTS
from schemas.tickets import Submission
from schemas.words import CauseClass, CausedBy, GxpFlag, Instant, Line, Name, Prose, Severity, Slug, WaitingFor

TicketId = Annotated[str, StringConstraints(pattern=r"^HC-[1-9][0-9]{0,11}$")]


class TicketSubmitted(Submission, Event):
    """A problem was reported."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TicketClassified(Event):
    """The classifier's decision: what the model said, which floors held, and what followed from both.

    `severity` is max(floor, reporter's claim, suggestion); `decided_by` names which of the three set it. The three digests make the
    decision recomputable, together with `as_of`: what the classifier knew of other tickets were the entries up to that seq.
    `autonomy` says whether the model could act alone for this system at this site, and on what evidence; `sev1_guard` from which risk on
    a ticket of this site may be a Sev1, or that every ticket's severity is to be looked at. `blind` tickets are shown without a
    suggestion until a person has routed them. `known_errors` are approved ones that the ticket is like, each with `known_error`,
    `score`, `title` and `workaround` as they were offered. `shadow` is what a model in shadow would have said.
    """

    system: Slug
    severity: Severity
    gxp: GxpFlag
    decided_by: Literal["floor", "claim", "suggestion"]
    reasons: tuple[str, ...] = ()
    prediction: dict[str, Any]
    floors: tuple[dict[str, Any], ...] = ()
    model: str
    rules: str
    configuration: str
    as_of: int | None = None
    autonomy: dict[str, Any] | None = None
    sev1_guard: dict[str, Any] | None = None
    blind: bool = False
    known_errors: tuple[dict[str, Any], ...] = ()
    shadow: dict[str, Any] | None = None


class TicketRouted(Event):
    """A team is responsible from now on: decided by the classifier, or by a person (then with a reason)."""

    system: Slug
    team: Slug


class TicketQueued(Event):
    """The ticket waits in the triage queue for a person to decide."""

    suggestion: Slug | None = None


class TicketReclassified(Event):
    """A person set severity, GxP flag, or what the fault came from; what is absent stays as it is."""

    severity: Severity | None = None
    gxp: GxpFlag | None = None
    caused_by: CausedBy | None = None


class TicketAcknowledged(Event):
    """Somebody took the ticket into work, or says that they are still at it: the first one counts, and whoever has it keeps it."""


class TicketAssigned(Event):
    """A named person owns the next step; `due_at` is the instant until when it is promised."""

    assignee: Name
    due_at: Instant | None = None


class TicketPutOnHold(Event):
    """Work waits for somebody else."""

    waiting_for: WaitingFor


class TicketResumed(Event):
    """What the ticket waited for has come."""


class TicketResolved(Event):
    """The fault is ended, in the team's view; the reporter has not confirmed it yet."""

    cause_system: Slug
    cause_class: CauseClass
    resolution: Prose


class TicketReturned(Event):
    """The team gives the ticket back to the triage queue: not theirs. `evidence` names the hop that was checked."""

    evidence: Line | None = None


class TicketReopened(Event):
    """The fault is back, or never went."""


class TicketClosed(Event):
    """Reporter or QA confirmed the resolution."""


class TicketCancelled(Event):
    """No work is needed: a duplicate, or raised by mistake."""

    duplicate_of: TicketId | None = None


class TicketGrouped(Event):
    """The ticket is one of several of the same incident: it stays a ticket of its own, follows its parent, and wakes nobody again."""

    parent: TicketId


class TicketUngrouped(Event):
    """The ticket stands for itself again, and no service groups it any more."""


class TicketBacklogged(Event):
    """An enhancement: it leaves the open tickets, stays visible, and does not count for the exit."""


class TicketWorkedAround(Event):
    """There is a way to go on until the fault is ended. It is in force while the ticket is open."""

    workaround: Line


class TicketWorkaroundAccepted(Event):
    """QA holds the workaround for right and safe."""


class TicketLinked(Event):
    """The quality system holds a record of it; nothing but its name and place is kept here."""

    quality_record: Name
    url: Line | None = None


class TicketCommented(Event):
    """Somebody added what the others should know."""

    text: Annotated[Prose, StringConstraints(min_length=1)]


class KnownErrorRecorded(KnownErrorText, Event):
    """A fault that is understood was written down, or rewritten: it is offered at intake once somebody else has approved it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    known_error: KnownErrorId


class KnownErrorApproved(Event):
    """A second person holds the workaround for right and safe."""

    known_error: KnownErrorId


class KnownErrorRetired(Event):
    """It is offered no more: the fault was mended, or the workaround is not to be used."""

    known_error: KnownErrorId


class ModelTrained(Event):
    """A version was made. `labels` counts what people had confirmed until then, `remarks` is what whoever promotes it should know."""

    version: str
    data: str
    labels: int
    remarks: tuple[str, ...] = ()


class ModelShadowed(Event):
    """A version answers beside the one that decides, and what it says is only kept; None ends that."""

    version: str | None


class ModelPromoted(Event):
    """A version decides from now on; `previous` decided until now."""

    version: str
    previous: str
    figures: dict[str, Any]


class ModelRolledBack(Event):
    """The version that decided before decides again."""

    version: str
    previous: str


class ModelTakenUp(Event):
    """A replica of the classifier works with a version; `error` says why it is not the wanted one. "rules": without any model."""

    wanted: str
    version: str
    replica: str
    error: str | None = None


class NotificationRequested(Event):
    """A delivery is due. `delivery` is stable: derived from the cause and the target, so that a replay asks for the same one."""

    delivery: str
    channel: Slug
    address: str
    urgency: Literal["page", "notify"]


class NotificationSent(Event):
    """The target accepted the delivery."""

    delivery: str
    attempts: int


class NotificationBundled(Event):
    """The delivery went out within the message of another one, `into`, to the same person, who had as many pages as the budget allows."""

    delivery: str
    into: str


class NotificationFailed(Event):
    """The delivery was given up and waits among the dead letters."""

    delivery: str
    attempts: int
    error: str


class NotificationWithdrawn(Event):
    """The delivery was settled without sending: by the time it was due, nobody needed it any more."""

    delivery: str
    reason: str


class EventParked(Event):
    """A service could not handle an event and went on without it; it waits among the dead letters."""

    letter: str
    consumer: Slug
    event: str
    error: str
    attempts: int


class RecordQuarantined(Event):
    """A record of the intake topic could not be understood. `value` is its payload in base64, cut at 256 kB."""

    letter: str
    topic: str
    partition: int
    offset: int
    key: str | None
    headers: tuple[tuple[str, str], ...]
    value: str
    error: str


class DeadLetterReplayed(Event):
    """A person sent a dead letter through again."""

    letter: str


class RelayRewound(Event):
    """A person had the ledger carried to Kafka again, from behind an earlier entry on."""

    position: int


class DeadLetterDiscarded(Event):
    """A person decided that a dead letter needs no further work."""

    letter: str


_ALL: tuple[type[Event], ...] = (
    TicketSubmitted, TicketClassified, TicketRouted, TicketQueued, TicketReclassified, TicketAcknowledged, TicketAssigned,
    TicketPutOnHold, TicketResumed, TicketResolved, TicketReturned, TicketReopened, TicketClosed, TicketCancelled, TicketCommented,
    TicketGrouped, TicketUngrouped, TicketBacklogged, TicketWorkedAround, TicketWorkaroundAccepted, TicketLinked,
    *GOLIVE_EVENTS, *CLOCK_EVENTS, *ONCALL_EVENTS, KnownErrorRecorded, KnownErrorApproved, KnownErrorRetired,
    ModelTrained, ModelShadowed, ModelPromoted, ModelRolledBack, ModelTakenUp,
    NotificationRequested, NotificationSent, NotificationBundled, NotificationFailed, NotificationWithdrawn,
    EventParked, RecordQuarantined, DeadLetterReplayed, DeadLetterDiscarded, RelayRewound,
)  # fmt: skip
EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in _ALL}
