"""The series of the go-lives: each is a figure of one go-live, labelled with its id, its site and its wave."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from schemas.figures import GRADES
from schemas.golive_figures import Flow, Verdict
from services.stabilisation.reading import Reading

Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]
LIGHTS = {"green": 0, "amber": 1, "red": 2}
VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "waived", "unknown")
STATES = ("date", "too_early", "never", "holds")
HERE = ("golive", "site", "wave")


One = Callable[[Reading], float | None]
Several = Callable[[Reading], Iterable[tuple[Labels, float | None]]]


class Series(NamedTuple):
    """`labels` come after those of the go-live. What is None is not told."""

    name: str
    help: str
    labels: Labels
    of: Several


def _one(name: str, told: str, of: One) -> Series:
    return Series(name, told, (), lambda reading: [((), of(reading))])


def _windows(of: Callable[[Reading], Flow]) -> Several:
    def told(reading: Reading) -> Iterator[tuple[Labels, float]]:
        flow = of(reading)
        yield from ((("1d",), flow.day), (("3d",), flow.days_3), (("7d",), flow.days_7), (("7d_before",), flow.days_7_before))

    return told


def _phase(reading: Reading) -> list[tuple[Labels, float]]:
    return [((reading.figures.phase,), 1.0)]


def _open(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((grade,), reading.figures.open.by_severity[grade]) for grade in GRADES)


def _planned(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((severity,), level) for severity, level in (reading.planned or {}).items())


def _ages(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((grade,), reading.figures.open.ages[grade].oldest or 0.0) for grade in GRADES)


def _gxp(reading: Reading) -> Iterator[tuple[Labels, float]]:
    oldest = reading.figures.gxp.unassessed_oldest_seconds
    return (((grade,), oldest.get(grade, 0.0)) for grade in GRADES)


def _workarounds(reading: Reading) -> Iterator[tuple[Labels, float]]:
    found = reading.figures.workarounds
    yield ("yes",), found.in_force - found.unaccepted
    yield ("no",), found.unaccepted


def _oldest_workaround(reading: Reading) -> float:
    return reading.figures.workarounds.oldest_seconds or 0.0


def _floods(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((system,), float(flooded)) for system, flooded in reading.floods.items())


def _late(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((each.clock, each.severity), each.late_open) for each in reading.figures.in_time)


def _due_soon(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((each.clock, each.severity), each.due_soon) for each in reading.figures.in_time)


def _breaches(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((each.clock, each.severity), each.late) for each in reading.figures.in_time)


def _in_time(reading: Reading) -> Iterator[tuple[Labels, float | None]]:
    return (((each.clock, each.severity), each.share) for each in reading.figures.in_time)


def _criteria(reading: Reading) -> Iterator[tuple[Labels, float]]:
    told = [each.verdict for each in reading.readiness.criteria]
    return (((verdict,), told.count(verdict)) for verdict in VERDICTS)


def _criterion(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((each.id,), float(each.verdict in ("pass", "waived"))) for each in reading.readiness.criteria)


def _forecast(reading: Reading) -> Iterator[tuple[Labels, float]]:
    for each in reading.forecast.targets:
        for quantile, day in (("p50", each.p50), ("p85", each.p85)):
            if day is not None:
                yield (each.target, quantile), (day - reading.today).days


def _forecast_state(reading: Reading) -> Iterator[tuple[Labels, float]]:
    return (((each.target, state), float(each.state == state)) for each in reading.forecast.targets for state in STATES)


def _slip(reading: Reading) -> Iterator[tuple[Labels, float | None]]:
    return (((each.target,), each.slip_days) for each in reading.forecast.targets)


def _late_forecast(reading: Reading) -> Iterator[tuple[Labels, float | None]]:
    return (((each.target,), each.late_days if each.state == "date" else None) for each in reading.forecast.targets)


def _undecided(reading: Reading) -> Iterator[tuple[Labels, float | None]]:
    handling = reading.figures.handling
    yield ("1d",), handling.undecided.ratio
    yield ("7d_before",), handling.undecided_before.ratio


def _classified(reading: Reading) -> Iterator[tuple[Labels, float]]:
    handling = reading.figures.handling
    yield ("1d",), handling.undecided.whole
    yield ("7d_before",), handling.undecided_before.whole


def _shares(reading: Reading) -> Iterator[tuple[Labels, float | None]]:
    told = reading.figures.handling
    named = {"reopened": told.reopened, "first_assignment": told.first_assignment, "own_staff": told.own_staff}
    named |= {"repeats": told.repeats, "training": told.training}
    return (((name,), share.ratio) for name, share in named.items())


SERIES: tuple[Series, ...] = (
    Series("golive_info", "Always 1; the label is the phase that the go-live is in.", ("phase",), _phase),
    _one("golive_age_seconds", "Time since the go-live; below 0 before it.", lambda reading: reading.age),
    Series("golive_open", "Open tickets of the go-live.", ("severity",), _open),
    Series("golive_plan_open", "Planned open tickets, of the approved plan.", ("severity",), _planned),
    _one("golive_plan_total", "Planned open tickets of all planned severities.", lambda reading: _total(reading.planned)),
    _one("golive_plan_gap", "Open minus planned tickets, over the planned severities.", lambda reading: reading.burndown.gap),
    Series(
        "golive_plan_gap_growth", "How much the gap to the plan grew.", ("window",), lambda reading: [(("3d",), reading.burndown.growth_3d)]
    ),
    Series("golive_arrivals", "Tickets submitted in the window.", ("window",), _windows(lambda reading: reading.figures.flows.arrivals)),
    Series("golive_ended", "Tickets that ceased to be open.", ("window",), _windows(lambda reading: reading.figures.flows.ended)),
    Series("golive_resolved", "Resolutions in the window.", ("window",), _windows(lambda reading: reading.figures.flows.resolved)),
    Series("golive_reopened", "Reopenings in the window.", ("window",), _windows(lambda reading: reading.figures.flows.reopened)),
    _one("golive_unverified", "Tickets that are resolved and not confirmed.", lambda reading: reading.figures.open.unverified),
    _one("golive_backlogged", "Tickets that were moved out as enhancements.", lambda reading: reading.figures.open.backlogged),
    _one("golive_balance_difference", "Open tickets that the daily balance does not explain: 0.", lambda told: told.figures.difference),
    Series("golive_oldest_open_seconds", "Age of the oldest open ticket; 0 without one.", ("severity",), _ages),
    _one(
        "golive_sev1_unacknowledged_oldest_seconds",
        "Time since the oldest Sev1 that no engineer has in work was submitted or reopened; 0 without one.",
        lambda reading: reading.oldest_unattended_sev1,
    ),
    _one(
        "golive_sev1_free_days",
        "Days since the last Sev1 occurred; absent before the first.",
        lambda reading: reading.figures.days_since_sev1,
    ),
    _one("golive_gxp_unassessed", "Tickets with a GxP flag that nobody has assessed.", lambda reading: reading.figures.gxp.unassessed),
    _one("golive_gxp_unlinked", "Confirmed ones without a quality record.", lambda reading: reading.figures.gxp.unlinked),
    Series("golive_gxp_unassessed_oldest_seconds", "Age of the oldest flag that is not assessed; 0 without one.", ("severity",), _gxp),
    Series("golive_workarounds", "Workarounds in force, by whether QA accepted them.", ("accepted",), _workarounds),
    _one(
        "golive_workaround_oldest_seconds",
        "Age of the oldest workaround; 0 without one.",
        lambda r: r.figures.workarounds.oldest_seconds or 0.0,
    ),
    _one("golive_storm_tickets", "Tickets of the largest group that grew in the last 30 minutes.", lambda reading: reading.storm),
    Series("golive_repeats", "Tickets of the most repeated known error.", ("window",), lambda reading: [(("1d",), reading.repeats)]),
    Series("golive_route_share_limit_exceeded", "1 where more tickets of a system came in 24 h than chance allows.", ("system",), _floods),
    _one("golive_silence_seconds", "Time in running shifts since the last submission.", lambda reading: reading.silence),
    _one("golive_shift_running", "1 while a shift runs.", lambda reading: float(reading.shift_runs)),
    Series("golive_late", "Open tickets over their target.", ("clock", "severity"), _late),
    Series("golive_due_soon", "Open tickets past 80 % of their target.", ("clock", "severity"), _due_soon),
    Series("golive_breaches", "Tickets that took, or still take, longer than their target.", ("clock", "severity"), _breaches),
    Series("golive_in_time_ratio", "Share of the tickets that were in time.", ("clock", "severity"), _in_time),
    Series("golive_share_ratio", "Shares of how tickets are handled.", ("figure",), _shares),
    _one("golive_bounces", "How often tickets went on from a team.", lambda reading: reading.figures.handling.bounces.total),
    Series("golive_criteria", "Exit criteria by verdict.", ("state",), _criteria),
    Series("golive_criterion_holds", "1 where an exit criterion holds or is waived.", ("criterion",), _criterion),
    _one("golive_light", "Traffic light: 0 green, 1 amber, 2 red.", lambda reading: LIGHTS[reading.readiness.light]),
    Series("golive_forecast", "Days until the target is met; absent without a date.", ("target", "quantile"), _forecast),
    Series("golive_forecast_state", "1 for the state of the forecast.", ("target", "state"), _forecast_state),
    Series("golive_forecast_slip_days", "How much later than forecast yesterday.", ("target",), _slip),
    Series("golive_forecast_late_days", "85 % date after the planned end, in days.", ("target",), _late_forecast),
    Series("golive_undecided_share", "Share of the classified tickets that a person had to route.", ("window",), _undecided),
    Series("golive_classified", "Classified tickets.", ("window",), _classified),
    _one("golive_snapshot_age_seconds", "Age of the last snapshot; absent before the first.", lambda reading: reading.snapshot_age),
    _one("golive_relapsed", "1 where the relapse guard says to go back.", lambda reading: float(reading.readiness.relapse is not None)),
)


def _total(planned: dict[str, float] | None) -> float | None:
    return sum(planned.values()) if planned is not None else None


def told(series: Series, readings: Iterable[Reading]) -> Iterator[tuple[Labels, float]]:
    for reading in readings:
        for labels, value in series.of(reading):
            if value is not None:
                yield (*reading.labels, *labels), float(value)
