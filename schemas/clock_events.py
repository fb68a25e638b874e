"""Facts about clocks. Published as the other events are: extended, never changed."""

from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.clocks import Clock, PolicyText
from schemas.event import Event
from schemas.words import Instant, Name, Severity


class PolicyAdopted(PolicyText, Event):
    """The clocks of tickets whose problem occurs from now on at this site run by it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    site: Name


class ClockWarned(Event):
    """This share of a target was used up at `at`; when the target is reached is `due_at`, as far as could be told."""

    clock: Clock
    severity: Severity
    share: Annotated[float, Field(gt=0, lt=1)]
    at: Instant
    due_at: Instant


class ClockBreached(Event):
    """A target was missed: it was due at `due_at`."""

    clock: Clock
    severity: Severity
    due_at: Instant


CLOCK_EVENTS: tuple[type[Event], ...] = (PolicyAdopted, ClockWarned, ClockBreached)
