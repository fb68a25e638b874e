"""One example of everything that is published: a stopped packaging line, from its report to its end."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from schemas import events as e
from schemas import golive_events as g
from schemas.clock_events import ClockBreached, ClockWarned, PolicyAdopted
from schemas.event import Event
from schemas.oncall import Watched
from schemas.oncall_events import ClimbsAudited, NightChecked, OnCallConfigured, ReachTried, RotaOverridden, RotaOverrideDropped
from schemas.predictions import Floor, Prediction, RankedSeverity, RankedSystem, Word
from schemas.routed import Links, RoutedTicket
from schemas.tickets import Submission, Ticket

END = "2026-04-13T06:00:00+01:00"
AT = datetime(2026, 3, 1, 5, 15, tzinfo=UTC)
TILL = AT + timedelta(hours=16)
ENTRY = "0d9f3a52-6c1e-4d0b-9a51-3f7f1f0c2b11"
SUBMISSION = {
    "title": "Packaging line 3 stopped, serial numbers are refused",
    "body": "Since 06:10 every carton is rejected with 'number already used'.",
    "site": "Cork",
    "reporter": "olga.byrne",
    "reported_severity": "sev2",
    "area": "Packaging line 3",
    "batch": "B-2291",
    "stopped": "Packaging line 3",
    "occurred_at": AT,
}
KNOWN = {
    "title": "Serial numbers run out at the turn of the month",
    "symptom": "Cartons are rejected with 'number already used' although the pool shows free numbers.",
    "cause": "The site server keeps the ranges of the month before.",
    "workaround": "Load the pool again in the line server, then start the line with a fresh range.",
    "system": "packaging_serialization",
}
PREDICTION = Prediction(
    systems=(RankedSystem(system="packaging_serialization", probability=0.94), RankedSystem(system="erp", probability=0.06)),
    prediction_set=("packaging_serialization",),
    confidence=0.94,
    threshold=0.71,
    decision="route",
    severity="sev2",
    severities=(RankedSeverity(severity="sev2", probability=0.8), RankedSeverity(severity="sev1", probability=0.2)),
    sev1_risk=0.2,
    sev1_candidate=False,
    gxp=True,
    kind="defect",
    words=(Word(term="serial", weight=1.2),),
    model="starter",
)
FLOOR = Floor(rule="line_stopped", severity="sev2", gxp=False, reason="A line stands still")
CLASSIFIED = e.TicketClassified(
    system="packaging_serialization",
    severity="sev2",
    gxp="potential",
    decided_by="floor",
    reasons=(FLOOR.reason,),
    prediction=PREDICTION.model_dump(mode="json"),
    floors=(FLOOR.model_dump(mode="json"),),
    model="starter",
    rules="a3" * 32,
    configuration="b7" * 32,
)
TICKET = Ticket.model_validate(
    SUBMISSION
    | {"id": "HC-17", "version": 3, "state": "routed", "system": "packaging_serialization", "team": "packaging"}
    | {"severity": "sev2", "gxp": "potential", "reporter_role": "operator", "submitted_at": AT, "routed_at": AT, "changed_at": AT}
    | {"decision": CLASSIFIED.model_dump(mode="json", include={"system", "severity", "decided_by", "reasons", "model"})}
)
PLACE = "https://hypercare.example/v1/tickets/HC-17"

OF_GOLIVES: tuple[Event, ...] = (
    g.GoLiveDeclared.model_validate(
        {"golive": "GL-1", "name": "MES wave 1", "site": "Cork", "starts_at": AT, "planned_end": END, "time_zone": "Europe/Dublin"}
    ),
    g.PlanProposed.model_validate(
        {"golive": "GL-1", "version": 1, "plan": {"by_severity": {"sev2": {"shape": "rates", "problems": 60, "capacity": 3}}}}
    ),
    g.PlanApproved(golive="GL-1", version=1),
    g.ScopeEventPlanned.model_validate({"golive": "GL-1", "scope_event": "SE-2", "kind": "line", "title": "Line 6", "at": END}),
    g.ScopeEventDropped(golive="GL-1", scope_event="SE-2"),
    g.CriteriaAdopted.model_validate(
        {
            "golive": "GL-1",
            "criteria": [{"id": "no_sev1", "title": "No Sev1 in 10 production days", "measure": "sev1_free", "limits": {"days": 10}}],
        }
    ),
    g.CriterionWaived.model_validate({"golive": "GL-1", "criterion": "no_sev1", "until": END}),
    g.CriterionAttested(golive="GL-1", criterion="support_ready", holds=True, evidence="training records 12 to 31"),
    g.ExposureReported.model_validate({"site": "Cork", "day": "2026-03-01", "steps": 1840, "batches_completed": 5}),
    g.ShiftHandedOver.model_validate(
        {
            "golive": "GL-1",
            "begin": "2026-03-01T06:00:00+00:00",
            "end": "2026-03-01T14:00:00+00:00",
            "title": "Handover Cork, Sun 01 Mar 06:00-14:00: 0 Sev1, 1 Sev2, 0 late, 1 open",
            "text": "Handover: Packaging, wave 1\n...\nHC-12  Packaging line 3 stopped\n    Owner: ines · Next step: resolve\n",
        }
    ),
    g.SnapshotTaken.model_validate(
        {
            "golive": "GL-1",
            "snapshot": "GL-1-2026-03-02",
            "day": "2026-03-02",
            "as_of": END,
            "digest": "c7" * 32,
            "content": {"figures": {}},
        }
    ),
    g.GoLiveExited(golive="GL-1", snapshot="GL-1-2026-03-02"),
    g.GoLiveReentered(golive="GL-1"),
)
OF_CLOCKS: tuple[Event, ...] = (
    PolicyAdopted.model_validate(
        {
            "site": "Cork",
            "calendars": {"always": {}, "day": {"hours": [{"days": ["mon", "tue"], "begin": "08:00", "end": "17:00"}], "holidays": "IE"}},
            "severities": {"sev1": {"calendar": "always", "acknowledgement": 300}, "sev3": {"calendar": "day", "resolution": 288000}},
        }
    ),
    ClockWarned.model_validate({"clock": "resolution", "severity": "sev3", "share": 0.8, "at": AT, "due_at": END}),
    ClockBreached.model_validate({"clock": "resolution", "severity": "sev3", "due_at": END}),
)

EXAMPLES: tuple[BaseModel, ...] = (
    Submission.model_validate(SUBMISSION),
    e.TicketSubmitted.model_validate(SUBMISSION),
    CLASSIFIED,
    e.TicketRouted(system="packaging_serialization", team="packaging"),
    e.TicketQueued(suggestion="packaging_serialization"),
    e.TicketReclassified(severity="sev1"),
    e.TicketAcknowledged(),
    e.TicketAssigned(assignee="erik"),
    e.TicketPutOnHold(waiting_for="vendor"),
    e.TicketResumed(),
    e.TicketResolved(cause_system="packaging_serialization", cause_class="master_data", resolution="A new pool of numbers was loaded"),
    e.TicketReturned(evidence="The line server has free numbers; the site server refuses them"),
    e.TicketReopened(),
    e.TicketClosed(),
    e.TicketCancelled(duplicate_of="HC-12"),
    e.TicketCommented(text="The vendor is on the phone"),
    e.TicketGrouped(parent="HC-12"),
    e.TicketUngrouped(),
    e.TicketBacklogged(),
    e.TicketWorkedAround(workaround="Print from the line server and have the first label checked"),
    e.TicketWorkaroundAccepted(),
    e.TicketLinked(quality_record="DEV-2026-0113", url="https://quality.example/DEV-2026-0113"),
    *OF_GOLIVES,
    *OF_CLOCKS,
    e.KnownErrorRecorded.model_validate(KNOWN | {"known_error": "KE-3"}),
    e.KnownErrorApproved(known_error="KE-3"),
    e.KnownErrorRetired(known_error="KE-3"),
    e.ModelTrained(version="cork-3f0a9c11d2e4", data="c7" * 32, labels=412),
    e.ModelShadowed(version="cork-3f0a9c11d2e4"),
    e.ModelPromoted(version="cork-3f0a9c11d2e4", previous="starter-9d01b2c3e4f5", figures={"macro_f1": 0.88}),
    e.ModelRolledBack(version="starter-9d01b2c3e4f5", previous="cork-3f0a9c11d2e4"),
    e.ModelTakenUp(wanted="cork-3f0a9c11d2e4", version="starter-9d01b2c3e4f5", replica="plant-1", error="model.npz differs"),
    OnCallConfigured(digest="5e" * 32, content={"systems": {"erp": "erp"}, "teams": {"erp": {"page": ["console:erp"]}}}),
    RotaOverridden.model_validate({"override": "OV-3", "rota": "mes", "person": "cleo", "instead_of": "ben", "from": AT, "until": TILL}),
    RotaOverrideDropped(override="OV-3", rota="mes"),
    NightChecked(begin=AT, until=TILL, watched=(Watched(site="Cork", team="mes", faults=0),), faults=()),
    ReachTried(
        person="anna",
        title="Test: can Anna Berg be reached here?",
        text="This is a test, Anna Berg: hypercare can reach you here. Nothing has happened, and nothing is to be done.",
    ),
    ClimbsAudited(missed=("HC-17",)),
    e.NotificationRequested(delivery="c4" * 16, channel="webhook", address="https://pager.example/hook", urgency="page"),
    e.NotificationSent(delivery="c4" * 16, attempts=1),
    e.NotificationFailed(delivery="c4" * 16, attempts=12, error="HTTP 410"),
    e.NotificationBundled(delivery="c4" * 16, into="d5" * 16),
    e.NotificationWithdrawn(delivery="c4" * 16, reason="The ticket was closed"),
    e.EventParked(letter=f"classifier:{ENTRY}", consumer="classifier", event=ENTRY, error="laid aside: ValueError()", attempts=5),
    e.RecordQuarantined(
        letter="hypercare.intake.v1/4@118/1772342100000",
        topic="hypercare.intake.v1",
        partition=4,
        offset=118,
        key="line-3",
        headers=(("content-type", "application/json"),),
        value="eyJ0aXRsZSI6",
        error="Invalid: The body is not JSON",
    ),
    e.DeadLetterReplayed(letter=f"classifier:{ENTRY}"),
    e.DeadLetterDiscarded(letter=f"classifier:{ENTRY}"),
    e.RelayRewound(position=118),
    TICKET,
    RoutedTicket(
        event=ENTRY,
        type="TicketRouted",
        actor="service:classifier",
        role="service",
        reason=None,
        recorded_at=AT,
        ticket=TICKET,
        links=Links(ticket=PLACE, history=f"{PLACE}/history"),
    ),
)
