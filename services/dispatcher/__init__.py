"""Tells people: decides whom to tell of what happened, and sees to it that they hear of it."""

from functools import partial

from services.db import Database
from services.dispatcher.engine import Engine
from services.dispatcher.equipment import open_channels_from
from services.dispatcher.escalation import Escalation
from services.dispatcher.pace import Pace
from services.dispatcher.past import standing, stood_before
from services.dispatcher.requests import LISTENS_TO, Requests
from services.runner import Service
from services.teams import Teams

__all__ = ["Engine", "Escalation", "Pace", "dispatcher", "open_channels_from"]


def dispatcher(teams: Teams, database: Database) -> Service:
    """Raises Misconfigured where nobody could be told of a possible Sev1."""
    return Service("dispatcher", LISTENS_TO, Requests(teams, partial(stood_before, database), partial(standing, database)).handle)
