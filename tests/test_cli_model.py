"""`hypercare model`: a version is trained from what people confirmed, compared, released by a second person, and taken back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from models.gate import objections
from models.manifest import Content, Manifest, named
from models.registry import read_manifest, save_model
from schemas import events as e
from schemas.entries import Attribution
from services.db import migrate, open_database
from services.ledger import Ledger
from services.releases import releases_of
from tests.command_line import run
from tests.corpora import few_terms, save_small, small_corpus, small_version, write_corpus
from tests.lives import entries_of, happened
from tests.test_judgements import TO_ERP, TO_LIMS, decided

pytestmark = pytest.mark.timeout(600)
PEOPLE = [Attribution(name, "mes_engineer") for name in ("erik", "ana", "tom")]
QUINN = ("--actor", "quinn", "--role", "qa_reviewer", "--reason", "compared in shadow for a week")
ERIK = ("--actor", "erik", "--role", "mes_engineer", "--reason", "three weeks of our tickets")


class Site:
    """A site with its database, a corpus, a base version that was made from it, and one that was trained on its labels too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = save_small(folder / "base").version
        write_corpus(folder / "corpus", small_corpus())
        url = f"sqlite:///{folder / 'hypercare.db'}"
        self.environment = {
            "HYPERCARE_DATABASE_URL": url,
            "HYPERCARE_MODEL": str(folder / "base"),
            "HYPERCARE_MODELS_DIR": str(folder / "made"),
        }
        self.database = open_database(url)
        migrate(self.database)
        self.ledger = Ledger(self.database)
        for number in range(60):
            ticket = decided(self.ledger, title=f"IDoc 51 for order {number}", body="goods issue is not posted, sample stays open")
            happened(self.ledger, ticket.id, TO_LIMS if number % 3 else TO_ERP, PEOPLE[number % 3])
        self.trained = self.done("train", "--name", "cork", "--corpus", folder / "corpus", *ERIK)["version"]

    def run(self, *words: object) -> Result:
        return run("model", *words, env=self.environment)

    def done(self, *words: object) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def line(self) -> list[str]:
        with self.database.read() as connection:
            return releases_of(connection).line

    def close(self) -> None:
        self.ledger.close()
        self.database.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with few_terms(tmp_path_factory.mktemp("lexicon")):
        made = Site(tmp_path_factory.mktemp("site"))
        yield made
        made.close()


def changed(site: Site, name: str, change: Callable[[dict[str, Any]], None]) -> str:
    """A version beside the trained one that says something else of itself."""
    manifest = read_manifest(site.folder / "made" / site.trained)
    content = json.loads(manifest.content.model_dump_json())
    change(content)
    files = {file: (site.folder / "made" / site.trained / file).read_bytes() for file in manifest.content.files}
    other = named(name, Content.model_validate(content))
    save_model(site.folder / "made" / other.version, other, files)
    return other.version


def test_training_learns_from_the_labels_says_so_in_the_ledger_and_decides_nothing(site: Site) -> None:
    manifest = read_manifest(site.folder / "made" / site.trained)
    assert (manifest.content.data.local, manifest.content.data.measured) == (60, small_version()[0].content.data.measured)
    assert manifest.content.calibration.sites["Cork"].labels == 60
    assert site.line() == []
    states = {row["version"]: (row["state"], row["labels"]) for row in site.done("list")}
    assert states[site.base] == ("decides", 0)
    assert states[site.trained] == ("", 60)


def test_a_version_tells_about_itself_and_who_made_it(site: Site) -> None:
    told = site.done("show", site.trained)
    assert (told["trained_by"], told["data"]["local"]) == ("erik", 60)
    assert site.run("show", "cork-000000000000").exit_code == 1


def test_versions_are_compared_figure_by_figure(site: Site) -> None:
    told = site.done("compare", site.trained)
    assert (told["champion"], told["objections"]) == (site.base, [])
    assert len(told["figures"]["macro_f1"]) == 2


def test_the_card_of_a_trained_version_is_written_beside_it(site: Site) -> None:
    site.done("evaluate", site.trained, "--corpus", site.folder / "corpus")
    assert site.trained in (site.folder / "made" / site.trained / "card.md").read_text("utf-8")


def test_a_second_person_promotes_and_one_command_takes_it_back(site: Site) -> None:
    refused = site.run("promote", site.trained, *ERIK)
    assert refused.exit_code == 1
    assert "somebody else looks at it" in refused.stderr
    site.done("shadow", site.trained, *QUINN)
    site.done("promote", site.trained, *QUINN)
    assert site.line() == [site.base, site.trained]
    assert {row["version"]: row["state"] for row in site.done("list")}[site.trained] == "decides"
    site.done("rollback", *QUINN)
    assert site.line() == []


@pytest.mark.parametrize(
    ("score", "lost", "said"),
    [("macro_f1", 0.02, "macro-F1"), ("sev1_candidate_recall", 0.006, "Sev1 recall"), ("answered_erp", 0.06, "share of answers erp")],
)
def test_what_is_worse_on_the_frozen_tickets_cannot_be_promoted(site: Site, score: str, lost: float, said: str) -> None:
    before = read_manifest(site.folder / "base").content.scores[score]
    worse = changed(site, "worse", lambda content: content["scores"].update({score: before - lost}))
    for words in (("compare", worse), ("promote", worse, *QUINN)):
        result = site.run(*words)
        assert result.exit_code == 1
        assert said in result.stderr
    assert site.line() == []


def test_what_was_measured_on_other_tickets_is_not_compared(site: Site) -> None:
    other = changed(site, "other", lambda content: content["data"].update(measured="0" * 64))
    result = site.run("promote", other, *QUINN)
    assert result.exit_code == 1
    assert "same frozen tickets" in result.stderr


def test_an_account_that_contradicts_sure_answers_keeps_a_version_from_passing_quietly(site: Site) -> None:
    (trained,) = (e.ModelTrained.model_validate(row) for row in ledger_of(site, "ModelTrained"))
    assert "ana contradicts sure answers in 20 of 20 labels" in trained.remarks[0]
    assert "mind: ana contradicts" in site.run("compare", site.trained).stderr


def ledger_of(site: Site, kind: str) -> list[dict[str, Any]]:
    return [entry.data for entry in entries_of(site.ledger) if entry.type == kind]


def test_losses_within_the_limits_are_no_objection() -> None:
    manifest: Manifest = small_version()[0]
    scores = manifest.content.scores | {"macro_f1": manifest.content.scores["macro_f1"] - 0.009}
    other = named("other", manifest.content.model_copy(update={"scores": scores}))
    assert objections(manifest, other) == ()
