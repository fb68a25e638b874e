"""Tells people: decides whom to tell of what happened, and sees to it that they hear of it."""

from functools import partial

from services.db import Database
from services.dispatcher.addressees import Addressees
from services.dispatcher.budget import read_budget
from services.dispatcher.engine import Engine
from services.dispatcher.equipment import open_channels_from
from services.dispatcher.escalation import Escalation
from services.dispatcher.pace import Pace
from services.dispatcher.past import incidents, returns, standing, stood_before
from services.dispatcher.requests import LISTENS_TO, MIRRORED, Requests
from services.runner import Service
from services.teams import Teams

__all__ = ["Addressees", "Engine", "Escalation", "Pace", "dispatcher", "open_channels_from", "read_budget"]


def dispatcher(teams: Teams, database: Database) -> Service:
    """Raises Misconfigured where nobody could be told of a possible Sev1."""
    before, find = partial(stood_before, database), partial(standing, database)
    requests = Requests(teams, before, find, partial(incidents, database), partial(returns, database))
    return Service("dispatcher", (*LISTENS_TO, *MIRRORED), requests.handle)
