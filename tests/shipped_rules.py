"""The shipped alerts as they are asked of a Prometheus that has no recorded series: each recorded name replaced by what it records."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import yaml

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "prometheus"
FILES = tuple(FOLDER / f"{name}.rules.yml" for name in ("hypercare", "objective", "burndown", "golive"))
RECORDED = re.compile(r"\b\w+:\w+:\w+")
LOOKED_BACK = re.compile(r"(\b\w+:\w+:\w+)\[")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Holds = npt.NDArray[np.bool_]


class Shipped(NamedTuple):
    """An alert's expression without recorded names, and its two durations in evaluations."""

    expr: str
    wait: int
    keep: int

    def firing(self, holds: Holds) -> Holds:
        """(alerts, evaluations), from where the expression holds to where the alert fires: `for` and `keep_firing_for` as in Prometheus."""
        fires = np.zeros_like(holds)
        since, gone, on = (np.zeros(len(holds), dtype) for dtype in (int, int, bool))
        for step in range(holds.shape[1]):
            held = holds[:, step]
            since, gone = np.where(held, since + 1, 0), np.where(held, 0, gone + 1)
            on = np.where(held, on | (since > self.wait), on & (gone <= self.keep))
            fires[:, step] = on
        return fires


class ShippedRules:
    """All groups of all rule files; `replaced` puts other expressions in place of what some names record."""

    def __init__(self, replaced: dict[str, str] | None = None) -> None:
        files = [yaml.safe_load(file.read_text("utf-8")) for file in FILES]
        rules: list[dict[str, Any]] = [rule for file in files for group in file["groups"] for rule in group["rules"]]
        self.recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule} | (replaced or {})
        self.alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
        self.looked_back = {found for rule in rules for found in LOOKED_BACK.findall(rule["expr"])}

    def spelled(self, expr: str) -> str:
        """`expr` with each recorded name replaced, but those of which some rule asks for a range: these have to be recorded."""
        kept = self.looked_back
        return RECORDED.sub(lambda found: found[0] if found[0] in kept else f"({self.spelled(self.recorded[found[0]])})", expr)

    def alert(self, name: str, step: int) -> Shipped:
        rule = self.alerts[name]
        return Shipped(self.spelled(rule["expr"]), *(seconds(rule.get(key, "0s")) // step for key in ("for", "keep_firing_for")))


def seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]
