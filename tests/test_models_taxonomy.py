"""Systems are data that a site may change."""

from pathlib import Path

import pytest

from models.errors import RulesInvalid
from models.registry import STARTER, read_manifest
from models.taxonomy import load_taxonomy

OWN = """
[[system]]
id = "historian"
name = "Historian"
owns = "Trends"

[[system]]
id = "erp"
name = "Our SAP"
owns = "Orders"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "systems.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_systems_are_those_that_the_starter_model_knows() -> None:
    assert sorted(load_taxonomy().ids) == sorted(read_manifest(STARTER).content.systems)


def test_each_shipped_system_says_what_belongs_to_it() -> None:
    assert all(len(system.owns) > 40 for system in load_taxonomy().system)


def test_a_site_may_have_its_own_systems_and_names(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(write(tmp_path, OWN))
    assert taxonomy.ids == ("historian", "erp")
    assert taxonomy.name("erp") == "Our SAP"


def test_a_system_that_the_site_does_not_know_is_its_own_name(tmp_path: Path) -> None:
    assert load_taxonomy(write(tmp_path, OWN)).name("oee") == "oee"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN + OWN, "twice"),
        ("system = []", "at least 1"),
        (OWN.replace('"erp"', '"Our ERP"'), "pattern"),
        (OWN.replace('owns = "Orders"', ""), "owns"),
        (OWN + 'colour = "red"', "colour"),
        ("[[system", "systems.toml"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_cause(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RulesInvalid, match=said):
        load_taxonomy(write(tmp_path, text))


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match=r"nowhere\.toml"):
        load_taxonomy(tmp_path / "nowhere.toml")
