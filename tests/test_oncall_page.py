"""The page about being on call is true: its file is valid and passes the check of the configuration."""

from pathlib import Path

from services.teams import load_teams
from tests.command_line import run
from tests.documents import DOCS, blocks


def test_the_file_of_the_page_has_no_faults_and_its_ladder_can_be_climbed(tmp_path: Path) -> None:
    (example,) = (block.text for block in blocks((DOCS / "oncall.md").read_text("utf-8")) if block.info == "toml oncall")
    (ladder,) = (block.text for block in blocks((DOCS / "oncall.md").read_text("utf-8")) if block.info == "toml")
    path = tmp_path / "teams.toml"
    path.write_text(example, "utf-8")
    assert run("config", "check", env={"HYPERCARE_TEAMS_FILE": str(path)}).stdout == "The settings are good.\n"
    path.write_text(example + ladder.replace("rota:qa", "role:qa"), "utf-8")
    assert load_teams(path).ladders["night"].evidence
