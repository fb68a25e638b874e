"""The forecast in sentences."""

from schemas.golive_figures import TargetForecast
from services.stabilisation.report.kept import Kept, day, number, several

NAMES = {"exit": "All criteria that can be forecast", "no_sev1_sev2": "No Sev1 and no Sev2 open"}


def forecast_said(kept: Kept) -> tuple[str, ...]:
    forecast = kept.status.forecast
    rest = f"About {number(round(forecast.remaining))} problems are still to be found." if forecast.remaining is not None else ""
    return tuple(said for said in (*(target_said(target) for target in forecast.targets), rest) if said)


def target_said(target: TargetForecast) -> str:
    name = NAMES.get(target.target, target.target)
    if target.state != "date":
        return f"{name}: {target.reason}"
    late = "a date with 85 % is too far away" if target.p85 is None else f"with 85 % by {day(target.p85)}"
    return f"{name}: with 50 % by {day(target.p50)}, {late}{moved(target)}."


def moved(target: TargetForecast) -> str:
    slip = target.slip_days
    if slip is None:
        return ""
    return (
        f"; {several(round(abs(slip)), 'day')} {'later' if slip > 0 else 'earlier'} than the day before" if slip else "; as the day before"
    )
