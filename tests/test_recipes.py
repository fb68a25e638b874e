"""Each recipe of docs/recipes is performed as it is written, on a copy of the code, and a step that was forgotten is noticed.

A block names its file, and where in it the lines go: `new`, `append`, or `before`, `after` or `instead` of the one line with these words.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from models.__main__ import train
from models.errors import RulesInvalid
from models.examples import Example
from models.features import batches
from models.floors import FLOORS, load_floors
from models.lexicon import load_lexicon
from models.registry import load_model
from models.taxonomy import SYSTEMS, load_taxonomy
from schemas.entries import Attribution
from schemas.events import TicketRouted
from schemas.predictions import TicketText
from services.cli.findings import Finding
from services.cli.sla import read_policy_file
from services.cli.surroundings import teams as look_at_teams
from services.dispatcher.channels import CHANNELS
from services.dispatcher.equipment import KNOWN
from services.ledger import Ledger
from services.policies import SHIPPED as POLICY
from services.policies import adopt_policy
from services.roles import cast
from services.settings import Settings
from services.stabilisation.ticket_clocks import ticket_clocks
from services.teams import SHIPPED, load_teams
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.command_line import on, run
from tests.corpora import few_terms, small_corpus, write_corpus
from tests.desks import serving
from tests.documents import DOCS, ROOT, blocks
from tests.lives import DESK, happened, submitted

COPIED = ("docs", "models", "schemas", "services", "tests")
RECIPES = sorted((DOCS / "recipes").glob("*.md"))
EVERYTHING_IS_DESCRIBED = "tests/test_docs.py::test_every_setting_metric_event_channel_error_and_verb_is_described"


class Edit(NamedTuple):
    """A step of a recipe that changes a file. `place` is new, append, before, after or instead."""

    step: int
    path: str
    place: str
    line: str
    text: str

    def apply(self, root: Path) -> None:
        file = root / self.path
        if self.place in ("new", "append"):
            before = file.read_text("utf-8") + "\n\n" if self.place == "append" and file.exists() else ""
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(before + self.text, "utf-8")
        else:
            self._insert(file)

    def _insert(self, file: Path) -> None:
        lines = file.read_text("utf-8").splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if self.line in line]
        assert len(places) == 1, f"{self.path} has {len(places)} lines with {self.line!r}"
        first = places[0] + (self.place == "after")
        lines[first : first + (self.place == "instead")] = [self.text]
        file.write_text("".join(lines), "utf-8")


def edits(recipe: str) -> list[Edit]:
    text = (DOCS / "recipes" / f"{recipe}.md").read_text("utf-8")
    return [_edit(text, block.line, shlex.split(block.info), block.text) for block in blocks(text) if " norun" not in block.info]


def _edit(text: str, line: int, info: list[str], content: str) -> Edit:
    steps = re.findall(r"^(\d+)\. ", "\n".join(text.splitlines()[:line]), re.MULTILINE)
    _, path, place, *words = info
    return Edit(int(steps[-1]), path, place, "".join(words), content)


def performed(recipe: str, root: Path, *without: int) -> Path:
    """The steps `without` are forgotten."""
    for edit in edits(recipe):
        if edit.step not in without:
            edit.apply(root)
    return root


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "corpus"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("models/corpus", "deploy"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def make_gen(root: Path) -> None:
    subprocess.run([sys.executable, "-m", "services.cli.pages"], cwd=root, env=_environment(root), check=True)


def failing(root: Path, *tests: str) -> list[str]:
    """The names of the tests that fail in the copy. Those named must be there."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-rfE", "--tb=short", *tests]
    ended = subprocess.run(command, cwd=root, env=_environment(root), capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 1, 2), ended.stdout + ended.stderr
    failed = re.findall(r"^(?:FAILED|ERROR) ([^\s\[]+)", ended.stdout, re.MULTILINE)
    assert bool(failed) == bool(ended.returncode), ended.stdout
    return failed


def _environment(root: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {"PYTHONPATH": str(root)}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_performed_here(recipe: Path) -> None:
    assert f'"{recipe.stem}"' in Path(__file__).read_text("utf-8")
    assert [edit.step for edit in edits(recipe.stem)] == sorted(edit.step for edit in edits(recipe.stem))


METRIC = ("tests/test_metrics.py::test_a_resolved_ticket_waits_for_confirmation",)
METRIC_GUARDS = ("tests/test_metrics.py::test_every_metric_is_in_the_documentation_with_its_labels", EVERYTHING_IS_DESCRIBED)


def test_a_metric_is_added_as_the_recipe_says(copy: Path) -> None:
    performed("add-a-metric", copy)
    assert failing(copy, *METRIC, *METRIC_GUARDS, "tests/test_metrics.py::test_names_say_their_unit_and_kind") == []


def test_a_metric_that_is_not_described_is_noticed(copy: Path) -> None:
    performed("add-a-metric", copy, 3)
    assert failing(copy, *METRIC, *METRIC_GUARDS) == [*METRIC_GUARDS]


CRITERION = ("tests/test_settled.py", "tests/test_readiness_page.py")
CRITERION_GUARDS = (
    "tests/test_readiness_page.py::test_every_measure_has_its_limits_and_its_function",
    "tests/test_readiness_page.py::test_every_shipped_criterion_is_defined_with_its_measure_and_limits",
)


def test_an_exit_criterion_is_added_as_the_recipe_says(copy: Path) -> None:
    performed("add-an-exit-criterion", copy)
    assert failing(copy, *CRITERION) == []


def test_steps_of_adding_an_exit_criterion_that_are_forgotten_are_noticed(copy: Path) -> None:
    performed("add-an-exit-criterion", copy, 3, 5)
    assert failing(copy, "tests/test_readiness_page.py") == [*CRITERION_GUARDS]


EVENT = ("tests/test_tickets.py::test_a_ticket_that_was_handed_over_is_the_next_shifts",)
EVENT_GUARDS = (
    "tests/test_tickets.py::test_every_event_is_in_the_lifecycle_or_about_deliveries_letters_known_errors_models_or_golives",
    "tests/test_api_changes.py::test_people_may_make_every_event_of_the_lifecycle_but_the_classifiers",
    "tests/test_docs.py::test_made_pages_are_what_the_code_makes_of_them",
)
EVENT_OVER_HTTP = "tests/test_api_changes.py::test_a_change_is_one_event_with_who_in_which_role_and_why"


def test_an_event_is_added_as_the_recipe_says(copy: Path) -> None:
    make_gen(performed("add-an-event", copy))
    assert failing(copy, *EVENT, *EVENT_GUARDS, EVENT_OVER_HTTP, EVERYTHING_IS_DESCRIBED) == []


def test_steps_of_adding_an_event_that_are_forgotten_are_noticed(copy: Path) -> None:
    performed("add-an-event", copy, 2, 4)
    assert failing(copy, *EVENT_GUARDS[:2]) == [*EVENT_GUARDS[:2]]


def test_pages_that_were_not_made_anew_are_noticed(copy: Path) -> None:
    performed("add-an-event", copy)
    assert failing(copy, EVENT_GUARDS[2]) == [EVENT_GUARDS[2]]


def test_a_channel_is_added_as_the_recipe_says(copy: Path) -> None:
    make_gen(performed("add-a-channel", copy))
    (copy / "journal_asked_for.py").write_text(ASKS_FOR_A_JOURNAL, "utf-8")
    only = ("-k", "journal or every_channel or every_setting")
    assert failing(copy, *only, "tests/contract/test_channel.py", "journal_asked_for.py", *CHANNEL_GUARDS) == []


ASKS_FOR_A_JOURNAL = """
import pytest
from services.dispatcher.equipment import open_channels_from
from services.errors import Misconfigured
from services.settings import Settings
from services.teams import Audience, Teams

TEAMS = Teams(systems={}, teams={}, triage=Audience(page=("journal:line 3",)))


def test_a_team_can_ask_for_it(tmp_path):
    assert set(open_channels_from(Settings(journal_file=tmp_path / "journal"), TEAMS)) == {"console", "journal"}
    with pytest.raises(Misconfigured, match="HYPERCARE_JOURNAL_FILE"):
        open_channels_from(Settings(), TEAMS)
"""
CHANNEL_GUARDS = ("tests/test_recipes.py::test_every_channel_can_be_named_in_a_teams_file", EVERYTHING_IS_DESCRIBED)


def test_steps_of_adding_a_channel_that_are_forgotten_are_noticed(copy: Path) -> None:
    performed("add-a-channel", copy, 4, 6)
    assert failing(copy, *CHANNEL_GUARDS) == [*CHANNEL_GUARDS]


def test_every_channel_can_be_named_in_a_teams_file() -> None:
    assert {getattr(made, "name", None) for made in CHANNELS.values()} == set(KNOWN)


def site(root: Path, recipe: str, *without: int) -> Path:
    """A folder with copies of the shipped files, in which the recipe was performed."""
    folder = root / "site"
    folder.mkdir()
    for shipped in (SYSTEMS, SHIPPED, FLOORS, POLICY):
        shutil.copy(shipped, folder)
    return performed(recipe, root, *without) / "site"


def looked_at(folder: Path, systems: tuple[str, ...]) -> list[Finding]:
    """By the doctor."""
    return list(look_at_teams(Settings(teams_file=folder / "teams.toml", smtp_host="127.0.0.1"), systems))


def told_by_two(example: Example) -> list[Example]:
    """Forty tickets that differ, as two writers of the small corpus would tell them."""
    words = ("04:00", "05:30", "noon", "the restart", "Sunday", "the update", "06:10", "last night", "the power cut", "14:45")
    titles = [f"{example.title.rpartition(' ')[0]} {word}" for word in words]
    tags = ("flow", "level", "pH", "speed")
    pairs = [(title, tag) for title in titles for tag in tags]
    return [
        example.model_copy(update={"id": f"C{1 + number % 2}-9{number:02}", "title": title, "body": f"{example.body} Tag of {tag}."})
        for number, (title, tag) in enumerate(pairs)
    ]


def test_a_system_is_added_by_files_alone(tmp_path: Path, ledger: Ledger) -> None:
    folder = site(tmp_path, "add-a-system")
    systems, teams = load_taxonomy(folder / "systems.toml"), load_teams(folder / "teams.toml")
    team = teams.team_for("Cork", "historian")
    assert (systems.name("historian"), teams.teams[team].page) == ("Historian", ("mail:ot-data-oncall@plant.example",))
    assert {finding.state for finding in looked_at(folder, systems.ids)} == {"good"}
    routed = happened(ledger, submitted(ledger).id, TicketRouted(system="historian", team=team), DESK)
    assert (routed.state, routed.system, routed.team) == ("routed", "historian", "ot_data")


def test_a_system_without_an_owner_is_noticed(tmp_path: Path) -> None:
    folder = site(tmp_path, "add-a-system", 2)
    told = [finding.told for finding in looked_at(folder, load_taxonomy(folder / "systems.toml").ids) if finding.state == "error"]
    assert ["historian" in fault for fault in told] == [True]


def test_a_model_that_was_taught_a_system_routes_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = site(tmp_path, "add-a-system")
    example = Example.model_validate_json((folder / "corpus" / "historian.jsonl").read_text("utf-8"))
    write_corpus(folder / "corpus", [*small_corpus(), *told_by_two(example)])
    (folder / "corpus" / "historian.jsonl").unlink()
    with few_terms(tmp_path / "lexicon"):
        train(folder / "corpus", folder / "model", "cork")
    model = load_model(folder / "model")
    told = TicketText(
        title=f"{example.title.rpartition(' ')[0]} yesterday", body=f"{example.body} Tag of pressure.", reporter_role=example.reporter_role
    )
    (prediction,) = model.predict([told])
    assert (prediction.systems[0].system, prediction.decision) == ("historian", "route")
    assert model.version in capsys.readouterr().out


def on_call(folder: Path, database: Path) -> dict[str, str]:
    """The environment of step 5."""
    return on(database) | {"HYPERCARE_TEAMS_FILE": str(folder / "teams.toml"), "HYPERCARE_SMTP_HOST": "127.0.0.1"}


def test_a_team_is_put_on_call_by_its_file_alone(tmp_path: Path, ledger: Ledger) -> None:
    folder = site(tmp_path, "put-a-team-on-call")
    environment = on_call(folder, tmp_path / "hypercare.db")
    assert run("migrate", env=environment).exit_code == 0
    for words in (("config", "check"), ("oncall", "check", "--now"), ("config", "apply", "--reason", "from Monday on")):
        assert run(*words, env=environment).exit_code == 0, words
    parts = cast(Settings(teams_file=folder / "teams.toml"), ledger, ("api",))
    app = create_app(parts.routers, SelfNamed())
    parts.furnish(app)
    begin = datetime.now(UTC) + timedelta(days=2)
    with serving(app) as url:
        assert re.search(r"mes +mes +(Anna Berg|Ben Cole) ", run("oncall", "who", "--url", url).stdout)
        times = ("--from", begin.isoformat(), "--until", (begin + timedelta(hours=12)).isoformat())
        covered = run("oncall", "cover", "mes", "--person", "anna", "--instead-of", "ben", *times, "--reason", "a wedding", "--url", url)
        assert "OV-1: anna is on call for ben" in covered.stdout
        assert "a wedding" in run("oncall", "overrides", "--url", url).stdout


@pytest.mark.parametrize(("step", "said"), [(1, "[people.anna]"), (2, "[rotas.mes]"), (3, "[ladders.mes]")])
def test_a_step_of_putting_a_team_on_call_that_is_forgotten_is_named(tmp_path: Path, step: int, said: str) -> None:
    checked = run("config", "check", env=on_call(site(tmp_path, "put-a-team-on-call", step), tmp_path / "hypercare.db"))
    assert (checked.exit_code, f"is not described: add {said}" in checked.output) == (1, True)


def test_an_sla_policy_is_changed_as_the_recipe_says(tmp_path: Path, ledger: Ledger) -> None:
    text = read_policy_file(site(tmp_path, "change-an-sla-policy") / "policy.toml")
    assert (text.severities["sev1"].acknowledgement, text.calendars["business"].holidays) == (600, "IE")
    before = submitted(ledger, reported_severity="sev1").id
    ledger.write(lambda draft: adopt_policy(draft, "Cork", text, Attribution("ann", "lead", reason="as agreed"))).result()
    after = submitted(ledger, reported_severity="sev1").id
    told = [ticket_clocks(ledger, ticket).clocks[0] for ticket in (before, after)]
    assert [(each.policy, each.target) for each in told] == [(0, 300), (1, 600)]


def test_a_floor_is_added_as_the_recipe_says(tmp_path: Path) -> None:
    floors = load_floors(site(tmp_path, "add-a-severity-floor") / "floors.toml")
    (hit,) = floors.hits(TicketText(title="Valve 12 stays open after the rinse"))
    assert (hit.rule, hit.severity, hit.gxp) == ("valve-open", "sev2", True)
    held = floors.hits(TicketText(title="Alarm", stopped="Gefriertrockner 3", clock="product warms"))
    assert "freeze-dryer-stands" in {hit.rule for hit in held}
    assert floors.digest != load_floors().digest


def test_a_concept_is_added_as_the_recipe_says(copy: Path) -> None:
    performed("add-a-concept", copy)
    lexicon = load_lexicon(copy / "models" / "lexicon")
    (batch,) = batches([TicketText(title="Zwei Maulwürfe, ein Maulwurf steht im Gang"), TicketText(title="The mole is stuck at door 4")])
    heard = [lexicon.concepts[number].name for number in lexicon.ears.hear(lexicon.ears.read(batch)).concept]
    assert heard.count("driverless_transport") == 2
    assert lexicon.digest != load_lexicon().digest


WRONG_TEXTS = {"example": ('"schließt nicht"', '"klemmt"'), "counterexample": ('["The valve is shown closed', '["The valve stays open')}


@pytest.mark.parametrize(("right", "wrong"), WRONG_TEXTS.values(), ids=WRONG_TEXTS)
def test_a_floor_that_fails_its_own_texts_is_noticed(tmp_path: Path, right: str, wrong: str) -> None:
    file = site(tmp_path, "add-a-severity-floor") / "floors.toml"
    text = file.read_text("utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), "utf-8")
    with pytest.raises(RulesInvalid, match="valve-open"):
        load_floors(file)
