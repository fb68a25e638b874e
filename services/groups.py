"""Tickets of one incident: one of them, the parent, stands for the others where people would be woken. None of them is ever hidden."""

from schemas.tickets import Ticket
from schemas.words import OPEN_STATES


def may_be_sev1(ticket: Ticket) -> bool:
    """The model's doubt counts until a person has set the severity."""
    doubt = bool(ticket.decision and ticket.decision.get("sev1_candidate")) and not ticket.severity_confirmed
    return ticket.severity == "sev1" or doubt


def stands_for_itself(child: Ticket, parent: Ticket) -> str | None:
    """Why the parent may not stand for the child, in words; None where it may. Asked whenever it matters: either of them may change."""
    if parent.state not in OPEN_STATES:
        return f"{parent.id} is {parent.state}"
    if child.site != parent.site:
        return f"it is of another site than {parent.id}"
    if child.batch and child.batch != parent.batch:
        return f"it names batch {child.batch}, which {parent.id} does not"
    if child.gxp != "none":
        return "it has a GxP flag"
    return _graver(child, parent)


def _graver(child: Ticket, parent: Ticket) -> str | None:
    if child.severity and (parent.severity is None or child.severity < parent.severity):
        return f"it is {child.severity}, graver than {parent.id}"
    if may_be_sev1(child) and not may_be_sev1(parent):
        return f"it may be a Sev1, which {parent.id} is not held for"
    return None
