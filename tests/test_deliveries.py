"""A delivery and a dead letter are what their events made of them."""

import pytest

from schemas import events as e
from services.deliveries import discard, quarantine, replay
from services.errors import Conflict, NotFound
from services.ledger import Ledger
from services.tickets import fold
from tests.dispatching import asked, letter_of, paged, routed, row_of
from tests.lives import DESK, SERVICE, entries_of, happened, ticket_of


@pytest.fixture
def failed(ledger: Ledger) -> str:
    """A delivery that was given up."""
    identity = paged(ledger)
    happened(ledger, "HC-1", e.NotificationFailed(delivery=identity, attempts=3, error="answered 500"), SERVICE)
    return identity


def test_a_requested_delivery_is_due_at_once(ledger: Ledger) -> None:
    ticket = routed(ledger)
    row = row_of(ledger, asked(ledger, ticket, "mail:erp@plant.example", "notify"))
    requested = entries_of(ledger, ticket.id)[-1]
    assert (row["channel"], row["address"], row["urgency"], row["ticket"]) == ("mail", "erp@plant.example", "notify", ticket.id)
    assert (row["state"], row["attempts"], row["due_at"], row["requested_at"]) == (
        "pending",
        0,
        requested.recorded_at,
        requested.recorded_at,
    )
    assert row["cause"] == requested.cause == entries_of(ledger, ticket.id)[-2].id


def test_a_delivery_changes_neither_the_ticket_nor_its_version(ledger: Ledger) -> None:
    before = routed(ledger)
    happened(ledger, before.id, e.NotificationSent(delivery=asked(ledger, before), attempts=1), SERVICE)
    assert ticket_of(ledger, before.id) == before == fold(entries_of(ledger, before.id))


def test_a_delivery_that_was_sent_and_is_asked_for_again_stays_sent(ledger: Ledger) -> None:
    identity = paged(ledger)
    happened(ledger, "HC-1", e.NotificationSent(delivery=identity, attempts=2), SERVICE)
    sent = row_of(ledger, identity)
    happened(ledger, "HC-1", e.NotificationRequested(delivery=identity, channel="pager", address="erp", urgency="page"), SERVICE)
    assert row_of(ledger, identity) == sent
    assert (sent["state"], sent["attempts"], sent["error"]) == ("sent", 2, None)


def test_a_failed_delivery_waits_among_the_dead_letters(ledger: Ledger, failed: str) -> None:
    assert (row_of(ledger, failed)["state"], row_of(ledger, failed)["attempts"]) == ("dead", 3)
    letter = letter_of(ledger, failed)
    assert (letter["kind"], letter["state"], letter["origin"], letter["ticket"]) == ("delivery", "waiting", "pager to erp", "HC-1")
    assert letter["error"] == "answered 500"


def test_a_withdrawn_delivery_says_why_and_is_nobodys_letter(ledger: Ledger) -> None:
    identity = paged(ledger)
    happened(ledger, "HC-1", e.NotificationWithdrawn(delivery=identity, reason="HC-1 is resolved"), SERVICE)
    assert (row_of(ledger, identity)["state"], row_of(ledger, identity)["error"]) == ("withdrawn", "HC-1 is resolved")
    with pytest.raises(NotFound, match="no dead letter"):
        ledger.write(lambda draft: replay(draft, identity, DESK)).result()


def test_a_replayed_delivery_has_its_whole_time_again(ledger: Ledger, failed: str) -> None:
    ledger.write(lambda draft: replay(draft, failed, DESK)).result()
    row, replayed = row_of(ledger, failed), entries_of(ledger)[-1]
    assert (row["state"], row["attempts"]) == ("pending", 0)
    assert row["due_at"] == row["requested_at"] == replayed.recorded_at
    assert (replayed.type, replayed.data, replayed.actor) == ("DeadLetterReplayed", {"letter": failed}, "dora")
    assert letter_of(ledger, failed)["state"] == "replayed"


def test_a_delivery_that_fails_again_is_a_dead_letter_again(ledger: Ledger, failed: str) -> None:
    ledger.write(lambda draft: replay(draft, failed, DESK)).result()
    happened(ledger, "HC-1", e.NotificationFailed(delivery=failed, attempts=1, error="answered 404"), SERVICE)
    letter = letter_of(ledger, failed)
    assert (letter["state"], letter["error"], letter["settled_at"]) == ("waiting", "answered 404", None)


def test_a_discarded_letter_cannot_be_replayed(ledger: Ledger, failed: str) -> None:
    ledger.write(lambda draft: discard(draft, failed, DESK)).result()
    assert letter_of(ledger, failed)["state"] == "discarded"
    assert row_of(ledger, failed)["state"] == "dead"
    with pytest.raises(Conflict, match="already discarded"):
        ledger.write(lambda draft: replay(draft, failed, DESK)).result()


def test_a_quarantined_record_is_kept_whole(ledger: Ledger) -> None:
    record = e.RecordQuarantined(
        letter="l-1", topic="hypercare.intake.v1", partition=2, offset=7, key="k", headers=(("a", "b"),), value="eyI=", error="not JSON",
    )  # fmt: skip
    ledger.write(lambda draft: quarantine(draft, record, SERVICE)).result()
    letter = letter_of(ledger, "l-1")
    assert (letter["kind"], letter["origin"], letter["ticket"]) == ("record", "hypercare.intake.v1/2@7", None)
    assert e.RecordQuarantined.model_validate(letter["content"]) == record


@pytest.mark.parametrize("settle", [replay, discard])
def test_a_letter_that_does_not_exist_is_refused(ledger: Ledger, settle: object) -> None:
    assert callable(settle)
    with pytest.raises(NotFound, match="hypercare dlq list"):
        ledger.write(lambda draft: settle(draft, "no such letter", DESK)).result()


@pytest.mark.parametrize(
    "event",
    [
        e.NotificationSent(delivery="none", attempts=1),
        e.NotificationFailed(delivery="none", attempts=1, error="x"),
        e.NotificationWithdrawn(delivery="none", reason="x"),
    ],
)
def test_an_outcome_of_an_unknown_delivery_leaves_no_trace(ledger: Ledger, event: e.Event) -> None:
    routed(ledger)
    before = entries_of(ledger)
    with pytest.raises(NotFound, match="no delivery none"):
        happened(ledger, "HC-1", event, SERVICE)
    assert entries_of(ledger) == before
