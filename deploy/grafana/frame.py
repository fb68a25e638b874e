"""What stands around the panels of every board: its variables, its annotations, and the links to the other boards."""

from collections.abc import Sequence

from deploy.grafana.panels import SOURCE, Json
from deploy.grafana.series import CHOSEN, once

EVERY: Json = {"includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
ONE: Json = {"includeAll": False, "multi": False}
LETTERS_UP, NUMBERS_DOWN = 1, 4
"""Grafana's numbers of the orders in which values are offered."""
LATELY = "15m"
"""For so long something that runs is new."""


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
        "annotations": {"list": [_alerts(), _golives(variables), _began("Releases", "build_info"), _began("Model versions", "model_info")]},
        "links": [{"title": "hypercare boards", "type": "dashboards", "tags": ["hypercare"], "asDropdown": False, "keepTime": True}],
        "panels": list(panels),
    }


def _source_variable() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {"value": "prometheus"}}


def _address_variable() -> Json:
    address = "http://localhost:8000"
    return {"name": "hypercare", "label": "Address of hypercare", "type": "textbox", "query": address, "current": {"value": address}}


def _variable(name: str, label: str, query: str, choice: Json = EVERY) -> Json:
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "sort": LETTERS_UP} | choice


def site_variable() -> Json:
    return _variable("site", "Site", "label_values(hypercare_tickets_submitted_total, site)")


def system_variable() -> Json:
    return _variable("system", "System", 'label_values(hypercare_tickets_open{site=~"$site"}, system)')


def wave_variable() -> Json:
    return _variable("wave", "Wave", "label_values(hypercare_golive_info, wave)")


def golive_variable(choice: Json = EVERY) -> Json:
    """Those of the chosen sites and waves, the newest first."""
    query = 'label_values(hypercare_golive_info{site=~"$site", wave=~"$wave"}, golive)'
    return _variable("golive", "Go-live", query, choice) | {"sort": NUMBERS_DOWN}


def _annotation(name: str, expr: str, title: str, color: str) -> Json:
    return {"name": name, "datasource": SOURCE, "enable": True, "expr": expr, "titleFormat": title, "iconColor": color}


def _alerts() -> Json:
    expr = 'ALERTS{alertstate="firing", alertname=~"Hypercare.*"}'
    return _annotation("Alerts", expr, "{{alertname}} {{site}}", "red")


def _golives(variables: Sequence[Json]) -> Json:
    """At the minute of the go-live, in milliseconds: the age at any scrape tells it, so none has to hit it. Of the chosen go-lives, where
    the board lets choose.
    """
    chosen = f"{{{CHOSEN}}}" if any(variable["name"] == "golive" for variable in variables) else ""
    age = f"hypercare_golive_age_seconds{chosen}"
    expr = once(f"60000 * round((timestamp({age}) - {age}) / 60)")
    return _annotation("Go-lives", expr, "Go-live {{golive}} at {{site}}", "blue") | {"useValueForTime": True}


def _began(name: str, series: str) -> Json:
    """While a version runs that did not run a quarter of an hour before; the first ever, and what comes back after a stop, too."""
    runs = f"group by (version) (hypercare_{series})"
    expr = f"{runs} unless group by (version) (hypercare_{series} offset {LATELY})"
    return _annotation(name, expr, f"{name}: {{{{version}}}}", "purple")
