"""What a woken person reads, and that nothing in a ticket can pass for a word of ours."""

from typing import Any

from schemas import events as e
from schemas.tables import TICKETS
from services.dispatcher.channels import Message
from services.dispatcher.leases import due, lease
from services.dispatcher.text import compose
from services.ledger import Ledger
from services.links import Links
from tests.dispatching import URL, asked, decided, read, routed
from tests.lives import ENGINEER, QA, SERVICE, decided_for_group, entries_of, happened, submitted, ticket_of
from tests.test_dispatcher import LEAD, RESOLVED, queued, under

FULL: dict[str, Any] = {
    "title": "Labels print\nthe wrong expiry", "body": "It began at six.\nAcknowledge: POST http://evil.example/", "area": "Line 3",
    "equipment": "LBL-07", "batch": "B-2231", "process_order": "4711", "stopped": "Packing line 3", "workaround": "print on line 4",
}  # fmt: skip
SURE = decided("erp", "sev1", confidence=0.934, words=[{"term": "expiry", "weight": 0.4}, {"term": "never", "weight": -0.2}])
REASONED = SURE.model_copy(update={"reasons": ("production stands", "the reporter said sev2")})


def full(ledger: Ledger, *events: e.Event, **fields: Any) -> Message:
    ticket = submitted(ledger, **(FULL | fields))
    for event in (REASONED, e.TicketRouted(system="erp", team="erp"), *events):
        happened(ledger, ticket.id, event, LEAD if event in events else SERVICE)
    return read(ledger, ticket)


def test_the_text_carries_what_a_woken_person_needs(ledger: Ledger) -> None:
    message = full(ledger)
    ticket = ticket_of(ledger, "HC-1")
    assert message.title == "[SEV1] HC-1 Cork Line 3: Labels print the wrong expiry"
    assert message.text.splitlines() == [
        "Routed to erp",
        "Stopped: Packing line 3",
        "Where: Cork · Line 3 · LBL-07",
        "Batch: B-2231 · Order: 4711",
        "Severity: sev1, because production stands; the reporter said sev2",
        "Suggestion: erp (93% sure), because of: expiry; else lims (30%)",
        "Workaround: print on line 4 (not accepted by QA)",
        f"Happened: {ticket.occurred_at:%Y-%m-%d %H:%M} UTC",
        f"Reported: {ticket.submitted_at:%Y-%m-%d %H:%M} UTC by olga (operator)",
        "Ticket: https://hypercare.plant.example/v1/tickets/HC-1",
        "Acknowledge: POST https://hypercare.plant.example/v1/tickets/HC-1/acknowledge",
        "",
        "> It began at six.",
        "> Acknowledge: POST http://evil.example/",
    ]
    assert message.about == ("HC-1", "sev1", "erp", "erp")


HOSTILE = "HC-9 is solved\nAcknowledge: https://evil.example/a/x\r\nBcc: eve@evil.example <!channel> {{ .ExternalURL }}"


def test_no_field_of_a_ticket_adds_a_line_of_its_own_to_the_text_or_to_the_brief(ledger: Ledger) -> None:
    told = ("title", "area", "equipment", "batch", "process_order", "stopped", "clock", "workaround")
    message = full(ledger, body=HOSTILE, **{name: HOSTILE.replace("\r", "")[:100] for name in told})
    ours = [line for line in message.text.splitlines() if not line.startswith("> ")]
    assert [line.partition(":")[0] for line in ours if line] == [
        "Routed to erp", "Stopped", "Runs out", "Where", "Batch", "Severity", "Suggestion", "Workaround", "Happened", "Reported",
        "Ticket", "Acknowledge",
    ]  # fmt: skip
    assert sum("https://evil.example" in line and line.startswith("Acknowledge") for line in ours) == 0
    words, answer = message.brief.split("\n")
    assert (words[:9], answer) == ("SEV1 HC-1", "https://hypercare.plant.example/v1/tickets/HC-1")
    assert len(words) < 200


def test_the_brief_says_what_stands_still_where_and_what_runs_out(ledger: Ledger) -> None:
    words = full(ledger, clock="40 min", area="Packing line 3").brief.split("\n")[0]
    assert words == "SEV1 HC-1 · Packing line 3 · Cork · batch B-2231 · 40 min"


def test_a_workaround_says_whether_qa_accepted_it(ledger: Ledger) -> None:
    full(ledger)
    happened(ledger, "HC-1", e.TicketWorkedAround(workaround="print on line 4"), ENGINEER)
    happened(ledger, "HC-1", e.TicketWorkaroundAccepted(), QA)
    assert "Workaround: print on line 4 (accepted by quinn)" in read(ledger, ticket_of(ledger, "HC-1")).text.splitlines()


def test_the_text_says_who_changed_something_and_why(ledger: Ledger) -> None:
    lines = full(ledger, e.TicketReclassified(severity="sev2", gxp="potential")).text.splitlines()
    assert lines[0] == "Raised, by lea: a second line has stopped"
    assert "Severity: sev2, set by lea: a second line has stopped" in lines
    assert "GxP impact: potential; QA decides about it" in lines
    happened(ledger, "HC-1", RESOLVED)
    happened(ledger, "HC-1", e.TicketReopened(), ENGINEER)
    lines = read(ledger, ticket_of(ledger, "HC-1")).text.splitlines()
    assert lines[0] == "Reopened, by erik: checked the gateway, tag quality is bad"
    assert "Severity: sev2, set by lea: a second line has stopped" in lines


def test_what_is_not_known_is_said_to_be_so(ledger: Ledger) -> None:
    ticket = submitted(ledger)
    happened(ledger, ticket.id, e.TicketQueued(), SERVICE)
    message = read(ledger, ticket)
    assert message.title == "[UNDECIDED] HC-1 Cork: Line 3 stopped, no tags"
    assert {"Stopped: not told", "Workaround: none known", "Severity: undecided"} <= set(message.text.splitlines())
    assert message.about
    assert message.about[1:] == ("undecided", "undecided", "triage")
    assert "Suggestion" not in message.text


def test_a_possible_sev1_shows_in_the_title_and_with_its_risk(ledger: Ledger) -> None:
    message = read(ledger, queued(ledger, decided(severity="sev3", sev1_candidate=True, sev1_risk=0.12)))
    assert message.title.startswith("[SEV3, SEV1?] HC-1")
    assert "Severity: sev3; Sev1 is not excluded (12%)" in message.text.splitlines()


def test_the_text_names_the_group(ledger: Ledger) -> None:
    parent = routed(ledger, "sev2")
    child = under(ledger, parent)
    assert "Group: stands under HC-1" in read(ledger, child).text.splitlines()
    assert "Group: stands for 1 more open ticket" in read(ledger, parent).text.splitlines()
    decided_for_group(ledger, under(ledger, parent).id, RESOLVED)
    under(ledger, parent)
    message = read(ledger, parent)
    assert "Group: stands for 2 more open tickets" in message.text.splitlines()
    assert (message.data["children"], message.data["parent"], read(ledger, child).data["parent"]) == (2, None, "HC-1")


def test_the_text_offers_the_way_round_a_known_error(ledger: Ledger) -> None:
    hits = (
        {"known_error": "KE-3", "score": 0.612, "title": "Labels come\nblank", "workaround": "Load the recipe again,\nprint one label."},
        {"known_error": "KE-7", "score": 0.3, "title": "Long", "workaround": "x" * 20_000},
    )
    ticket = submitted(ledger)
    happened(ledger, ticket.id, decided().model_copy(update={"known_errors": hits}), SERVICE)
    message = read(ledger, happened(ledger, ticket.id, e.TicketQueued(), SERVICE))
    lines = message.text.splitlines()
    place = lines.index("Known error, approved: KE-3 (61%), Labels come blank: Load the recipe again, print one label.")
    assert lines[place - 1].startswith("Suggestion: ")
    assert (lines[place + 1][:40], lines[place + 1][-1], len(lines[place + 1]) < 400) == (
        "Known error, approved: KE-7 (30%), Long:",
        "…",
        True,
    )
    assert lines[place + 2] == "Workaround: none known"
    assert message.data["known_errors"] == list(hits)


def test_the_text_of_a_long_report_is_cut(ledger: Ledger) -> None:
    assert full(ledger, body="x" * 20_000).text.endswith("x…")
    assert len(full(ledger, body="x" * 20_000).text) < 2_000


def test_machines_get_the_same_as_json(ledger: Ledger) -> None:
    data: Any = full(ledger).data
    assert (data["site"], data["batch"], data["gxp"], data["urgency"], data["may_be_sev1"]) == ("Cork", "B-2231", "none", "page", True)
    assert data["suggestion"]["words"][0] == {"term": "expiry", "weight": 0.4}
    assert (data["cause"]["type"], data["cause"]["id"]) == ("TicketRouted", entries_of(ledger, "HC-1")[-2].id)


def test_a_message_shows_the_ticket_as_it_stands_when_it_goes_out(ledger: Ledger) -> None:
    ticket = routed(ledger, "sev2")
    identity = asked(ledger, ticket)
    (candidate,) = due(ledger, (), (), 1)
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), LEAD)
    (leased,) = ledger.write(lambda draft: lease(draft, [candidate], 30.0), (TICKETS, (ticket.id,))).result()
    assert compose(leased, Links(URL)).title.startswith("[SEV1]")
    assert compose(leased, Links(URL)).delivery_id == identity
