"""Facts about who is on call. Published as the other events are: extended, never changed."""

from typing import Any

from pydantic import ConfigDict

from schemas.event import Event
from schemas.oncall import NightFault, OverrideId, OverrideText, Watched
from schemas.words import Instant, Slug


class OnCallConfigured(Event):
    """People are told by this teams file from now on. Of targets that hold a password `content` tells only where they lead."""

    digest: str
    content: dict[str, Any]


class RotaOverridden(OverrideText, Event):
    """A person covers for another, or for whoever it is."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    override: OverrideId
    rota: Slug


class RotaOverrideDropped(Event):
    """It holds no more."""

    override: OverrideId
    rota: Slug


class NightChecked(Event):
    """Whether everybody whom a step may tell until `until` can be reached: how many faults each team has, and which."""

    begin: Instant
    until: Instant
    watched: tuple[Watched, ...]
    faults: tuple[NightFault, ...]


class ReachTried(Event):
    """A test message goes to a person's own targets, word for word; nothing has happened."""

    person: Slug
    title: str
    text: str


class ClimbsAudited(Event):
    """A recount found these tickets without the step of their ladder that they should have; told again when it finds others."""

    missed: tuple[str, ...]


ONCALL_EVENTS: tuple[type[Event], ...] = (OnCallConfigured, RotaOverridden, RotaOverrideDropped, NightChecked, ReachTried, ClimbsAudited)
