"""A known error is written by one person, approved by another from QA, offered and counted, worded anew, and retired."""

from typing import Any

import pytest
from sqlalchemy import select

from schemas.entries import Attribution
from schemas.knownerrors import KnownError, KnownErrorText
from schemas.tables import KNOWN_ERRORS
from services.errors import Forbidden, Invalid, NotFound, Refused
from services.knownerrors import approve_known_error, record_known_error, retire_known_error
from services.ledger import Ledger
from tests.dispatching import decided
from tests.lives import DESK, ENGINEER, QA, SERVICE, entries_of, happened, submitted, ticket_of

WORDS = KnownErrorText(
    title="Printer 3 loses its recipe",
    symptom="The printer of line 3 prints blank labels after a restart.",
    workaround="Load the recipe again and have one label checked.",
    system="packaging_serialization",
    site="Cork",
)
BETTER = WORDS.model_copy(update={"workaround": "Load the recipe again, twice.", "site": None})


@pytest.fixture
def ledger(ledger_on_each: Ledger) -> Ledger:
    """Every test of this file runs on both databases."""
    return ledger_on_each


def written(ledger: Ledger, words: KnownErrorText = WORDS, by: Attribution = ENGINEER, known_error: str | None = None) -> KnownError:
    return ledger.write(lambda draft: record_known_error(draft, words, by, known_error)).result()


def approved(ledger: Ledger, known_error: str = "KE-1", by: Attribution = QA) -> KnownError:
    return ledger.write(lambda draft: approve_known_error(draft, known_error, by)).result()


def retired(ledger: Ledger, known_error: str = "KE-1", by: Attribution = DESK) -> KnownError:
    explained = Attribution(by.actor, by.role, "the vendor's update of March mends it")
    return ledger.write(lambda draft: retire_known_error(draft, known_error, explained)).result()


def stands(ledger: Ledger, known_error: str = "KE-1") -> KnownError:
    with ledger.database.read() as connection:
        row = connection.execute(select(KNOWN_ERRORS).where(KNOWN_ERRORS.c.id == known_error)).mappings().one()
    return KnownError.model_construct(**row)


def offered(ledger: Ledger, *known_errors: str, ticket: str | None = None) -> str:
    """A ticket that the classifier found to be like these."""
    ticket = ticket or submitted(ledger).id
    hits = tuple({"known_error": each, "score": 0.61, "title": "t", "workaround": "w"} for each in known_errors)
    happened(ledger, ticket, decided().model_copy(update={"known_errors": hits}), SERVICE)
    return ticket


def test_it_is_a_draft_until_somebody_else_from_qa_approves_it(ledger: Ledger) -> None:
    draft = written(ledger)
    assert (draft.id, draft.state, draft.author, draft.approver, draft.hits) == ("KE-1", "draft", "erik", None, 0)
    known = approved(ledger)
    assert (known.state, known.approver, known.approved_at) == ("approved", "quinn", entries_of(ledger)[-1].recorded_at)
    assert known == stands(ledger)


def test_the_second_person_is_from_qa_and_did_not_write_it(ledger: Ledger) -> None:
    written(ledger, by=QA)
    explained = [
        Attribution(name, role, "tried on line 3") for name, role in (("quinn", "qa"), ("dora", "support_desk"), ("erik", "engineer"))
    ]
    for by in explained:
        with pytest.raises(Forbidden, match="KE-1 was written by quinn: somebody else from QA"):
            approved(ledger, by=by)
    assert approved(ledger, by=Attribution("quentin", "qa", "tried on line 3")).approver == "quentin"


def test_what_is_approved_or_retired_cannot_be_approved_again(ledger: Ledger) -> None:
    written(ledger)
    approved(ledger)
    with pytest.raises(Refused, match="KE-1 is approved; only a draft can be approved"):
        approved(ledger)
    retired(ledger)
    with pytest.raises(Refused, match="KE-1 is retired; only a draft"):
        approved(ledger)


def test_an_approval_and_a_retirement_need_a_reason(ledger: Ledger) -> None:
    written(ledger)
    silent = Attribution("quinn", "qa_reviewer", "  ")
    for change in (approve_known_error, retire_known_error):
        with pytest.raises(Invalid, match="Say why: this change of KE-1"):
            ledger.write(lambda draft, change=change: change(draft, "KE-1", silent)).result()  # type: ignore[misc]


def test_worded_anew_it_waits_for_approval_again_and_keeps_its_hits(ledger: Ledger) -> None:
    written(ledger)
    approved(ledger)
    offered(ledger, "KE-1")
    anew = written(ledger, BETTER, DESK, "KE-1")
    assert (anew.state, anew.author, anew.approver, anew.approved_at, anew.hits) == ("draft", "dora", None, None, 1)
    assert (anew.workaround, anew.site) == (BETTER.workaround, None)
    assert (approved(ledger).state, stands(ledger).hits) == ("approved", 1)


def test_the_same_wording_again_changes_nothing(ledger: Ledger) -> None:
    written(ledger)
    known = approved(ledger)
    seq = entries_of(ledger)[-1].seq
    assert written(ledger, WORDS, DESK, "KE-1") == known
    assert entries_of(ledger)[-1].seq == seq


def test_retired_is_for_good(ledger: Ledger) -> None:
    written(ledger)
    gone = retired(ledger)
    assert (gone.state, gone.retired_at) == ("retired", entries_of(ledger)[-1].recorded_at)
    with pytest.raises(Refused, match="retired already"):
        retired(ledger)
    for words in (WORDS, BETTER):
        with pytest.raises(Refused, match="record the fault anew with POST /v1/known-errors"):
            written(ledger, words, ENGINEER, "KE-1")


def test_each_ticket_that_it_was_offered_to_counts_once(ledger: Ledger) -> None:
    for _ in range(2):
        approved(ledger, written(ledger).id)
    ticket = offered(ledger, "KE-1", "KE-2", "KE-1")
    offered(ledger, "KE-2")
    offered(ledger, "KE-1", "KE-2", ticket=ticket)
    assert (stands(ledger, "KE-1").hits, stands(ledger, "KE-2").hits) == (1, 2)


def test_a_ticket_keeps_what_was_offered_to_it(ledger: Ledger) -> None:
    written(ledger)
    decision: Any = ticket_of(ledger, offered(ledger, "KE-1")).decision
    assert decision["known_errors"] == [{"known_error": "KE-1", "score": 0.61, "title": "t", "workaround": "w"}]


def test_a_decision_is_not_lost_over_a_known_error_that_there_is_not(ledger: Ledger) -> None:
    assert ticket_of(ledger, offered(ledger, "KE-99")).decision is not None


def test_known_errors_of_one_transaction_have_names_of_their_own(ledger: Ledger) -> None:
    written(ledger)

    def command(draft: Any) -> list[str]:
        return [record_known_error(draft, WORDS, ENGINEER).id for _ in range(3)]

    assert ledger.write(command).result() == ["KE-2", "KE-3", "KE-4"]
    assert written(ledger).id == "KE-5"


def test_what_there_is_not_cannot_be_changed(ledger: Ledger) -> None:
    for change in (approved, retired, lambda ledger, known_error: written(ledger, known_error=known_error)):
        with pytest.raises(NotFound, match="There is no known error KE-9"):
            change(ledger, "KE-9")


def test_the_ledger_says_who_did_what_and_why(ledger: Ledger) -> None:
    written(ledger)
    approved(ledger)
    retired(ledger)
    told = [(entry.type, entry.actor, entry.site, entry.ticket, entry.data["known_error"]) for entry in entries_of(ledger)]
    assert told == [
        ("KnownErrorRecorded", "erik", "Cork", None, "KE-1"),
        ("KnownErrorApproved", "quinn", "Cork", None, "KE-1"),
        ("KnownErrorRetired", "dora", "Cork", None, "KE-1"),
    ]
    assert [entry.reason for entry in entries_of(ledger)][1:] == [QA.reason, "the vendor's update of March mends it"]
