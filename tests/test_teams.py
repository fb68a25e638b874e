"""Which team owns a system at a site is configuration, checked when it is read."""

from pathlib import Path

import pytest

from services.errors import Invalid, Misconfigured
from services.teams import load_teams

FILE = """
[systems]
erp = "erp"
lims = "lab"

[teams.erp]
page = ["webhook:https://oncall.example/hook", "mail:erp@plant.example"]
notify = ["mail:erp@plant.example"]

[teams.lab]

[teams.cork_lab]
page = ["console:cork"]

[sites.Cork.systems]
lims = "cork_lab"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "teams.toml"
    path.write_text(FILE)
    return path


def test_a_sites_own_map_wins(file: Path) -> None:
    teams = load_teams(file)
    assert [teams.team_for(site, "lims") for site in ("Cork", "Leiden")] == ["cork_lab", "lab"]
    assert teams.team_for("Cork", "erp") == "erp"


def test_a_system_that_nobody_owns_is_an_error_that_names_the_known_ones(file: Path) -> None:
    with pytest.raises(Invalid, match="erp, lims"):
        load_teams(file).team_for("Cork", "oee")


def test_targets_are_channel_and_address(file: Path) -> None:
    erp = load_teams(file).teams["erp"]
    assert erp.targets("page") == (("webhook", "https://oncall.example/hook"), ("mail", "erp@plant.example"))
    assert erp.targets("notify") == (("mail", "erp@plant.example"),)


def test_the_shipped_file_knows_every_shipped_system() -> None:
    teams = load_teams(None)
    shipped = {"erp", "lims", "plc_scada", "oee", "mes_config", "packaging_serialization", "infrastructure", "access_training"}
    assert set(teams.systems) == shipped
    assert all(teams.teams[teams.team_for("anywhere", system)].page for system in shipped)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[systems", "cannot be read"),
        ('[systems]\nerp = "nobody"\n[teams]', "systems.erp names nobody, .*add .teams.nobody"),
        ('[systems]\nerp = "erp"\n[teams.erp]\npage = ["nocolon"]', "teams.erp.page.0"),
        ('[systems]\n"E R P" = "erp"\n[teams.erp]', "systems"),
        ("[teams]\n[systems]\n[surprise]", "surprise"),
    ],
)
def test_a_broken_file_is_explained(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "teams.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match=said):
        load_teams(path)


def test_the_digest_follows_the_content(file: Path) -> None:
    before = load_teams(file).digest()
    assert load_teams(file).digest() == before
    file.write_text(FILE.replace("cork_lab", "cork_qc"))
    assert load_teams(file).digest() != before
