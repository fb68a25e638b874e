"""The documentation is true: its commands run, its links lead somewhere, what it names exists, and what exists is in it."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.events import EVENTS
from services.cli import VERBS
from services.cli.pages import PAGES, write
from services.dispatcher.channels import CHANNELS
from services.errors import HypercareError
from services.settings import PREFIX, Settings
from services.stabilisation.metrics import METRICS
from tests.documents import DOCS, ROOT, Block, anchors, blocks, broken_links, defines, known_tests, pages, prose, title_of
from tests.processes import Process

PERFORMED = ("README.md", "docs/first-steps.md")
ADDRESS = "http://127.0.0.1:8000"
STARTERS = re.compile(r"^\s*(sudo |make |docker |source |hypercare (up|demo)\b)", re.MULTILINE)
COMMANDS = re.compile(r"^\s*(hypercare|curl|make|docker|python3?) ", re.MULTILINE)
NAMED_FILE = re.compile(r"`((?:\w[\w.-]*/)+[\w.-]*\.(?:py|toml|md|yml|yaml|json|mako|xml))`")
EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=title_of)


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def described_text() -> str:
    """What the pages say of what there is; recipes speak of what could be."""
    return "\n".join(page.read_text("utf-8") for page in pages() if page.parent.name != "recipes")


def runnable(text: str) -> list[Block]:
    return [block for block in blocks(text) if block.info == "sh"]


def script(commands: list[Block], url: str) -> str:
    """One shell for all blocks of a page, which says on stderr where it is. The address is the only thing that is changed."""
    lines = "".join(f"echo '# line {block.line}' >&2\n{block.text}" for block in commands)
    return "set -euo pipefail\n" + re.sub(r"\bhypercare (submit|import)\b", rf"hypercare \1 --url {url}", lines.replace(ADDRESS, url))


def performed(commands: list[Block], server: Process, folder: Path) -> subprocess.CompletedProcess[str]:
    """In a folder that looks like a checkout. curl is told to fail where the server refuses."""
    (folder / ".curlrc").write_text("fail-with-body\n", "utf-8")
    for name in ("services", "schemas", "models", "docs"):
        (folder / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = server.environment | {"PATH": path, "CURL_HOME": str(folder)}
    shell = ["bash", "-c", script(commands, server.url)]
    return subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    settings = {"database_url": f"sqlite:///{tmp_path / 'hypercare.db'}"}
    with Process(["services", "up"], settings, tmp_path / "log") as process:
        yield process.ready()
        process.stop()


@pytest.mark.parametrize("name", PERFORMED)
def test_every_command_that_a_reader_is_told_to_type_works(name: str, server: Process, tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    result = performed(runnable(text_of(name)), server, tmp_path / "checkout")
    assert result.returncode == 0, f"{result.stderr[-2000:]}\n{result.stdout[-2000:]}"


def test_a_command_that_does_not_work_would_be_found(server: Process, tmp_path: Path) -> None:
    planted = [f"curl -sS {ADDRESS}/v1/tickets/HC-99\n", "hypercare submit nothing\n", "hypercare leger verify\n", "cat nowhere | sort\n"]
    for number, command in enumerate(planted):
        (tmp_path / str(number)).mkdir()
        assert performed([Block("sh", 1, command)], server, tmp_path / str(number)).returncode != 0, command


@EVERY_PAGE
def test_commands_are_marked_as_such_and_are_good_shell(page: Path) -> None:
    for block in blocks(page.read_text("utf-8")):
        if COMMANDS.search(block.text):
            assert block.info.startswith("sh"), f"line {block.line}: a reader may type this; begin the block with ```sh or ```sh norun"
        if block.info.startswith("sh"):
            checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
            assert checked.returncode == 0, f"line {block.line}: {checked.stderr}"


@pytest.mark.parametrize("name", PERFORMED)
def test_what_starts_programs_or_runs_for_ever_is_not_run(name: str) -> None:
    assert [block.line for block in runnable(text_of(name)) if STARTERS.search(block.text)] == []


@EVERY_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text("utf-8")) == []


def test_a_broken_link_would_be_found() -> None:
    planted = "# A page\n[one](nowhere.md) [two](settings.md#nowhere) [three](#nowhere) [good](#a-page) [outside](../../etc/passwd)\n"
    assert broken_links(DOCS / "cli.md", planted) == ["nowhere.md", "settings.md#nowhere", "#nowhere", "../../etc/passwd"]


@EVERY_PAGE
def test_every_file_and_every_test_that_is_named_exists(page: Path) -> None:
    text = prose(page.read_text("utf-8"))
    if page.parent.name != "recipes":
        assert [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists()] == []
    assert set(re.findall(r"`(test_\w+)`", text)) - known_tests() == set()


@EVERY_PAGE
def test_only_verbs_that_there_are_stand_in_the_documentation(page: Path) -> None:
    text = page.read_text("utf-8")
    typed = "".join(block.text for block in blocks(text) if block.info.startswith("sh"))
    named = re.findall(r"`hypercare ([a-z]\w*)", prose(text)) + re.findall(r"^(?:\w+=\S+ )*hypercare ([a-z]\w*)", typed, re.MULTILINE)
    assert set(named) <= {*VERBS}


def things() -> dict[str, str]:
    """What there is, and how the documentation would speak of it."""
    errors, verbs = [HypercareError], [f"hypercare {verb}" for verb in VERBS]
    for error in errors:
        errors += error.__subclasses__()
    told = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields] + [metric.name for metric in METRICS] + [*EVENTS, *verbs]
    channels = {f"channel {made.__name__}": f"`{made.__name__.lower()}:" for made in CHANNELS.values()}  # type: ignore[attr-defined]
    return {name: name for name in told} | {f"error {error.__name__}": f"## {error().code}\n" for error in errors} | channels


def undescribed(text: str) -> list[str]:
    return [name for name, told in things().items() if told not in text]


def test_every_setting_metric_event_channel_error_and_verb_is_described() -> None:
    assert undescribed(described_text()) == []


@pytest.mark.parametrize("name", ["HYPERCARE_SMTP_PORT", "hypercare_dead_letters", "TicketReopened", "channel Mail", "error Stale"])
def test_what_is_not_described_would_be_found(name: str) -> None:
    assert name in undescribed(described_text().replace(things()[name], ""))


def test_made_pages_are_what_the_code_makes_of_them(tmp_path: Path) -> None:
    write(tmp_path)
    assert {name for name in PAGES if (DOCS / name).read_text("utf-8") != (tmp_path / name).read_text("utf-8")} == set(), "run make gen"


def test_made_pages_are_written_by_their_command(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "services.cli.pages", str(tmp_path)], cwd=ROOT, check=True)
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)


def test_the_changelog_has_the_version_that_is_being_made() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", text_of("CHANGELOG.md"), re.MULTILINE)


def rows(name: str) -> list[list[str]]:
    """The cells of a page's tables, without headings."""
    lines = [line for line in text_of(name).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row, below in zip(cells, [*lines[1:], ""], strict=True) if not row[0].startswith("-") and not below.startswith("|-")]


def test_every_word_of_the_glossary_stands_where_the_glossary_says() -> None:
    for word, _, where in rows("docs/glossary.md"):
        path, *names = re.findall(r"`([^`]+)`", where)
        assert (ROOT / path).exists(), f"{word}: {path}"
        assert [name for name in names if not defines(ROOT / path, name)] == [], word


def test_every_promise_names_the_tests_that_show_it() -> None:
    promises = rows("docs/reliability.md")
    assert len(promises) >= 4
    assert [promise for promise, _, shown in promises if not re.search(r"`test_\w+`", shown)] == []


DECISIONS = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
SECTIONS = ("context", "decision", "consequences", "alternatives", "what-enforces-it")


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_can_be_quoted_and_says_what_enforces_it(decision: Path) -> None:
    text = decision.read_text("utf-8")
    assert set(SECTIONS) <= anchors(text)
    quoted = re.search(r"^## Decision\n\n((?:> .+\n)+)\n", text, re.MULTILINE)
    assert quoted
    assert re.search(r"`test_\w+`", text.partition("## What enforces it")[2])
    assert len(text.splitlines()) <= 70


def test_the_index_lists_every_decision_with_its_title() -> None:
    index = text_of("docs/decisions/README.md")
    for number, decision in enumerate(DECISIONS, 1):
        title = decision.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert decision.name.startswith(f"{number:04}-")
        assert title.startswith(f"{number}. ")
        assert f"[{title.partition('. ')[2]}]({decision.name})" in index
