"""Alerts over the past of simulated go-lives, as a real Prometheus answers."""

import signal
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from tests.observing import Prometheus, ran
from tests.shipped_rules import RECORDED, Holds, Shipped, ShippedRules
from tests.simulated_series import START, Told, identity, write
from tests.simulated_sites import STEP_S, STEPS, Course


class Replay:
    """A real Prometheus that holds the series of simulated go-lives, numbered from 0; `rules` are asked of it."""

    def __init__(self, golives: int, rules: ShippedRules) -> None:
        self.golives, self.rules = golives, rules
        self.server = Prometheus({"global": {}})

    def fires(self, alerts: dict[str, Shipped]) -> dict[str, Holds]:
        """(go-lives, evaluations) for each alert. Recorded series that one looks back on are recorded first, as Prometheus would have."""
        back = {name for alert in alerts.values() for name in RECORDED.findall(alert.expr)}
        self.keep([told for name in sorted(back) for told in self._recorded(name)])
        return {name: alert.firing(~np.isnan(self._asked(alert.expr))) for name, alert in alerts.items()}

    def keep(self, series: Iterable[Told]) -> None:
        """As blocks; Prometheus sees them when it starts anew."""
        file = self.server.folder / "series.om"
        write(file, series)
        self.server.end(signal.SIGTERM)
        good, said = ran("promtool", "tsdb", "create-blocks-from", "--max-block-duration=2000h", "openmetrics", file, self.server.data)
        assert good, said
        file.unlink()
        self.server.start()

    def _recorded(self, name: str) -> Iterator[Told]:
        values = self._asked(self.rules.spelled(self.rules.recorded[name]))
        return ((f"{name}{{{','.join(identity(golive))}}}", values[golive]) for golive in range(self.golives))

    def _asked(self, expr: str) -> npt.NDArray[np.float64]:
        """(go-lives, evaluations); of several series of a go-live one, and not a number where there is none."""
        found = np.full((self.golives, STEPS), np.nan)
        for series in self.server.ask_range(expr, START + STEP_S, START + STEPS * STEP_S, STEP_S):
            steps = [(int(time) - START) // STEP_S - 1 for time, _ in series["values"]]
            found[int(series["metric"]["golive"]), steps] = [float(value) for _, value in series["values"]]
        return found

    def stop(self) -> None:
        self.server.stop()


def replayed(
    courses: list[Course], tell: Callable[[int, Course], Iterator[Told]], rules: ShippedRules, alerts: dict[str, Shipped]
) -> dict[str, Holds]:
    replay = Replay(len(courses), rules)
    try:
        replay.keep(told for golive, course in enumerate(courses) for told in tell(golive, course))
        return replay.fires(alerts)
    finally:
        replay.stop()
