"""A stored snapshot as the reports read it: its status, its tickets, and instants in the site's own time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

from schemas.attention import Attention, Listed, TicketNote
from schemas.golive_figures import Status
from schemas.golives import GoLive, Snapshot
from schemas.words import SEVERITIES
from services.times import lasting

SEVERITY: dict[str, str] = {each: each.capitalize() for each in SEVERITIES}
NOTHING = "-"


@dataclass(frozen=True)
class Kept:
    snapshot: Snapshot

    @cached_property
    def status(self) -> Status:
        return Status.model_validate(self.snapshot.content)

    @property
    def golive(self) -> GoLive | None:
        """Absent from snapshots that were kept before it was kept with them."""
        return self.status.golive

    @property
    def attention(self) -> Attention:
        return self.status.attention or Attention()

    @property
    def at(self) -> datetime:
        return self.status.figures.as_of

    @property
    def name(self) -> str:
        return self.golive.text.name if self.golive else self.status.figures.golive

    @cached_property
    def zone(self) -> tzinfo:
        return ZoneInfo(self.golive.text.time_zone) if self.golive else UTC

    @property
    def zone_name(self) -> str:
        return self.golive.text.time_zone if self.golive else "UTC"

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)

    def moment(self, instant: datetime | None) -> str:
        return f"{self.local(instant):%d %b %H:%M}" if instant else NOTHING

    def date(self, instant: datetime | None) -> str:
        return day(self.local(instant).date()) if instant else NOTHING

    def short_date(self, instant: datetime | None) -> str:
        return f"{self.local(instant):%d %b}" if instant else NOTHING

    def age(self, instant: datetime | None) -> str:
        return lasting((self.at - instant).total_seconds()) if instant else NOTHING

    def notes(self, listed: Listed) -> list[TicketNote]:
        return [self.attention.tickets[ticket] for ticket in listed.tickets]


def day(told: date | None) -> str:
    return f"{told:%a %d %b %Y}" if told else NOTHING


def number(value: float | None) -> str:
    """Counts as they are, other numbers with one decimal."""
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def signed(value: float) -> str:
    return f"{round(value, 1):+g}" if round(value, 1) else "0"


def percent(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else NOTHING


def several(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def together(texts: Iterable[str | None], by: str = ", ") -> str:
    return by.join(text for text in texts if text) or NOTHING
