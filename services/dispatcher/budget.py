"""How many pages one person gets in how much time; what is more waits, and then comes in one message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.oncall import allowances
from services.errors import Misconfigured

PERSONAL = ("mail", "apprise")
"""Channels whose addresses are people's own. Tools and screens do not tire: they get every page by itself."""
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most so many pages within any window of this length."""

    pages: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Budget:
    """All allowances hold at once; without any there is no limit. The shipped ones are GoAlert's for voice calls: 3 in 15 minutes, 7 in an
    hour, 15 in 3 hours.
    """

    allowances: tuple[Allowance, ...] = ()

    @property
    def longest(self) -> timedelta:
        return max((each.window for each in self.allowances), default=timedelta(0))

    def left(self, pages: Sequence[datetime], now: datetime) -> int | None:
        """How many more may go out now, given when earlier ones did; None for any number."""
        rests = [each.pages - sum(now - at < each.window for at in pages) for each in self.allowances]
        return max(min(rests), 0) if rests else None

    def free_at(self, pages: Sequence[datetime], now: datetime) -> datetime:
        """When the next one may go out: now, or when enough of the earlier ones have left every window."""
        newest = sorted(pages, reverse=True)
        ends = (newest[each.pages - 1] + each.window for each in self.allowances if len(newest) >= each.pages)
        return max(now, *ends, now)


SHIPPED = Budget((Allowance(3, timedelta(minutes=15)), Allowance(7, timedelta(hours=1)), Allowance(15, timedelta(hours=3))))


def read_budget(text: str) -> Budget:
    """`3/15m 7/1h` as a budget; `none` for no limit. Raises Misconfigured."""
    try:
        found = allowances(text)
    except ValueError as error:
        raise Misconfigured(f"HYPERCARE_PAGE_BUDGET {error}") from None
    return Budget(tuple(Allowance(int(each["pages"]), int(each["length"]) * UNITS[each["unit"]]) for each in found))
