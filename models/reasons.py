"""What a forecast says to people: one sentence for a date, and for why there is none."""

from dataclasses import dataclass

from models.course import HORIZON, Exit
from models.growth import IMPROVING
from models.rows import Floats

REACHABLE = 60
"""Days in which a throughput that is asked for would get there."""


def holding() -> str:
    return "What can be forecast of the exit (open tickets, days without a Sev1, arrivals) holds today."


def too_few(tickets: int, days: int, least_tickets: int, least_days: int) -> str:
    return f"Too early: {tickets} tickets in {days} days say too little; a date needs {least_tickets} tickets and {least_days} whole days."


def not_falling(trend: float, known: bool) -> str:
    limit = -IMPROVING if known else IMPROVING
    return f"Too early: it is not certain that new tickets grow fewer (Laplace U = {trend:.2f}; a date needs less than {limit})."


def moving(moved: float, stable: float) -> str:
    return f"Too early: the tickets expected by the end of four weeks changed by {moved:.0%} in a day; a date needs less than {stable:.0%}."


def dated(p50: int, p85: int | None) -> str:
    late = f"in 85 of 100 within {_days(p85)}" if p85 is not None else f"in more than 15 of 100 not even within {_days(HORIZON)}"
    return f"What can be forecast of the exit will hold in 50 of 100 cases within {_days(p50)}, {late}."


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


@dataclass(frozen=True, slots=True)
class Outlook:
    """Per week: tickets closed now, net of what comes back, and those it would need; new tickets and new Sev1 at the horizon."""

    closed: float
    needed: float
    level: float
    sev1: float

    def never(self, unreached: float, unmet: Floats, criteria: Exit) -> str:
        """`unmet` (4,) are the shares of days on which Sev1, Sev2, open and arrivals fail at the end of the paths that never get there."""
        sev1, sev2, waiting, arrivals = unmet >= min(0.5, unmet.max())
        causes = [cause for cause, fails in zip(self._causes(criteria), (sev1, sev2 or waiting, arrivals), strict=True) if fails]
        begun = f"No date: as things are, {unreached:.0%} of the cases do not get to the exit within {HORIZON} days. "
        return begun + " ".join(causes)

    def _causes(self, criteria: Exit) -> tuple[str, str, str]:
        free = criteria.sev1_free_days
        return (
            f"A new Sev1 would come {self.sev1:.1f} times a week, too often for {free} days without one: remove what causes them.",
            f"The team closes {self.closed:.0f} tickets a week; to get there in {REACHABLE} days it would need {self.needed:.0f}.",
            f"New tickets level off at {self.level / 7:.1f} a day, the exit allows {criteria.most_arrivals:g}: more people will not help.",
        )
