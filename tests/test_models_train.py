"""Training, measuring and releasing a version, on a small corpus."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from typer.testing import CliRunner

from models.__main__ import app
from models.calibrate import calibrate
from models.calibration import Calibration
from models.evaluate import Report, assess, rights
from models.examples import Example
from models.features import SLOTS, batches
from models.manifest import Content, mark, named, to_bytes
from models.placed import placed, titled
from models.reading import Reader
from models.registry import MANIFEST, load_model, read_manifest
from models.release import make_version, scores_of
from models.train import SEED, Course, Fitted, Table, course_of, fit, unseen_scores
from models.triage import answers
from schemas.predictions import TicketText
from tests.corpora import WRITERS, carried, few_terms, material, small_corpus, small_lexicon, small_version, write_corpus

EVERYONE = np.ones(len(small_corpus()), np.bool_)


@cache
def course() -> Course:
    return material(small_corpus()).course


def table() -> Table:
    return course().measured


@cache
def learned() -> Fitted:
    return fit(course(), EVERYONE)


@cache
def scored() -> tuple[np.ndarray, tuple[str, ...]]:
    """The scores of tickets by a model that knows nothing else of their writer, and the writers in the order in which they were watched."""
    seen: list[str] = []

    def watch(writers: Sequence[str]) -> list[str]:
        seen.extend(writers)
        return list(writers)

    return unseen_scores(course(), watch), tuple(seen)


def unseen() -> np.ndarray:
    return scored()[0]


def share_right(scores: np.ndarray) -> float:
    return float((course().columns.system(scores).argmax(axis=1) == table().system).mean())


def assessed(scores: np.ndarray | None = None) -> Report:
    return assess(small_corpus(), course(), unseen() if scores is None else scores, carried().costs)


def test_a_table_holds_one_row_an_example() -> None:
    first = small_corpus()[0]
    assert table().counts.shape[0] == len(small_corpus()) == len(table().writer)
    assert course().systems[table().system[0]] == first.system
    assert table().severe[0].tolist() == [first.severity <= limit for limit in ("sev1", "sev2", "sev3")]


def test_fitting_twice_gives_the_same_weights() -> None:
    first, second = learned(), fit(course(), EVERYONE)
    assert (first.weights == second.weights).all()
    assert (first.offsets == second.offsets).all()
    assert SEED == 20_260_301


def test_a_gram_of_one_ticket_and_no_lesson_weighs_nothing() -> None:
    fitted = learned()
    tickets, lessons = (np.bincount(counts.indices, minlength=len(fitted.idf)) for counts in (table().counts, course().lessons.counts))
    rare = (tickets < 2) & (lessons < 2)
    assert rare.any()
    assert not fitted.idf[rare].any()
    assert not fitted.weights[rare].any()
    assert (fitted.idf[tickets >= 2] >= 1).all()


def test_a_rare_gram_weighs_more_than_a_common_one() -> None:
    fitted = learned()
    tickets = np.bincount(table().counts.indices, minlength=len(fitted.idf))
    assert fitted.idf[tickets == 2].min() > fitted.idf[tickets > 100].max()


def test_unseen_tickets_are_harder_than_learned_ones_but_far_from_guessing() -> None:
    of_learned = share_right(learned().scores(table(), course().columns))
    assert of_learned > 0.97
    assert 0.6 < share_right(unseen()) < of_learned - 0.05


def test_a_writers_labels_never_reach_the_scores_of_that_writer() -> None:
    """Planted: all labels of one writer turned round. A model that had peeked would score that writer otherwise."""
    spoilt = [turned(example) if example.writer == WRITERS[0] else example for example in small_corpus()]
    own = table().writer == WRITERS[0]
    scores = unseen_scores(material(spoilt).course)
    assert (scores[own] == unseen()[own]).all()
    assert (scores[~own] != unseen()[~own]).any()


def test_practice_is_learned_from_and_never_measured() -> None:
    practice = [example for example in carried().practice if example.writer == "W4"][:80]
    practised = course_of(small_corpus(), small_lexicon(), practice)
    scores = unseen_scores(practised)
    assert len(scores) == len(small_corpus()) == len(practised.measured.system)
    assert len(practised.practice.system) == 80
    assert (scores != unseen()).any()


def test_a_lesson_teaches_the_system_that_its_concept_leans_to() -> None:
    lessons = course().lessons
    assert lessons.counts.shape[0] == len(lessons.system) == len(small_lexicon().lessons())
    blank = np.zeros((len(lessons.system), len(small_lexicon().concepts)))
    scores = learned().scores(
        replace(
            table().rows(np.zeros(len(table().system), np.bool_)),
            counts=lessons.counts,
            heard=csr_matrix(blank),
            titled=csr_matrix((len(blank), SLOTS)),
            placed=csr_matrix((len(blank), SLOTS)),
            length=np.full(len(blank), 30),
        ),
        course().columns,
    )
    assert (course().columns.system(scores).argmax(axis=1) == lessons.system).mean() > 0.6


def test_severity_is_learned_from_where_a_word_stands() -> None:
    """Planted: every ticket says the same, but of those that are sev4 one word is the last and of the others it stands in the middle."""
    around = " ".join(["about", "the", "order", "of", "this", "line", "here"] * 3)

    def planted(example: Example) -> Example:
        body = f"{around} {around} zebra" if example.severity == "sev4" else f"{around} zebra {around}"
        return example.model_copy(update={"title": "one", "body": body, "reporter_role": ""})

    _, closing = placed(Reader().read(next(batches([TicketText(title="zebra")])))).slot
    weights = fit(material([planted(example) for example in small_corpus()]).course, EVERYONE).placed
    assert weights[closing, 2] < 0


def test_the_route_is_learned_from_what_the_title_says() -> None:
    """Planted: every ticket says the same, but of those of one system one word stands in the title and of the others in the body."""
    system = course().systems.index("lims")

    def planted(example: Example) -> Example:
        words = ("zebra", "about") if example.system == "lims" else ("about", "zebra")
        title, body = (f"the {word} of this line" for word in words)
        return example.model_copy(update={"title": title, "body": body, "reporter_role": ""})

    (slot,) = titled(Reader().read(next(batches([TicketText(title="zebra")])))).slot
    weights = fit(material([planted(example) for example in small_corpus()]).course, EVERYONE).titled
    assert weights[slot].argmax() == system
    assert weights[slot, system] > 0


def turned(example: Example) -> Example:
    systems = course().systems
    return example.model_copy(update={"system": systems[(systems.index(example.system) + 1) % len(systems)], "severity": "sev3"})


def test_the_writers_are_watched_one_by_one() -> None:
    _, watched = scored()
    assert watched == tuple(sorted(WRITERS))


def test_the_alternative_answer_counts_as_right() -> None:
    example = next(example for example in small_corpus() if example.alt_system)
    (row,) = rights([example], course().systems)
    assert [system for system, right in zip(course().systems, row, strict=True) if right] == sorted(
        [example.system, str(example.alt_system)]
    )


def test_the_report_agrees_with_a_plain_recount() -> None:
    report = assessed()
    assert report.overall.tickets == len(small_corpus()) == sum(line.tickets for line in report.writers)
    assert report.overall.strict == pytest.approx(share_right(unseen()), abs=0.0001)
    assert sum(line.tickets for line in report.groups["answered"]) == len(small_corpus())
    routed = sum(line.routed * line.tickets for line in report.writers)
    assert routed / len(small_corpus()) == pytest.approx(report.overall.routed, abs=0.001)


def test_tickets_that_were_read_beforehand_can_be_counted_as_wrong() -> None:
    """Planted: every ticket of one writer was read."""
    seen = {example.id for example in small_corpus() if example.writer == WRITERS[0]}
    plain, honest = assessed().figures, assess(small_corpus(), course(), unseen(), carried().costs, seen).figures
    assert plain["strict_mean_seen_as_wrong"] == pytest.approx(plain["strict_mean"], abs=0.0002)
    (own,) = (line for line in assessed().writers if line.group == WRITERS[0])
    assert honest["strict_mean_seen_as_wrong"] == pytest.approx(plain["strict_mean"] - own.strict / len(WRITERS), abs=0.0002)
    assert honest["strict_mean"] == plain["strict_mean"]
    assert carried().seen <= {example.id for example in carried().examples}
    assert len(carried().seen) == 29


def test_right_is_never_less_than_strict() -> None:
    report = assessed()
    assert all(line.right >= line.strict for line in (*report.writers, *report.groups["answered"], report.overall))


def routed_by(calibration: Calibration, own: np.ndarray) -> float:
    given = answers(unseen()[own], calibration).systems
    return float((given.max(axis=1) >= np.array(calibration.thresholds)[given.argmax(axis=1)]).mean())


def test_a_writer_is_judged_by_thresholds_chosen_on_the_others() -> None:
    right = rights(small_corpus(), course().systems)
    reported = {line.group: line.routed for line in assessed().writers}
    honest, leaky = {}, {}
    for writer in WRITERS:
        own = table().writer == writer
        honest[writer] = routed_by(calibrate(unseen()[~own], table().rows(~own), right[~own], carried().costs), own)
        leaky[writer] = routed_by(calibrate(unseen(), table(), right, carried().costs), own)
    assert reported == pytest.approx(honest, abs=0.0001)
    assert reported != pytest.approx(leaky, abs=0.0001)


def test_hopeless_scores_are_reported_as_hopeless() -> None:
    report = assessed(np.random.default_rng(4).normal(size=unseen().shape))
    assert report.overall.strict < 0.25
    assert report.overall.routed < 0.1
    assert report.figures["calibration_error"] < 0.15


def test_a_released_version_answers_what_was_fitted() -> None:
    manifest, _ = small_version()
    assert manifest.version.startswith("small-")
    assert manifest.content.data.writers == tuple(sorted(WRITERS))
    assert manifest.content.scores == scores_of(assessed())
    assert {one.system for one in manifest.content.goldens} == set(course().systems)


def test_another_label_makes_another_version() -> None:
    first, *rest = small_corpus()
    other, _ = make_version(material([turned(first), *rest]), "small")
    assert other.version != small_version()[0].version


def test_a_version_is_named_after_its_content() -> None:
    content = small_version()[0].content
    other = Content.model_validate(content.model_dump() | {"features": "others"})
    assert named("a", content) == named("a", content)
    assert named("a", content).version != named("a", other).version
    assert mark(b"x") != mark(b"y")


def test_a_name_cannot_be_put_before_the_digits_of_another() -> None:
    content = small_version()[0].content
    assert named("a", content).version.partition("-")[2] != named("b", content).version.partition("-")[2]


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Path]:
    write_corpus(tmp_path / "corpus", small_corpus())
    with few_terms(tmp_path / "lexicon"):
        yield tmp_path / "corpus"


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_train_writes_a_version_that_loads_and_the_same_examples_make_the_same_to_the_byte(corpus: Path, tmp_path: Path) -> None:
    said = run("train", "--corpus", corpus, "--model", tmp_path / "new", "--name", "small")
    version = read_manifest(tmp_path / "new").version
    manifest, files = small_version()
    made = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    assert made == {**files, MANIFEST: to_bytes(manifest)}
    assert said.startswith(f"{version}: ")
    assert load_model(tmp_path / "new").predict([TicketText(title="IDoc 51")])[0].model == version


def test_without_a_command_the_help_is_shown() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "train" in shown
    assert "evaluate" in shown


def test_a_problem_is_told_in_a_sentence_not_in_a_traceback(corpus: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "models", "evaluate", "--corpus", str(corpus), "--model", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is missing; name a folder" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr
