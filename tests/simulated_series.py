"""The series of simulated sites, as docs/figures.md defines them, half-hour by half-hour, as a text that promtool makes blocks of."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import poisson

from tests.simulated_sites import PER_DAY, STEP_S, STEPS, Course, Ints

START = 1_700_006_400
"""2023-11-15T00:00:00Z, the instant of every go-live."""
TIMES = [str(START + (step + 1) * STEP_S) for step in range(STEPS)]
AGE_S = (np.arange(STEPS) + 1) * STEP_S
SHARES = (0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.04)
"""Of the systems: each ticket's is drawn from these."""

Told = tuple[str, npt.NDArray[np.number]]
"""A series' name with its labels, and its value at each step: (steps,); what is not a number is absent."""


def window(counts: Ints, days: int) -> Ints:
    """Of the `days` before the end of each half-hour."""
    total = np.concatenate([[0], np.cumsum(counts)])
    ends = np.arange(len(counts)) + 1
    summed: Ints = total[ends] - total[np.maximum(ends - days * PER_DAY, 0)]
    return summed


def burndown_series(golive: int, course: Course) -> Iterator[Told]:
    """What the rules of the burndown ask for."""
    gap = course.open - course.planned
    before = np.concatenate([np.zeros(3 * PER_DAY), gap])[:STEPS]
    yield named(golive, "info", 'phase="hypercare"'), np.ones(STEPS)
    yield named(golive, "age_seconds"), AGE_S
    yield named(golive, "open", 'severity="sev3"'), course.open
    yield named(golive, "plan_total"), course.planned
    yield named(golive, "plan_gap"), gap
    yield named(golive, "plan_gap_growth", 'window="3d"'), gap - before
    for days in (1, 3, 7):
        yield named(golive, "arrivals", f'window="{days}d"'), window(course.arrivals, days)
    yield named(golive, "ended", 'window="3d"'), window(course.ended, 3)


def intake_series(golive: int, course: Course) -> Iterator[Told]:
    """What the rules of silence and of the routes ask for. A shift always runs; a ticket comes in the middle of its half-hour."""
    steps = np.arange(STEPS)
    newest = np.maximum.accumulate(np.where(course.arrivals > 0, steps, -1))
    yield named(golive, "silence_seconds"), (steps - newest) * STEP_S + STEP_S // 2
    yield named(golive, "shift_running"), np.ones(STEPS)
    yield named(golive, "age_seconds"), AGE_S
    yield named(golive, "arrivals", 'window="3d"'), window(course.arrivals, 3)
    routed = np.random.default_rng([course.site.seed, 7]).multinomial(course.arrivals, SHARES).T
    for system, counts in enumerate(routed):
        mean = window(counts, 7) / np.clip(AGE_S / 86_400, 1, 7)
        exceeded = window(counts, 1) > poisson.ppf(0.99, mean)
        yield named(golive, "route_share_limit_exceeded", f'system="{system}"'), exceeded.astype(int)


def named(golive: int, name: str, *labels: str) -> str:
    return f"hypercare_golive_{name}{{{','.join((*identity(golive), *labels))}}}"


def identity(golive: int) -> tuple[str, ...]:
    return (f'golive="{golive}"', 'site="simulated"', 'wave="1"')


def write(file: Path, series: Iterable[Told]) -> None:
    with file.open("w", encoding="utf-8") as out:
        for name, values in series:
            out.writelines(f"{name} {value} {time}\n" for value, time in zip(values.tolist(), TIMES, strict=True) if value == value)
        out.write("# EOF\n")
