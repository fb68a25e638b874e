"""`hypercare explain`: a decision of the past is shown with its reasons, and made again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.registry import load_model
from schemas.entries import Attribution
from schemas.events import EVENTS, TicketClassified
from schemas.tickets import Ticket
from services.classifier.explanation import SOURCES
from services.ledger import Ledger
from services.runner import Occurrence
from services.tickets import SERVICE, record
from tests.command_line import on, run
from tests.corpora import save_small
from tests.lives import entries_of, submitted
from tests.minds import FLOORS, decider

MODEL = load_model()
TITLE = "IDoc 51 on every goods issue since 02:00, posting period closed"
Change = Callable[[TicketClassified], dict[str, Any]]


def classified(ledger: Ledger, change: Change = lambda event: {}) -> Ticket:
    """A ticket that the classifier has decided; `change` says what the ledger holds otherwise than was decided."""
    ticket = submitted(ledger, title=TITLE)
    entry = entries_of(ledger, ticket.id)[0]
    event = decider(ledger, MODEL).decide([Occurrence(entry, EVENTS[entry.type].model_validate(entry.data), ticket)])[0][0]
    assert isinstance(event, TicketClassified)
    event = event.model_copy(update=change(event))
    by = Attribution("service:classifier", SERVICE, cause=entry.id)
    ledger.write(lambda draft: record(draft, ticket.id, event, by)).result()
    return ticket


def test_it_says_where_why_and_that_it_would_decide_the_same_today(ledger: Ledger, tmp_path: Path) -> None:
    ticket = classified(ledger)
    result = run("explain", ticket.id, env=on(tmp_path / "hypercare.db"))
    assert result.exit_code == 0, result.stderr
    for said in ("erp", "sure", "heard", MODEL.version, FLOORS.digest, "decided the same, bit for bit"):
        assert said in result.stdout


def test_as_json_it_holds_the_whole_decision(ledger: Ledger, tmp_path: Path) -> None:
    ticket = classified(ledger)
    told = json.loads(run("explain", ticket.id, "--json", env=on(tmp_path / "hypercare.db")).stdout)
    assert told["decision"]["prediction"]["words"]
    assert told["recomputed"] == {"same": True, "verdict": "decided the same, bit for bit", "differs": []}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda event: {"severity": "sev1" if event.severity != "sev1" else "sev2"}, "severity"),
        (lambda event: {"prediction": event.prediction | {"confidence": event.prediction["confidence"] - 0.0001}}, "prediction"),
        (lambda event: {"reasons": ("somebody wrote this",)}, "reasons"),
    ],
    ids=["severity", "last place of the confidence", "reason"],
)
def test_a_decision_that_these_sources_do_not_give_is_noticed(ledger: Ledger, tmp_path: Path, change: Change, field: str) -> None:
    result = run("explain", classified(ledger, change).id, env=on(tmp_path / "hypercare.db"))
    assert result.exit_code == 1
    assert f"decided otherwise in {field}" in result.stderr


@pytest.mark.parametrize("source", SOURCES)
def test_what_another_model_or_rule_decided_is_not_called_wrong(ledger: Ledger, tmp_path: Path, source: str) -> None:
    result = run("explain", classified(ledger, lambda event: {source: "another"}).id, env=on(tmp_path / "hypercare.db"))
    assert result.exit_code == 0
    assert f"decided by another {source}" in result.stdout


def test_the_version_that_decided_is_asked_though_another_decides_now(ledger: Ledger, tmp_path: Path) -> None:
    save_small(tmp_path / "small")
    ticket = classified(ledger)
    result = run("explain", ticket.id, env=on(tmp_path / "hypercare.db") | {"HYPERCARE_MODEL": str(tmp_path / "small")})
    assert "decided the same, bit for bit" in result.stdout


def test_a_ticket_that_is_not_there_or_not_decided_is_said_to_be_so(ledger: Ledger, tmp_path: Path) -> None:
    ticket = submitted(ledger)
    for name, said in ((ticket.id, "was not classified yet"), ("HC-99", "There is no ticket HC-99")):
        result = run("explain", name, env=on(tmp_path / "hypercare.db"))
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr
