"""Tickets whose system a person decides without having seen what the model thinks: how often it is right can be counted on them alone."""

from schemas.tickets import Ticket

TELLS_NO_SYSTEM = (
    "severity", "gxp", "decided_by", "reasons", "sev1_risk", "sev1_candidate", "sev1_guard",
    "model", "rules", "configuration", "as_of", "blind",
)  # fmt: skip
"""What people see of a blind ticket's decision. The rest names the system, or gives it away as its threshold and its known errors do."""


def shown(ticket: Ticket) -> Ticket:
    """The ticket as people may see it: until it has been routed, a blind one comes without what its decision says of the system."""
    decision = ticket.decision or {}
    if not decision.get("blind") or ticket.state not in ("submitted", "triage") or ticket.routed_at:
        return ticket
    return ticket.model_copy(update={"decision": {name: decision[name] for name in TELLS_NO_SYSTEM if name in decision}})
