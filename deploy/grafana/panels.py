"""The parts of a Grafana board, as plain dicts in the JSON model of schema version 39."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

Json = dict[str, Any]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
CALM: Json = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}


def limits(*steps: tuple[float, str]) -> Json:
    """Green below the first step; each step is (value, colour)."""
    return {"mode": "absolute", "steps": [{"color": "green", "value": None}, *({"value": value, "color": color} for value, color in steps)]}


def once(series: str) -> str:
    """Replicas tell the same figures: take each series once."""
    return f"max without (instance, job) ({series})"


def in_time(taken: str, severity: str, seconds: int) -> str:
    """The share of tickets of a severity that took no longer; nothing where there is no such ticket."""
    chosen = f'site=~"$site", severity="{severity}"'
    within = once(f'hypercare_ticket_{taken}_seconds_bucket{{{chosen}, le="{float(seconds)}"}}')
    every = once(f"hypercare_ticket_{taken}_seconds_count{{{chosen}}}")
    return f"sum by (severity) ({within}) / (sum by (severity) ({every}) > 0)"


def stat(title: str, told: str, expr: str, unit: str = "short", thresholds: Json = CALM) -> Json:
    options = {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return _panel("stat", title, told, {expr: ""}, unit) | {"size": (4, 4), "options": options, "thresholds": thresholds}


def lines(title: str, told: str, targets: dict[str, str], unit: str = "short", stacked: bool = False) -> Json:
    """`targets`: legend by expression."""
    options = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}}
    drawn = {"fillOpacity": 20, "stacking": {"mode": "normal"}} if stacked else {"fillOpacity": 5}
    return _panel("timeseries", title, told, targets, unit) | {"size": (12, 8), "options": options, "custom": drawn}


def bars(title: str, told: str, targets: dict[str, str], unit: str = "short") -> Json:
    panel = _panel("bargauge", title, told, targets, unit)
    options = {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": {"calcs": ["lastNotNull"], "values": False}}
    return panel | {"size": (12, 8), "options": options}


def _panel(kind: str, title: str, told: str, targets: dict[str, str], unit: str) -> Json:
    asked = [
        {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expr, "legendFormat": legend or "__auto"}
        for place, (expr, legend) in enumerate(targets.items())
    ]
    return {"type": kind, "title": title, "description": told, "datasource": SOURCE, "targets": asked, "unit": unit}


def placed(panels: Sequence[Json], link: Json) -> list[Json]:
    """In rows from left to right: panels of one height stand together."""
    done: list[Json] = []
    top = 0
    for (wide, high), group in groupby(panels, key=lambda panel: panel["size"]):
        row = list(group)
        per_row = COLUMNS // wide
        for place, panel in enumerate(row):
            at = {"x": place % per_row * wide, "y": top + place // per_row * high, "w": wide, "h": high}
            done.append(_finished(panel, len(done) + 1, at, link))
        top += -(-len(row) // per_row) * high
    return done


def _finished(panel: Json, number: int, at: Json, link: Json) -> Json:
    kept = {key: value for key, value in panel.items() if key not in ("size", "unit", "thresholds", "custom")}
    defaults = {"unit": panel["unit"], "min": 0, "thresholds": panel.get("thresholds", CALM), "custom": panel.get("custom", {})}
    return kept | {"id": number, "gridPos": at, "links": [link], "fieldConfig": {"defaults": defaults, "overrides": []}}


def board(uid: str, title: str, told: str, variables: Sequence[Json], panels: Sequence[Json]) -> Json:
    return {
        "uid": uid,
        "title": title,
        "description": told,
        "tags": ["hypercare"],
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": [_source_variable(), _address_variable(), *variables]},
        "annotations": {"list": [_alerts()]},
        "links": [{"title": "hypercare boards", "type": "dashboards", "tags": ["hypercare"], "asDropdown": False, "keepTime": True}],
        "panels": list(panels),
    }


def _source_variable() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {"value": "prometheus"}}


def _address_variable() -> Json:
    address = "http://localhost:8000"
    return {"name": "hypercare", "label": "Address of hypercare", "type": "textbox", "query": address, "current": {"value": address}}


def site_variable() -> Json:
    query = "label_values(hypercare_tickets_submitted_total, site)"
    every = {"includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return {"name": "site", "label": "Site", "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "sort": 1} | every


def _alerts() -> Json:
    expr = 'ALERTS{alertstate="firing", alertname=~"Hypercare.*"}'
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "expr": expr,
        "titleFormat": "{{alertname}} {{site}}",
        "iconColor": "red",
    }
