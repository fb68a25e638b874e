"""`python -m tests.bench.forecasting`: forecasts of simulated go-lives beside what really happened and beside simpler methods.

Constants were chosen on the seeds of `TUNING` only; what is told is measured on those of `EVALUATION`. With `--write` the table in
docs/forecast.md is written anew, with `--tuning` the other seeds are run (and never written).
"""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from models.arrivals import exposure, weekend_of
from models.calendar import calendar
from models.course import HORIZON, Course
from models.forecast import forecast
from models.paths import PATHS, Coming, lived, mix_of
from models.prior import WEAK
from models.throughput import throughput
from tests.simulated_golives import DECAY, STUDY_EXIT, golive, site

TUNING = range(300)
EVALUATION = range(10_000, 10_400)
DAYS = (10, 14, 21, 28)
SLOW = 100
FORECAST = "forecast"
PAGE = Path("docs/forecast.md")
BEGIN, END = "<!-- written by python -m tests.bench.forecasting --write -->\n", "<!-- end of what is written -->\n"


class Answer(NamedTuple):
    """Days after today; without a date `p50` is none and `state` says why. A date beyond the horizon is infinite."""

    state: str
    p50: float | None = None
    p85: float | None = None


class Case(NamedTuple):
    """A go-live after so many days, and how many days after its last day the exit criteria really held for the first time."""

    day: int
    course: Course
    true: float


class Score(NamedTuple):
    """`error` is the median of |P50 − true| in days, `within` the share of errors of at most a week; `met` the share not later than P85."""

    method: str
    day: int
    sites: int
    early: float
    never: float
    error: float
    within: float
    met: float


Method = Callable[[Course, int], Answer]


def of_forecast(course: Course, paths: int = PATHS) -> Answer:
    told = forecast(course, STUDY_EXIT, paths)
    dated = told.state == "date"
    return Answer(told.state, told.p50, (np.inf if told.p85 is None else told.p85) if dated else None)


def straight_line(course: Course, paths: int = PATHS) -> Answer:
    """Open tickets fall on as in the last 7 days."""
    moved = np.array([course.arrivals, course.reopened]).sum(0) - np.array(course.closed)
    burn = -moved[-7:].sum() / 7
    days = (sum(course.open) - STUDY_EXIT.most_open) / burn if burn > 0 else np.inf
    return Answer("date", max(1.0, days)) if days <= HORIZON else Answer("never")


def constant_arrivals(course: Course, paths: int = PATHS) -> Answer:
    """The same paths and the same throughput, but new tickets go on coming as in the last 7 days."""
    counts, days = np.array(course.arrivals, float).sum(1), calendar(course, course.days + HORIZON)
    exposed = exposure(days, weekend_of(counts, days.between(0, course.days), WEAK))
    level = counts[-7:].sum() / exposed[course.days - 7 : course.days].sum()
    rng, work = np.random.default_rng(course.days), throughput(course, WEAK)
    means = np.tile(level * exposed[course.days :], (paths, 1))
    closable = work.drawn(rng, paths, days.between(course.days, course.days + HORIZON))
    lives = lived(course, STUDY_EXIT, Coming(means, closable, work.reopening, WEAK.dispersion, mix_of(course, WEAK, rng, paths)), rng)
    p50, p85 = lives.percentile(0.5), lives.percentile(0.85)
    return Answer("never") if p50 is None else Answer("date", p50, np.inf if p85 is None else p85)


PATHS_OF = {"straight line on net burn": 0, "Monte Carlo, constant arrivals": 250, FORECAST: PATHS}
METHODS: dict[str, Method] = {
    "straight line on net burn": straight_line,
    "Monte Carlo, constant arrivals": constant_arrivals,
    FORECAST: of_forecast,
}


def cases(seeds: Iterable[int], days: Sequence[int] = DAYS, decay: float = DECAY) -> list[Case]:
    """Every go-live on every day on which it had not met its exit yet."""
    lives = [(life, life.exit_day()) for life in (golive(seed, decay) for seed in seeds)]
    return [
        Case(day, life.course(day), np.inf if true is None else true - day + 1)
        for day in days
        for life, true in lives
        if true is None or true >= day
    ]


def score(name: str, method: Method, these: Sequence[Case], paths: int = PATHS) -> Score:
    """Of cases of one day."""
    pairs = [(method(case.course, paths), case.true) for case in these]
    dated = [(answer.p50, answer.p85, true) for answer, true in pairs if answer.p50 is not None]
    errors = [abs(p50 - true) for p50, _, true in dated]
    late = [true <= p85 for _, p85, true in dated if p85 is not None]
    states = [answer.state for answer, _ in pairs]
    return Score(
        name,
        these[0].day,
        len(these),
        states.count("too_early") / len(these),
        states.count("never") / len(these),
        median(errors) if errors else np.nan,
        float(np.mean([error <= 7 for error in errors])) if errors else np.nan,
        float(np.mean(late)) if late else np.nan,
    )


def scores(seeds: Sequence[int]) -> list[Score]:
    """Every method on every day; then the forecast alone on sites of the first seeds that decay half as fast."""
    usual, slow = cases(seeds), cases(seeds[:SLOW], DAYS[1:], DECAY / 2)
    told = [score(name, METHODS[name], [case for case in usual if case.day == day], PATHS_OF[name]) for name in METHODS for day in DAYS]
    return told + [score(f"{FORECAST}, decay half as fast", of_forecast, [case for case in slow if case.day == day]) for day in DAYS[1:]]


def constants() -> str:
    """A digest of what the study depends on besides the code: the prior, a site, and the seeds."""
    return sha256(repr((WEAK, STUDY_EXIT, site(EVALUATION[0]), EVALUATION, DAYS, SLOW)).encode()).hexdigest()[:12]


def table(told: Sequence[Score], seeds: range) -> str:
    head = "| method | day | go-lives | too early | never | median error of P50, days | within 7 days | true exit not later than P85 |\n"
    rows = (
        f"| {each.method} | {each.day} | {each.sites} | {each.early:.0%} | {each.never:.0%} | {_number(each.error, '.1f')} "
        f"| {_number(each.within, '.0%')} | {_number(each.met, '.1%')} |\n"
        for each in told
    )
    exits = [day for day in (golive(seed).exit_day() for seed in seeds) if day is not None]
    said = (
        f"{len(seeds)} simulated go-lives, seeds {seeds[0]} to {seeds[-1]}, median exit on day {median(exits):.0f}; "
        f"{PATHS} paths each, 250 with constant arrivals; constants {constants()}.\n\n"
    )
    return said + head + "|---" * 8 + "|\n" + "".join(rows)


def _number(value: float, form: str) -> str:
    return "–" if np.isnan(value) else format(value, form)


def written(page: str, content: str) -> str:
    """The page with what stands between the markers exchanged."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n" + content + "\n" + END + rest.partition(END)[2]


def main(options: Sequence[str]) -> int:
    seeds, begun = TUNING if "--tuning" in options else EVALUATION, time.process_time()
    content = table(scores(seeds), seeds)
    sys.stdout.write(content + f"\n{time.process_time() - begun:.0f} s of one core\n")
    if "--write" in options and seeds is EVALUATION:
        PAGE.write_text(written(PAGE.read_text("utf-8"), content), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
