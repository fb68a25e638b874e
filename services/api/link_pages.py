"""The pages behind the links of a message: small, legible on a phone, without a script or anything from elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import NamedTuple, get_args

from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from schemas.tickets import Ticket
from schemas.words import NOT_RECORDED, CauseClass
from services.visible import visible

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
STYLE = """body{font:18px/1.5 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:1.5rem 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.4rem;line-height:1.3;margin:.2rem 0 1rem}.id{color:#555;margin:0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dt{color:#555}dd{margin:0;overflow-wrap:anywhere}label{display:block;margin:1rem 0 .3rem}select,textarea,button{font:inherit;width:100%;
box-sizing:border-box;padding:.7rem;border:1px solid #777;border-radius:.3rem;background:#fff;color:inherit}textarea{min-height:8rem}
button{background:#0b4f8a;color:#fff;border:0;margin-top:1.2rem;padding:1rem;font-weight:600}
.fault{border-left:.3rem solid #a4262c;padding-left:.8rem}
.small{color:#555;font-size:.9rem}"""
CAUSES = tuple(cause for cause in get_args(CauseClass) if cause != NOT_RECORDED)
FIELDS = {"cause_system": "the system that caused it", "cause_class": "the kind of cause", "resolution": "what was done"}


class Said(NamedTuple):
    """The latest acknowledgement: by whom, as far as an earlier tool tells, and when."""

    actor: str | None
    at: datetime


def acknowledge(ticket: Ticket, recipient: str) -> HTMLResponse:
    button = '<form method="post"><button>Acknowledge: I am taking it</button></form>'
    return _page(f"Acknowledge {ticket.id}?", f"{_about(ticket)}{button}{_in_the_name_of(recipient)}", ticket)


def resolve(ticket: Ticket, recipient: str, systems: Sequence[str], told: Mapping[str, str], fault: str = "") -> HTMLResponse:
    """The form, with what was filled in before where there is a fault in it."""
    cause = _choice("cause_system", "What caused it", systems, told.get("cause_system") or ticket.system or "")
    kind = _choice("cause_class", "Kind of cause", CAUSES, told.get("cause_class", ""))
    said = _shown(told.get("resolution", ""))
    text = f'<label for="resolution">What was done</label><textarea id="resolution" name="resolution" maxlength="20000">{said}</textarea>'
    wrong = f'<p class="fault" role="alert">{_shown(fault)}</p>' if fault else ""
    form = f'<form method="post">{cause}{kind}{text}<button>Resolve {_shown(ticket.id)}</button></form>'
    return _page(f"Resolve {ticket.id}", f"{_about(ticket)}{wrong}{form}{_in_the_name_of(recipient)}", ticket, 422 if fault else 200)


def taken(ticket: Ticket, said: Said | None) -> HTMLResponse:
    """After a click that was recorded."""
    return _page(f"{ticket.id} is acknowledged", f"<p>{_holder(ticket, said)} Nothing is left to do here.</p>{_about(ticket)}", ticket)


def again(ticket: Ticket, said: Said | None, recipient: str) -> HTMLResponse:
    """Somebody has it. The button counts only for the version that the page was made of: a second click does nothing."""
    told = f"<p>{_holder(ticket, said)}</p><p>Are you at work on it? Say so, and nobody else is called for the time being.</p>"
    seen = f'<input type="hidden" name="seen" value="{ticket.version}">'
    button = f'<form method="post">{seen}<button>I am on it</button></form>'
    return _page(f"{ticket.id} is acknowledged", f"{told}{_about(ticket)}{button}{_in_the_name_of(recipient)}", ticket)


def _holder(ticket: Ticket, said: Said | None) -> str:
    last = f", {_shown(said.actor or 'somebody')} acknowledged it last at {said.at:%Y-%m-%d %H:%M} UTC" if said else ""
    return f"{_shown(ticket.assignee or 'Somebody')} has it{last}."


def ended(ticket: Ticket) -> HTMLResponse:
    return _page(f"{ticket.id} is {ticket.state}", f"<p>Nothing is left to do here.</p>{_about(ticket)}", ticket)


def moved(ticket: Ticket) -> HTMLResponse:
    where = f"It is with {_shown(ticket.team)} now" if ticket.team else "It waits in the triage queue"
    told = f"<p>{where}, or was reopened since: this link is of an earlier message. Look at the newest one, or at the ticket.</p>"
    return _page(f"{ticket.id} has moved on", told + _about(ticket), ticket, 409)


def expired(ticket: Ticket) -> HTMLResponse:
    told = f"<p>Links last for a day. Look at the newest message about {_shown(ticket.id)}, or acknowledge where you work with tickets.</p>"
    return _page("This link has expired", told, None, 410)


def invalid() -> HTMLResponse:
    told = "<p>It may have been cut off: copy the whole address from the message. Nothing was changed.</p>"
    return _page("This link is not valid", told, None, 404)


def named(error: ValidationError) -> str:
    """What a person has to mend in the form."""
    missing = dict.fromkeys(FIELDS.get(str(fault["loc"][0]), "the form") if fault["loc"] else "the form" for fault in error.errors())
    return f"Not recorded yet. Please say {' and '.join(missing)}."


def _about(ticket: Ticket) -> str:
    where = " · ".join(part for part in (ticket.site, ticket.area, ticket.equipment) if part)
    rows = {"Stopped": ticket.stopped, "Where": where, "Batch": ticket.batch, "Runs out": ticket.clock, "Severity": ticket.severity}
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{_shown(value)}</dd>' for name, value in rows.items() if value)}</dl>"


def _in_the_name_of(recipient: str) -> str:
    return (
        f'<p class="small">This will be recorded in the name of {_shown(recipient)}. Not you? Then leave the page: nothing has changed.</p>'
    )


def _choice(name: str, label: str, values: Sequence[str], chosen: str) -> str:
    options = "".join(
        f'<option value="{_shown(value)}"{" selected" if value == chosen else ""}>{_shown(value.replace("_", " "))}</option>'
        for value in values
    )
    first = "" if chosen in values else '<option value="">choose</option>'
    return f'<label for="{name}">{label}</label><select id="{name}" name="{name}" required>{first}{options}</select>'


def _page(title: str, body: str, ticket: Ticket | None, status: int = 200) -> HTMLResponse:
    about = f'<p class="id">{_shown(ticket.title)}</p>' if ticket else ""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_shown(title)}</title><style>{STYLE}</style>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>{_shown(title)}</h1>{about}{body}</main></body></html>'
    return HTMLResponse(page, status, HEADERS)


def _shown(text: str | None) -> str:
    return escape(visible(text or "", keep="\n\t"))
