"""Shorthands to tell a ticket's life in a test."""

from typing import Any

from sqlalchemy import select

from schemas.entries import Attribution, Entry
from schemas.events import Event
from schemas.tables import ENTRIES, TICKETS
from schemas.tickets import Submission, Ticket
from services.ledger import Ledger
from services.tickets import record, record_for_group, submit

DESK = Attribution("dora", "support_desk")
ENGINEER = Attribution("erik", "automation_engineer", reason="checked the gateway, tag quality is bad")
QA = Attribution("quinn", "qa_reviewer", reason="label content was verified by QA")
SERVICE = Attribution("service:classifier", "service")


def told(**fields: Any) -> Submission:
    """A submission as an operator might tell it."""
    return Submission.model_validate({"title": "Line 3 stopped, no tags", "site": "Cork", "reporter": "olga"} | fields)


def submitted(ledger: Ledger, key: str | None = None, **fields: Any) -> Ticket:
    submission = told(**fields)
    return ledger.write(lambda draft: submit(draft, submission, DESK, key)).result()[0]


def happened(ledger: Ledger, ticket: str, event: Event, by: Attribution = ENGINEER, version: int | None = None) -> Ticket:
    return ledger.write(lambda draft: record(draft, ticket, event, by, version)).result()


def decided_for_group(ledger: Ledger, ticket: str, event: Event, by: Attribution = ENGINEER) -> Ticket:
    """As people do it: with what it means for the tickets that stand under this one."""
    return ledger.write(lambda draft: record_for_group(draft, ticket, event, by)).result()


def ticket_of(ledger: Ledger, ticket: str) -> Ticket:
    with ledger.database.read() as connection:
        return Ticket.model_construct(**connection.execute(select(TICKETS).where(TICKETS.c.id == ticket)).mappings().one())


def entries_of(ledger: Ledger, ticket: str | None = None) -> list[Entry]:
    wanted = select(ENTRIES).order_by(ENTRIES.c.seq)
    if ticket:
        wanted = wanted.where(ENTRIES.c.ticket == ticket)
    with ledger.database.read() as connection:
        return [Entry.model_construct(**row) for row in connection.execute(wanted).mappings()]


def types_of(ledger: Ledger, ticket: str) -> list[str]:
    return [entry.type for entry in entries_of(ledger, ticket)]
