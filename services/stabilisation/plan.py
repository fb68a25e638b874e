"""Planned open tickets: from rates, straight, or in steps."""

from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from math import exp
from typing import Any

from schemas.golives import Course, Gates, Plan, Rates, Slope
from schemas.words import Severity

LONGEST = 3_650


def planned_open(plan: Plan, day: float) -> dict[Severity, float]:
    """P(t) of each planned severity, `day` days after the go-live; 0 before it."""
    return {severity: planned(course, day) for severity, course in plan.by_severity.items()}


def planned(course: Course, day: float) -> float:
    return _SHAPES[type(course)](course, day) if day >= 0 else 0.0


def _by_rates(course: Rates, day: float) -> float:
    """Day by day P = max(0, P + arrivals − capacity), straight between midnights: it rises first, as a go-live does."""
    levels = _levels(course)
    whole = min(int(day), LONGEST - 1)
    return levels[whole] + (levels[whole + 1] - levels[whole]) * min(day - whole, 1.0)


@lru_cache(64)
def _levels(course: Rates) -> tuple[float, ...]:
    arrivals = (planned_arrivals(course, day) for day in range(LONGEST))
    return tuple(accumulate(arrivals, lambda level, more: max(0.0, level + more - course.capacity), initial=0.0))


def planned_arrivals(course: Rates, day: int) -> float:
    """Of the whole day: the integral of a·b·e^(-bt) + c (Goel and Okumoto 1979, with a floor)."""
    return course.problems * (exp(-course.decay * day) - exp(-course.decay * (day + 1))) + course.floor


def _by_slope(course: Slope, day: float) -> float:
    return course.peak + (course.target - course.peak) * min(day / course.days, 1.0)


def _by_gates(course: Gates, day: float) -> float:
    passed = [gate.open for gate in course.gates if gate.day <= day]
    return passed[-1] if passed else course.gates[0].open


_SHAPES: dict[type, Callable[[Any, float], float]] = {Rates: _by_rates, Slope: _by_slope, Gates: _by_gates}
