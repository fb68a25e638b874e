"""The carried corpus and its data card, and corpora of other people."""

from collections import Counter
from pathlib import Path

import pytest

from models.errors import CorpusInvalid
from models.examples import CORPUS, Example, corpus_digest, read_corpus
from models.features import fold
from models.registry import load_model
from models.similar import SAME_INCIDENT
from models.taxonomy import load_taxonomy
from models.vocabulary import common_words
from tests.corpora import carried, small_corpus, whole_corpus, write_corpus

CARD = (CORPUS / "README.md").read_text(encoding="utf-8")


def counted(field: str) -> str:
    """As the data card writes it: the most frequent first."""
    found = Counter(getattr(example, field) for example in whole_corpus())
    return ", ".join(f"{name} {count:,}" for name, count in found.most_common())


@pytest.mark.parametrize("field", ["system", "kind", "language"])
def test_the_data_card_tells_the_counts_of_the_corpus(field: str) -> None:
    assert counted(field) in CARD


def test_the_data_card_tells_the_severities_and_flags() -> None:
    found = Counter(example.severity for example in whole_corpus())
    assert ", ".join(f"{severity} {found[severity]:,}" for severity in sorted(found)) in CARD
    flagged, other = (sum(map(bool, (getattr(e, name) for e in whole_corpus()))) for name in ("gxp_impact", "alt_system"))
    assert f"| {flagged:,} of {len(whole_corpus()):,} |" in CARD
    assert f"| {other:,} |" in CARD


def test_each_file_is_one_writer() -> None:
    for path in CORPUS.glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert all(f'"id": "{path.stem.removeprefix("tickets_").upper()}-' in line for line in lines)


def test_no_ticket_stands_twice() -> None:
    assert len({(example.title, example.body) for example in whole_corpus()}) == len(whole_corpus())
    assert len({example.id for example in whole_corpus()}) == len(whole_corpus())


def test_every_label_is_a_system_of_the_taxonomy() -> None:
    known = set(load_taxonomy().ids)
    assert {example.system for example in whole_corpus()} == known
    assert {example.alt_system for example in whole_corpus()} <= known | {None}


def test_the_text_of_an_example_carries_no_label() -> None:
    example = whole_corpus()[0]
    assert (example.writer, example.text.title, example.text.reporter_role) == ("C1", example.title, example.reporter_role)
    assert set(example.text.model_dump()).isdisjoint({"system", "severity", "gxp_impact", "kind", "alt_system"})


def test_a_corpus_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_corpus(tmp_path, small_corpus())
    assert read_corpus(tmp_path) == list(small_corpus())
    assert corpus_digest(read_corpus(tmp_path)) == corpus_digest(small_corpus())


def test_another_label_is_another_digest() -> None:
    first, *rest = small_corpus()
    assert corpus_digest([first.model_copy(update={"severity": "sev1"}), *rest]) != corpus_digest([first, *rest])


def test_a_folder_without_tickets_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusInvalid, match=r"no \.jsonl file"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", r"line 2: the line"), ('{"id": "X-1"}', r"line 2: title"), ("", r"line 2")],
)
def test_a_line_that_is_no_ticket_is_named_by_file_and_number(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "own.jsonl").write_text(f"{small_corpus()[0].model_dump_json()}\n{line}\n", encoding="utf-8")
    with pytest.raises(CorpusInvalid, match=rf"own\.jsonl {said}"):
        read_corpus(tmp_path)


COMMON = set(common_words(whole_corpus()))


@pytest.mark.parametrize("word", ["sample", "label", "stock", "drucker", "etikett", "sap", "lims", "idoc", "opc", "shift"])
def test_words_of_the_trade_may_be_shown(word: str) -> None:
    assert word in COMMON


@pytest.mark.parametrize("name", ["ruiz", "priya", "marcus", "egger", "leiden", "cork", "basel", "wei", "maria"])
def test_names_of_people_and_places_may_not(name: str) -> None:
    assert any(name in fold(f"{example.title} {example.body} {example.site}") for example in whole_corpus())
    assert name not in COMMON


def test_words_that_tell_nothing_and_numbers_may_not() -> None:
    assert COMMON.isdisjoint({"the", "and", "is", "to"})
    assert all(word.isalpha() for word in COMMON)


def test_a_word_of_one_writer_may_not() -> None:
    one = [example for example in whole_corpus() if example.writer == "C1"]
    assert common_words(one) == []


def with_words(words: str, every: int) -> list[Example]:
    """The small corpus with words added to the end of some bodies."""
    return [
        example.model_copy(update={"body": f"{example.body} {words}"}) if number % every == 0 else example
        for number, example in enumerate(small_corpus())
    ]


def test_a_name_is_known_by_its_use_not_by_a_list() -> None:
    assert "quillon" in common_words(with_words("i asked the quillon about it.", every=7))
    assert "quillon" not in common_words(with_words("I asked Quillon about it.", every=7))
    assert "quillon" not in common_words(with_words("Best regards.\nQuillon", every=7))


def test_practice_repeats_nothing_that_is_measured() -> None:
    """A ticket that stood in both would be learned by heart and measured as known. Two people may tell of the same kind of trouble."""
    measured = {fold(f"{example.title} {example.body}") for example in whole_corpus()}
    assert not any(fold(f"{example.title} {example.body}") in measured for example in carried().practice)
    similar = load_model().similar()
    similar.add([example.id for example in whole_corpus()], [example.text for example in whole_corpus()])
    alike = [near for near in similar.like([example.text for example in carried().practice]) if near and near[0].score >= SAME_INCIDENT]
    assert len(alike) <= len(carried().practice) / 1_000


def test_writers_of_practice_are_nobody_who_is_measured() -> None:
    assert {example.writer for example in carried().practice}.isdisjoint(example.writer for example in whole_corpus())
    assert {example.system for example in carried().practice} <= set(load_taxonomy().ids)
