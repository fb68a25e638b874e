"""The parts of a Grafana board, as plain dicts in the JSON model of schema version 39."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

Json = dict[str, Any]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ADDRESS = "${hypercare}"
COLUMNS = 24
CALM: Json = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}
OF_FIELD = ("unit", "min", "thresholds", "custom", "mappings")
SEVERITIES = {"sev1": "red", "sev2": "orange", "sev3": "yellow", "sev4": "blue", "undecided": "text"}


def limits(*steps: tuple[float, str], below: str = "green") -> Json:
    """One colour below the first step; each step is (value, colour)."""
    return {"mode": "absolute", "steps": [{"color": below, "value": None}, *({"value": value, "color": color} for value, color in steps)]}


def at_least(good: float, fair: float) -> Json:
    """Red below `fair`, green from `good` on."""
    return limits((fair, "orange"), (good, "green"), below="red")


def stat(title: str, told: str, asked: str | dict[str, str], unit: str = "short", thresholds: Json = CALM) -> Json:
    """`asked`: an expression, or legend by expression."""
    targets = {asked: ""} if isinstance(asked, str) else asked
    options = {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return _panel("stat", title, told, targets, unit) | {"size": (4, 4), "options": options, "thresholds": thresholds}


def lines(title: str, told: str, targets: dict[str, str], unit: str = "short", stacked: bool = False) -> Json:
    """`targets`: legend by expression."""
    options = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}}
    drawn = {"fillOpacity": 20, "stacking": {"mode": "normal"}} if stacked else {"fillOpacity": 5}
    return _panel("timeseries", title, told, targets, unit) | {"size": (12, 8), "options": options, "custom": drawn}


def bars(title: str, told: str, targets: dict[str, str], unit: str = "short", thresholds: Json = CALM) -> Json:
    options = {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": {"calcs": ["lastNotNull"], "values": False}}
    return _panel("bargauge", title, told, targets, unit) | {"size": (12, 8), "options": options, "thresholds": thresholds}


def _panel(kind: str, title: str, told: str, targets: dict[str, str], unit: str) -> Json:
    asked = [
        {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expr, "legendFormat": legend or "__auto"}
        for place, (expr, legend) in enumerate(targets.items())
    ]
    return {"type": kind, "title": title, "description": told, "datasource": SOURCE, "targets": asked, "unit": unit}


def named(panel: Json) -> Json:
    """Shows the name of each series and not its value: for series that are 1 where their label holds."""
    return panel | {"options": panel["options"] | {"textMode": "name", "graphMode": "none"}}


def both(panel: Json) -> Json:
    """Shows the name of each series with its value."""
    return panel | {"options": panel["options"] | {"textMode": "value_and_name", "graphMode": "none"}}


def worded(panel: Json, words: Sequence[tuple[str, str]]) -> Json:
    """Words and their colours instead of the values 0, 1, 2, ..."""
    told = {str(value): {"text": text, "color": color, "index": value} for value, (text, color) in enumerate(words)}
    return panel | {"mappings": [{"type": "value", "options": told}]}


def signed(panel: Json) -> Json:
    """Its values may lie below 0."""
    return panel | {"min": None}


def graded(panel: Json) -> Json:
    """Each severity in its colour; what is planned of it is dashed."""
    colours = [
        _override(f"/{grade}/", {"id": "color", "value": {"mode": "fixed", "fixedColor": shown}}) for grade, shown in SEVERITIES.items()
    ]
    dashes = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}}
    planned = _override("/planned$/", dashes, {"id": "custom.fillOpacity", "value": 0})
    return panel | {"overrides": [*colours, planned]}


def _override(legend: str, *properties: Json) -> Json:
    return {"matcher": {"id": "byRegexp", "options": legend}, "properties": list(properties)}


def wide(panel: Json) -> Json:
    """Of twice the width."""
    across, high = panel["size"]
    return panel | {"size": (2 * across, high)}


def behind(title: str, path: str, *panels: Json) -> list[Json]:
    """The panels with a link to what stands behind their figures; where `path` takes a label of a series, the link is at the series."""
    link = {"title": title, "url": ADDRESS + path, "targetBlank": True}
    return [panel | ({"at_series": link} if "__field" in path else {"links": [link]}) for panel in panels]


def placed(panels: Sequence[Json], link: Json) -> list[Json]:
    """In rows from left to right: panels of one height stand together. `link` is for those that have none of their own."""
    done: list[Json] = []
    top = 0
    for (across, high), group in groupby(panels, key=lambda panel: panel["size"]):
        row = list(group)
        per_row = COLUMNS // across
        for place, panel in enumerate(row):
            at = {"x": place % per_row * across, "y": top + place // per_row * high, "w": across, "h": high}
            done.append({"links": [link]} | _finished(panel, len(done) + 1, at))
        top += -(-len(row) // per_row) * high
    return done


def _finished(panel: Json, number: int, at: Json) -> Json:
    kept = {key: value for key, value in panel.items() if key not in ("size", "overrides", "at_series", *OF_FIELD)}
    told = {"min": 0, "thresholds": CALM, "custom": {}} | {key: panel[key] for key in OF_FIELD if key in panel}
    defaults = {key: value for key, value in told.items() if value is not None}
    if "at_series" in panel:
        defaults["links"] = [panel["at_series"]]
    return kept | {"id": number, "gridPos": at, "fieldConfig": {"defaults": defaults, "overrides": panel.get("overrides", [])}}
