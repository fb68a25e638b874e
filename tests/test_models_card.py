"""The card: measured once, told three times, and never otherwise than measured."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from models.__main__ import app
from models.card import Card
from models.card_figures import FIGURES
from models.card_files import DATA, DRAWINGS, PAGE, card_bytes, read_card
from models.card_page import page
from models.floor_report import floor_report
from models.floors import load_floors
from models.learning import PARTS, portion
from models.registry import STARTER, read_manifest
from tests.corpora import WRITERS, carried, few_terms, save_small, small_corpus, small_version, write_corpus

pytestmark = pytest.mark.timeout(400)


def evaluate(corpus: Path, folder: Path) -> str:
    done = CliRunner().invoke(app, ["evaluate", "--corpus", str(corpus), "--model", str(folder)])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


@pytest.fixture(scope="module", autouse=True)
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with few_terms(tmp_path_factory.mktemp("lexicon")):
        yield


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a small version and its card, and what was said."""
    corpus, folder = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("small")
    write_corpus(corpus, small_corpus())
    save_small(folder)
    return folder, evaluate(corpus, folder)


@pytest.fixture(scope="module")
def card(evaluated: tuple[Path, str]) -> Card:
    return read_card(evaluated[0])


def test_evaluate_writes_page_data_and_figures_and_prints_the_figures(evaluated: tuple[Path, str]) -> None:
    folder, said = evaluated
    manifest = small_version()[0]
    assert (folder / PAGE).read_text(encoding="utf-8").startswith(f"# Model card: {manifest.version}\n")
    assert {path.stem for path in (folder / DRAWINGS).iterdir()} == set(FIGURES)
    for name in (*manifest.content.scores, "floors sev1_recall", "floors sev1_false_alarms", "floors gxp_recall"):
        assert name in said
    assert "was not made from this corpus" not in said


def test_page_and_figures_are_made_of_the_data_and_of_nothing_else(evaluated: tuple[Path, str], card: Card) -> None:
    folder, _ = evaluated
    made = card_bytes(card)
    assert {name: (folder / name).read_bytes() for name in made} == made
    assert set(made) == {PAGE, DATA, *(f"{DRAWINGS}/{name}.svg" for name in FIGURES)}


def test_the_card_has_the_scores_that_the_manifest_has(card: Card) -> None:
    scores = small_version()[0].content.scores
    told = {figure.name: figure.value for figure in card.figures}
    overall = card.overall
    shares = {name: getattr(overall, name).share for name in ("strict", "right", "severity", "routed", "routed_right")}
    assert told | shares == scores
    assert sum(told[f"answered_{system}"] for system in card.systems) == pytest.approx(1, abs=0.001)


def test_every_line_of_every_group_has_its_tickets_and_intervals(card: Card) -> None:
    assert [group.name for group in card.groups] == ["writer", "answered", "reader's system", "language", "role"]
    for group in card.groups:
        assert sum(line.tickets for line in group.lines) == len(small_corpus())
        for line in group.lines:
            assert line.strict.low <= line.strict.share <= line.strict.high
            assert {line.strict.of, line.right.of, line.severity.of, line.routed.of} == {line.tickets}
            assert line.routed_right.of == round(line.routed.share * line.tickets)


def test_the_page_shows_what_the_data_say(card: Card) -> None:
    text = page(card)
    for group in card.groups:
        for line in group.lines:
            assert f"| {line.group} | {line.tickets} | {line.strict} | {line.right} |" in text
    for figure in card.figures:
        if figure.name == "macro_f1" or (figure.interval and "answered" not in figure.name):
            assert f"- {figure.name.replace('_', ' ')}: {figure.interval or f'{figure.value:g}'}" in text
    assert f"held for {card.floors.sev1_recall} of the readers' Sev1 tickets" in text
    assert all(f"| {rule.rule} | {rule.hits} |" in text for rule in card.floors.rules)
    assert all(f"| {point.part:.0%} | {point.tickets} | {point.strict} |" in text for point in card.learning)
    assert f"Learned from {len(small_corpus())} tickets of {len(WRITERS)} writers and 0 practice tickets" in text


def test_every_table_of_the_page_has_as_many_cells_in_every_row(card: Card) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", page(card), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table
        assert set(table.splitlines()[1]) == {"|", "-"}


def test_every_matrix_counts_every_ticket_and_agrees_with_the_shares(card: Card) -> None:
    names = ["system", "severity, as suggested", "severity, the likeliest", "GxP", "kind"]
    assert [matrix.name for matrix in card.confusions] == names
    for matrix in (*card.confusions, card.mix):
        assert sum(map(sum, matrix.counts)) == len(small_corpus())
    met = [np.trace(np.array(matrix.counts)) / len(small_corpus()) for matrix in card.confusions]
    told = {figure.name: figure.value for figure in card.figures}
    wanted = [card.overall.strict.share, met[1], card.overall.severity.share, told["gxp"], told["kind"]]
    assert met == pytest.approx(wanted, abs=0.0001)


def test_the_page_leads_to_figures_that_are_there_and_small(evaluated: tuple[Path, str], card: Card) -> None:
    folder, _ = evaluated
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page(card))
    assert len(linked) == len(FIGURES)
    for name in linked:
        raw = (folder / name).read_bytes()
        assert len(raw) < 30_000
        assert len(ElementTree.fromstring(raw)[1].text or "") > 40


def test_data_that_are_no_card_are_refused(evaluated: tuple[Path, str], tmp_path: Path) -> None:
    data = json.loads((evaluated[0] / DATA).read_bytes())
    (tmp_path / DATA).write_text(json.dumps(data | {"mood": "good"}), encoding="utf-8")
    with pytest.raises(ValidationError, match="mood"):
        read_card(tmp_path)


def test_the_limits_are_told_with_their_numbers(card: Card) -> None:
    text = page(card).partition("## Limits")[2]
    for said in ("no evidence for a site", "language model", f"{len(WRITERS)} writers", "quotas", "same left-out writers", "One reader"):
        assert said in text
    few = [line for group in card.groups if group.name == "language" for line in group.lines if line.tickets < 50]
    assert few
    assert all(f"{line.group} {line.tickets}" in text for line in few)


def test_a_card_of_other_material_says_so(tmp_path: Path) -> None:
    """Measured on a few tickets of two writers, beside a version that was made from four."""
    two = [example for example in small_corpus() if example.writer in WRITERS[:2]][::3]
    write_corpus(tmp_path / "corpus", two)
    save_small(tmp_path / "small")
    assert "was not made from this corpus" in evaluate(tmp_path / "corpus", tmp_path / "small")
    card = read_card(tmp_path / "small")
    assert (card.material.same, card.material.data.tickets) == (False, len(two))
    assert [point.part for point in card.learning] == [0.5, 1.0], "a tenth and a quarter hold no Sev1 to learn"
    assert "**This version was not made from the tickets that were measured here" in page(card)


def test_an_evenly_spread_part_holds_every_smaller_part() -> None:
    for count in (7, 550, 12_810):
        flags = [portion(count, part) for part in PARTS]
        assert all((more | ~less).all() for less, more in pairwise(flags))
        assert [each.mean() for each in flags] == pytest.approx(PARTS, abs=4 / count)
        assert flags[-1].all()


def test_more_tickets_teach_more(card: Card) -> None:
    first, *_, last = card.learning
    assert [point.part for point in card.learning] == list(PARTS)
    assert last.tickets == pytest.approx(len(small_corpus()) * (1 - 1 / len(WRITERS)), abs=1)
    assert first.tickets == pytest.approx(last.tickets * PARTS[0], rel=0.1)
    assert last.right.share > first.right.share
    assert last.severity.share > first.severity.share


def test_the_whole_of_what_there_is_gives_what_leaving_each_writer_out_gives(card: Card) -> None:
    """With four writers, a group is a writer."""
    assert (card.learning[-1].strict, card.learning[-1].right) == (card.overall.strict, card.overall.right)


def test_the_card_of_the_starter_version_is_what_its_data_make() -> None:
    card = read_card(STARTER)
    made = card_bytes(card)
    assert {name: (STARTER / name).read_bytes() for name in made} == made
    manifest = read_manifest(STARTER)
    assert (card.version, card.material.same, card.material.data) == (manifest.version, True, manifest.content.data)
    assert {figure.name: figure.value for figure in card.figures}.items() <= manifest.content.scores.items()
    assert card.reference == manifest.content.reference
    assert card.floors.rules == floor_report(carried().examples, load_floors()).rules
