"""What is read of one go-live for its series."""

from datetime import date, timedelta
from typing import NamedTuple

from schemas.golive_figures import GoLiveFigures, GoLiveForecast, PlannedBurndown, Readiness
from schemas.golives import GoLive
from services.snapshots import snapshots_of
from services.stabilisation.days import local_date
from services.stabilisation.plan import planned_open
from services.stabilisation.progress import Sight
from services.stabilisation.signals import floods, oldest_unattended_sev1, repeats, shift_runs, silence, storm


class Reading(NamedTuple):
    """What the series of one go-live are made of, as known at one instant; `today` is the site's."""

    labels: tuple[str, str, str]
    today: date
    figures: GoLiveFigures
    burndown: PlannedBurndown
    readiness: Readiness
    forecast: GoLiveForecast
    planned: dict[str, float] | None
    age: float
    storm: int
    repeats: int
    floods: dict[str, bool]
    silence: float
    shift_runs: bool
    oldest_unattended_sev1: float
    snapshot_age: float | None


def read(sight: Sight) -> Reading:
    view, golive = sight.view, sight.golive
    age = sight.outline.at - golive.text.starts_at
    last = next(snapshots_of(sight.outline.connection, golive), None)
    return Reading(
        labels=(golive.id, golive.site, golive.text.wave),
        today=local_date(golive.text, sight.outline.at),
        figures=sight.figures,
        burndown=sight.burndown,
        readiness=sight.readiness,
        forecast=sight.forecast,
        planned=_planned_now(golive, age / timedelta(days=1)),
        age=age.total_seconds(),
        storm=storm(view),
        repeats=repeats(view),
        floods=floods(view),
        silence=silence(view),
        shift_runs=shift_runs(view),
        oldest_unattended_sev1=oldest_unattended_sev1(view),
        snapshot_age=(sight.outline.at - last.as_of).total_seconds() if last else None,
    )


def _planned_now(golive: GoLive, age: float) -> dict[str, float] | None:
    return {str(severity): level for severity, level in planned_open(golive.plan.plan, age).items()} if golive.plan else None
