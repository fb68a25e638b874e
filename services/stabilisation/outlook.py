"""When will it be over? A go-live's days, as the forecast (models/forecast.py) wants them, and its answer in the site's dates."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from math import inf

from models.course import NOTHING_GRAVE, Counts, Course, Exit, ScopeEvent, Wave
from models.forecast import Fitted, Forecast, forecast
from models.paths import PATHS
from schemas.figures import UNDECIDED
from schemas.golive_figures import DayBalance, ForecastDay, GoLiveForecast, TargetForecast
from schemas.golives import RESTS, GoLive
from schemas.words import SEVERITIES
from services.stabilisation.balance import balance
from services.stabilisation.chronicle import micros
from services.stabilisation.days import DAY, days_until, first_day, instant_of, local_date, rests
from services.stabilisation.view import View

AS = {UNDECIDED: "sev3"}
"""A ticket that nobody has graded counts as one of these."""
FAN_DAYS = 60
ENOUGH_DAYS = 28
"""So long an earlier go-live must have lasted for later ones to learn from it."""
EXIT, NO_GRAVE = "exit", "no_sev1_sev2"
_forecast = lru_cache(256)(forecast)


def outlook(view: View, waves: Sequence[Wave]) -> GoLiveForecast:
    """From the whole site days that are over."""
    golive = view.golive
    course = course_of(view, waves)
    if course is None:
        return _nothing_yet(view)
    told = {EXIT: _forecast(course, exit_of(golive)), NO_GRAVE: _forecast(course, NOTHING_GRAVE)}
    begin = first_day(golive.text)
    main = told[EXIT]
    return GoLiveForecast(
        golive=golive.id,
        as_of=view.instant,
        planned_end=golive.text.planned_end,
        paths=PATHS,
        targets=tuple(_target(view, name, answer) for name, answer in told.items()),
        remaining=main.remaining,
        trend=main.trend,
        fit=main.fitted._asdict() if main.fitted else None,
        fan=tuple(ForecastDay(day=begin + each.day * DAY, low=each.p15, median=each.median, high=each.p85) for each in main.fan[:FAN_DAYS]),
    )


def _nothing_yet(view: View) -> GoLiveForecast:
    reason = "The first day of the go-live is not over yet."
    targets = (TargetForecast(target=name, state="too_early", reason=reason, p50=None, p85=None) for name in (EXIT, NO_GRAVE))
    return GoLiveForecast(
        golive=view.golive.id,
        as_of=view.instant,
        planned_end=view.golive.text.planned_end,
        paths=0,
        targets=tuple(targets),
        remaining=None,
        trend=None,
        fit=None,
        fan=(),
    )


def _target(view: View, name: str, answer: Forecast) -> TargetForecast:
    """A date is the day at whose end the target is met; what holds is met today."""
    text = view.golive.text
    begin = local_date(text, view.instant) if answer.state == "holds" else first_day(text) + answer.today * DAY
    p50, p85 = (begin + days * DAY if days is not None else None for days in (answer.p50, answer.p85))
    late = (p85 - local_date(text, text.planned_end)).days if p85 else None
    return TargetForecast(target=name, state=answer.state, reason=answer.reason, p50=p50, p85=p85, late_days=late)


def slip(before: date | None, now: TargetForecast) -> float | None:
    """Days by which a half-way date is later than the one of the day before. What holds was met by the last whole day, and is not late."""
    if before is None or now.p50 is None:
        return None
    later = (now.p50 - before).days
    return min(later - 1, 0) if now.state == "holds" else later


def course_of(view: View, waves: Sequence[Wave] = ()) -> Course | None:
    """None before the first day is over."""
    golive, text = view.golive, view.golive.text
    days = days_until(text, view.instant)[:-1]
    if not days:
        return None
    rows = balance(view.earlier(micros(instant_of(text, days[-1] + DAY)) - 1))
    return Course(
        arrivals=_counts(days, rows, ("created",)),
        closed=_counts(days, rows, ("resolved", "cancelled", "backlogged")),
        reopened=_counts(days, rows, ("reopened",)),
        open=_counts(days[-1:], rows, ("closing",))[0],
        weekday=days[0].weekday(),
        rest=frozenset(_rests(golive, days[0])),
        events=tuple(_planned(golive, days[0])),
        earlier=tuple(waves),
    )


def _counts(days: Sequence[date], rows: Sequence[DayBalance], kinds: Sequence[str]) -> tuple[Counts, ...]:
    found = {day: dict.fromkeys(SEVERITIES, 0) for day in days}
    for row in rows:
        if row.day in found:
            grade = AS.get(row.severity, row.severity)
            found[row.day][grade] += sum(getattr(row, kind) for kind in kinds)  # type: ignore[index]
    return tuple((each["sev1"], each["sev2"], each["sev3"], each["sev4"]) for each in found.values())


def _rests(golive: GoLive, begin: date) -> list[int]:
    """Numbers of the days on which nobody works."""
    text = golive.text
    told = [each for each in golive.scope_events if each.kind in RESTS]
    spans = [(local_date(text, each.at), local_date(text, each.until or each.at + DAY)) for each in told]
    days = {first + place * DAY for first, last in spans for place in range((last - first).days + 1)}
    return [(day - begin).days for day in sorted(days) if rests(golive, day)]


def _planned(golive: GoLive, begin: date) -> list[ScopeEvent]:
    works = [each for each in golive.scope_events if each.kind not in RESTS]
    more = [ScopeEvent((local_date(golive.text, each.at) - begin).days, "scope", each.tickets) for each in works]
    return more + [ScopeEvent(day, "holiday") for day in _rests(golive, begin)]


def exit_of(golive: GoLive) -> Exit:
    """What of the criteria can be forecast: counts of open tickets, days without a Sev1, arrivals."""
    limits = {each.measure: each.limits for each in golive.criteria.criteria}
    sev2, sev3 = limits.get("sev2_held", {}).get("most", inf), limits.get("sev3_low", {}).get("most", inf)
    factor = limits.get("arrivals_normal", {}).get("factor", inf)
    return Exit(
        sev1_free_days=int(limits.get("sev1_free", {}).get("days", 0)),
        most_sev2=sev2,
        most_open=sev2 + sev3,
        most_arrivals=factor * golive.text.normal_arrivals,
    )


def wave_of(view: View, scale: float) -> Wave | None:
    """What a later go-live may learn from this one: its fitted curve, once it has lasted long enough."""
    course = course_of(view)
    if course is None or course.days < ENOUGH_DAYS:
        return None
    fitted: Fitted | None = _forecast(course, Exit(sev1_free_days=10_000)).fitted
    if fitted is None or min(fitted.total, fitted.decay, fitted.floor) <= 0:
        return None
    return Wave(fitted.total, fitted.decay, fitted.floor, scale)
