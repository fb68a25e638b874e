"""A site with people on call: two plants, a rota of two layers, a lead, quality assurance, and heads of site."""

from pathlib import Path
from typing import Any

from services.teams import Teams, load_teams

FILE = """
[people.anna]
name = "Anna Berg"
page = ["pager:anna"]
notify = ["mail:anna.berg@plant.example"]

[people.ben]
name = "Ben Cole"
page = ["pager:ben"]
notify = ["desk:ben"]

[people.cleo]
name = "Cleo Dahl"
page = ["pager:cleo"]
notify = ["desk:cleo"]
page_budget = "6/1h"

[people.lea]
name = "Lea Ende"
role = "lead"
page = ["pager:lea"]

[people.quinn]
name = "Quinn Feld"
role = "qa"
page = ["pager:quinn"]

[people.pia]
name = "Pia Gram"
role = "programme"
page = ["pager:pia"]

[people.sam]
name = "Sam Hale"
role = "site_head"
sites = ["Cork"]
page = ["pager:sam"]

[people.sue]
name = "Sue Iden"
role = "site_head"
sites = ["Leiden"]
page = ["pager:sue"]

[rotas.mes]
time_zone = "Europe/Dublin"

[[rotas.mes.layers]]
name = "secondary"
rotation = "weekly"
start = 2026-01-05
members = ["cleo", "anna"]

[[rotas.mes.layers]]
name = "primary"
rotation = "12h"
handover = 06:00:00
start = 2026-01-05
members = ["anna", "ben"]

[[rotas.mes.overrides]]
from = 2026-02-01T06:00:00+00:00
until = 2026-02-02T06:00:00+00:00
person = "cleo"
instead_of = "ben"
reason = "Ben is on a course"

[systems]
mes_config = "mes"
erp = "erp"

[teams.mes]
rota = "mes"
ladder = "standard"
page = ["pager:mes-desk"]

[teams.erp]
page = ["pager:erp-desk"]
notify = ["desk:erp"]

[triage]
page = ["pager:triage"]
"""


def teams_of(folder: Path, text: str = FILE) -> Teams:
    path = folder / "teams.toml"
    path.write_text(text, "utf-8")
    return load_teams(path)


def changed(*changes: tuple[str, str]) -> str:
    text = FILE
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


def event(summary: str = "Anna Berg", **fields: Any) -> str:
    told = {"UID": summary, "SUMMARY": summary, "DTSTART": "20260302T080000Z", "DTEND": "20260303T080000Z"} | fields
    lines = [f"{name.replace('_', ';', 1) if '_' in name else name}:{value}" for name, value in told.items() if value is not None]
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def calendar(*events: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *events, "END:VCALENDAR", ""])
