"""`hypercare dlq`: a person settles what the services could not, and the ledger says who and why."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from schemas.entries import Attribution
from schemas.events import EventParked, NotificationFailed, NotificationRequested, RecordQuarantined, TicketRouted
from services.deliveries import park, quarantine
from services.ledger import Ledger
from tests.command_line import on, run
from tests.lives import ENGINEER, entries_of, happened, submitted

WHY = ("--reason", "the mail server is back")
RECORD = RecordQuarantined(
    letter="r1",
    topic="hypercare.intake.v1",
    partition=0,
    offset=7,
    key=None,
    headers=(),
    value=b64encode(b'{"title": "\xe2\x80\xaegnp.exe').decode(),
    error="not JSON",
)


@pytest.fixture
def file(ledger: Ledger, tmp_path: Path) -> Path:
    """A database with a dead delivery, a parked event and a quarantined record."""
    ticket = submitted(ledger).id
    happened(ledger, ticket, TicketRouted(system="erp", team="erp"))
    happened(ledger, ticket, NotificationRequested(delivery="d1", channel="mail", address="erp@example.org", urgency="page"))
    happened(ledger, ticket, NotificationFailed(delivery="d1", attempts=9, error="refused\x1b[2J"))
    entry = entries_of(ledger)[0]
    parked = EventParked(letter="classifier:e1", consumer="classifier", event=entry.id, error="boom", attempts=5)
    ledger.write(lambda draft: park(draft, parked, ENGINEER, entry)).result()
    ledger.write(lambda draft: quarantine(draft, RECORD, Attribution("service:intake", "service"))).result()
    return tmp_path / "hypercare.db"


def test_the_list_holds_what_waits_and_nothing_that_acts_on_the_terminal(file: Path) -> None:
    shown = run("dlq", "list", env=on(file)).stdout
    assert all(part in shown for part in ("d1", "classifier:e1", "r1", "mail to erp@example.org", "refused\\x1b[2J"))
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("words", "ids"), [(("--kind", "delivery"), ["d1"]), (("--limit", "2"), ["d1", "classifier:e1"]), (("--state", "replayed"), [])]
)
def test_the_list_can_be_narrowed(file: Path, words: tuple[str, ...], ids: list[str]) -> None:
    assert [letter["id"] for letter in json.loads(run("dlq", "list", "--json", *words, env=on(file)).stdout)] == ids


def test_a_record_is_shown_with_its_text_made_visible(file: Path) -> None:
    shown = run("dlq", "show", "r1", env=on(file)).stdout
    assert '{"title": "\\u202egnp.exe' in shown
    assert "hypercare.intake.v1/0@7" in shown


def test_a_letter_that_is_not_there_is_an_error(file: Path) -> None:
    result = run("dlq", "show", "r9", env=on(file))
    assert (result.exit_code, "no dead letter r9" in result.stderr) == (1, True)


@pytest.mark.parametrize(("verb", "event"), [("replay", "DeadLetterReplayed"), ("discard", "DeadLetterDiscarded")])
def test_settling_a_letter_is_recorded_with_person_role_and_reason(file: Path, ledger: Ledger, verb: str, event: str) -> None:
    result = run("dlq", verb, "d1", *WHY, "--actor", "olga", "--role", "support_lead", env=on(file))
    assert (result.exit_code, result.stdout) == (0, "d1 is settled\n")
    last = entries_of(ledger)[-1]
    assert (last.type, last.actor, last.role, last.reason) == (event, "olga", "support_lead", "the mail server is back")


def test_a_record_that_is_understood_by_now_becomes_a_ticket_of_the_person_who_sent_it_again(file: Path, ledger: Ledger) -> None:
    told = b64encode(b'{"title": "No tags", "site": "Cork", "reporter": "olga"}').decode()
    good = RECORD.model_copy(update={"letter": "r2", "value": told, "headers": (("content-type", "application/json"),)})
    ledger.write(lambda draft: quarantine(draft, good, Attribution("service:intake", "service"))).result()
    result = run("dlq", "replay", "r2", *WHY, "--actor", "olga", env=on(file))
    assert (result.exit_code, result.stdout) == (0, "r2 is ticket HC-2\n")
    replayed, submission = entries_of(ledger)[-2:]
    assert (replayed.type, submission.type, submission.actor) == ("DeadLetterReplayed", "TicketSubmitted", "olga")


def test_a_record_that_is_still_not_understood_stays_a_dead_letter(file: Path, ledger: Ledger) -> None:
    before = len(entries_of(ledger))
    result = run("dlq", "replay", "r1", *WHY, env=on(file))
    assert (result.exit_code, "not JSON" in result.stderr) == (1, True)
    assert len(entries_of(ledger)) == before
    assert [letter["id"] for letter in json.loads(run("dlq", "list", "--kind", "record", "--json", env=on(file)).stdout)] == ["r1"]


def test_a_letter_that_was_settled_does_not_keep_the_others(file: Path) -> None:
    run("dlq", "discard", "d1", *WHY, env=on(file))
    result = run("dlq", "discard", "d1", "classifier:e1", "classifier:e1", "nothing", *WHY, env=on(file))
    assert result.exit_code == 1
    assert result.stdout == "classifier:e1 is settled\n"
    assert "already discarded" in result.stderr
    assert "no dead letter nothing" in result.stderr


@pytest.mark.parametrize(
    "words", [(), ("--reason", "why"), ("--reason", "     "), (*WHY, "--role", "Support Lead"), (*WHY, "--actor", " ")]
)
def test_nothing_is_settled_without_a_reason_and_a_name(file: Path, words: tuple[str, ...]) -> None:
    assert run("dlq", "replay", "d1", *words, env=on(file)).exit_code == 2
    assert json.loads(run("dlq", "list", "--json", env=on(file)).stdout)[0]["state"] == "waiting"
