"""The coming days: how many tickets will be open on half of the paths, and between which counts on 70 % of them."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from schemas.golive_figures import TargetForecast
from services.stabilisation.markup import Markup
from services.stabilisation.report.document import Figure
from services.stabilisation.report.drawing import Plot, area, grid, legend, line, round_top, svg, upright
from services.stabilisation.report.kept import Kept, day

HEIGHT = 200
PAST = timedelta(days=14)
DAY = timedelta(days=1)


def exit_target(kept: Kept) -> TargetForecast:
    return next(each for each in kept.status.forecast.targets if each.target == "exit")


def fan_figure(kept: Kept) -> Figure | None:
    """None where nothing can be forecast yet."""
    fan, days = kept.status.forecast.fan, kept.status.burndown.days
    if not fan or not days:
        return None
    past = [each for each in days if each.at >= kept.at - PAST]
    begin = past[0].at
    places = [_noon(kept, each.day, begin) for each in fan]
    plot = Plot(0, places[-1], round_top(max(max(each.high for each in fan), *(sum(each.open.values()) for each in past))), HEIGHT)
    upper, middle, lower = ([(plot.x(x), plot.y(getattr(each, name))) for x, each in zip(places, fan, strict=True)] for name in NAMES)
    known = [(plot.x((each.at - begin) / DAY), plot.y(sum(each.open.values()))) for each in past]
    said = _said(kept)
    shapes = (
        grid(plot, _dates(kept, begin, places[-1])),
        area("band", upper, lower),
        line("first", middle),
        line("trace", known),
        *_ends(kept, plot, begin),
        legend((("trace", "open"), ("first", "half of the paths"), ("band", "15 to 85 % of the paths"))),
    )
    return Figure("Forecast of open tickets", said, svg(said, HEIGHT, shapes))


NAMES = ("high", "median", "low")


def _noon(kept: Kept, told: date, begin: datetime) -> float:
    return (datetime.combine(told, time(12), kept.zone) - begin) / DAY


def _ends(kept: Kept, plot: Plot, begin: datetime) -> Iterator[Markup]:
    target = exit_target(kept)
    dated = (("P50", target.p50), ("P85", target.p85), ("planned end", kept.local(kept.status.forecast.planned_end).date()))
    for row, (name, told) in enumerate(dated):
        if told and plot.low <= _noon(kept, told, begin) <= plot.high:
            yield upright(plot, _noon(kept, told, begin), f"{name} {told:%d %b}", row)


def _dates(kept: Kept, begin: datetime, whole: float) -> list[tuple[float, str]]:
    step = max(round(whole / 6), 1)
    return [(place, f"{kept.local(begin + place * DAY):%d %b}") for place in range(0, int(whole) + 1, step)]


def _said(kept: Kept) -> str:
    target, last = exit_target(kept), kept.status.forecast.fan[-1]
    return f"{target.reason} On {day(last.day)} {last.median:.0f} open on half of the paths, {last.low:.0f} to {last.high:.0f} on 70 %."
