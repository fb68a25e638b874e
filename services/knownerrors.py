"""Known errors as their events made them: written by one person, approved by QA, offered at intake, counted."""

from collections.abc import Iterable

from sqlalchemy import func, select

from schemas.entries import Attribution
from schemas.events import KnownErrorApproved, KnownErrorRecorded, KnownErrorRetired
from schemas.knownerrors import KnownError, KnownErrorText
from schemas.tables import KNOWN_ERRORS
from services.errors import Forbidden, Invalid, NotFound, Refused
from services.ledger import Draft, Row, Subject
from services.lifecycle import QA_ROLES


def record_known_error(draft: Draft, told: KnownErrorText, by: Attribution, known_error: str | None = None) -> KnownError:
    """A new one, or another wording of one that there is: then it waits for approval again, and keeps its hits. The same wording again
    changes nothing.
    """
    before = _row(draft, known_error) if known_error else None
    if before and before["state"] == "retired":
        raise Refused(f"{known_error} is retired and stays so; record the fault anew with POST /v1/known-errors")
    if before and told.model_dump().items() <= before.items():
        return KnownError.model_construct(**before)
    identity = known_error or _next(draft)
    entry = draft.append(KnownErrorRecorded(known_error=identity, **told.model_dump()), by, Subject(site=told.site))
    fresh: Row = {"id": identity, "state": "draft", "author": by.actor, "approver": None, "approved_at": None, "retired_at": None}
    return _put(draft, fresh | told.model_dump() | {"recorded_at": entry.recorded_at, "hits": before["hits"] if before else 0})


def approve_known_error(draft: Draft, known_error: str, by: Attribution) -> KnownError:
    row = _row(draft, known_error)
    _check_reason(known_error, by)
    if row["state"] != "draft":
        raise Refused(f"{known_error} is {row['state']}; only a draft can be approved")
    if by.role not in QA_ROLES or by.actor == row["author"]:
        raise Forbidden(f"{known_error} was written by {row['author']}: somebody else from QA (role qa or qa_reviewer) approves it")
    entry = draft.append(KnownErrorApproved(known_error=known_error), by, Subject(site=row["site"]))
    return _put(draft, row | {"state": "approved", "approver": by.actor, "approved_at": entry.recorded_at})


def retire_known_error(draft: Draft, known_error: str, by: Attribution) -> KnownError:
    row = _row(draft, known_error)
    _check_reason(known_error, by)
    if row["state"] == "retired":
        raise Refused(f"{known_error} is retired already")
    entry = draft.append(KnownErrorRetired(known_error=known_error), by, Subject(site=row["site"]))
    return _put(draft, row | {"state": "retired", "retired_at": entry.recorded_at})


def count_hits(draft: Draft, known_errors: Iterable[str]) -> None:
    """One that there is not is passed over: a count is no reason to lose a decision."""
    for known_error in known_errors:
        if row := draft.get(KNOWN_ERRORS, known_error):
            draft.put(KNOWN_ERRORS, row | {"hits": row["hits"] + 1})


def _check_reason(known_error: str, by: Attribution) -> None:
    if not (by.reason and by.reason.strip()):
        raise Invalid(f"Say why: this change of {known_error} needs a reason that an auditor will understand")


def _row(draft: Draft, known_error: str) -> Row:
    row = draft.get(KNOWN_ERRORS, known_error)
    if row is None:
        raise NotFound(f"There is no known error {known_error}; look it up with GET /v1/known-errors")
    return row


def _next(draft: Draft) -> str:
    """None is ever removed, so their number gives the next name; others of the same transaction are not in the table yet."""
    number = int(draft.connection.execute(select(func.count()).select_from(KNOWN_ERRORS)).scalar_one()) + 1
    while draft.get(KNOWN_ERRORS, f"KE-{number}"):
        number += 1
    return f"KE-{number}"


def _put(draft: Draft, row: Row) -> KnownError:
    draft.put(KNOWN_ERRORS, row)
    return KnownError.model_construct(**row)
