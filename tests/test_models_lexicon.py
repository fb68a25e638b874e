"""Concepts are heard in what people type, and nowhere else."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import reading
from models.errors import LexiconInvalid
from models.features import batches, plain
from models.hearing import BETWEEN, Ears
from models.lexicon import LANGUAGES, Concept, Lexicon, load_lexicon, read_lexicon
from models.taxonomy import load_taxonomy
from schemas.predictions import TicketText
from tests.corpora import carried, whole_corpus


def heard(ears: Ears, *texts: str) -> list[list[int]]:
    found: list[list[int]] = []
    for batch in batches(TicketText(title=text) for text in texts):
        told = ears.hear(ears.read(batch))
        found += [told.concept[told.text == text].tolist() for text in range(told.texts)]
    return found


def hears(term: str, text: str) -> bool:
    return heard(Ears([[term]]), text) == [[0]]


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("cogi", "180 entries in COGI, all line 4"),
        ("print*", "it prints blank"),
        ("order* missing", "Order 4711 is missing since noon"),
        ("order* missing", "orders missing"),
        ("ware* nicht gebucht", "Die Ware wurde nicht richtig gebucht"),
        ("prüf* überfällig", "Prufung schon lange überfällig"),
        ("mass falsch", "das Maß ist falsch"),
        ("idoc 51", "IDoc-64 hangs"),
        ("can t sign", "I can't sign"),
        ("a b c", "a x b x x c"),
    ],
)
def test_a_term_is_heard(term: str, text: str) -> None:
    assert hears(term, text)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("print", "printer"),
        ("order* missing", "missing order"),
        ("order* missing", "the order that we talked about is missing"),
        ("order* missing", "order"),
        ("a b c", "a x x x b c"),
        ("role", "nothing here"),
        ("x1", ""),
    ],
)
def test_a_term_is_not_heard(term: str, text: str) -> None:
    assert not hears(term, text)


def test_a_term_never_reaches_from_one_text_into_the_next() -> None:
    assert heard(Ears([["order* missing"]]), "the order", "missing", "order missing") == [[], [], [0]]


def test_each_concept_is_heard_once_however_often_it_is_said() -> None:
    assert heard(Ears([["alarm*"], ["stop*", "stopped now"]]), "alarm, alarms! line stopped now and stops") == [[0, 1]]


def test_without_terms_nothing_is_heard() -> None:
    assert heard(Ears([]), "anything", "") == [[], []]


def test_what_is_remembered_of_words_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ears, text = Ears([["order* missing"]]), "order 12 missing"
    before = heard(ears, text)
    monkeypatch.setattr(reading, "_MOST_LETTERS", 200)
    for number in range(20):
        heard(ears, " ".join(f"w{chr(97 + number)}{chr(97 + other)}" for other in range(20)))
    assert ears.reader.letters < 400
    assert heard(ears, text) == before == [[0]]


def test_threads_that_ask_at_once_hear_what_one_alone_hears() -> None:
    """Each thread brings words that nobody has remembered yet."""
    texts = [[f"{example.title} {example.body}" for example in whole_corpus()[start::8]] for start in range(8)]
    alone = [heard(Ears([concept.terms for concept in carried().lexicon.concepts]), *part) for part in texts]
    shared = Ears([concept.terms for concept in carried().lexicon.concepts])
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda part: heard(shared, *part), texts)) == alone


WORDS = ("ab", "abc", "abd", "b", "cde", "x")
TERMS = st.lists(st.sampled_from([*WORDS, "abc*", "cde*"]), min_size=1, max_size=4).map(" ".join)


TEXTS = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


def said(term: Sequence[bytes], words: Sequence[bytes]) -> bool:
    """The plain way: try every place."""
    if not term:
        return True
    fits = [word.startswith(term[0][:-1]) if term[0].endswith(b"*") else word == term[0] for word in words]
    return any(fit and follows(term[1:], words[place + 1 :]) for place, fit in enumerate(fits))


def follows(term: Sequence[bytes], words: Sequence[bytes]) -> bool:
    if not term:
        return True
    near = words[: BETWEEN + 1]
    fits = [word.startswith(term[0][:-1]) if term[0].endswith(b"*") else word == term[0] for word in near]
    return any(fit and follows(term[1:], words[place + 1 :]) for place, fit in enumerate(fits))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(TERMS, min_size=1, max_size=6), st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), min_size=1, max_size=5)
)
def test_the_quick_way_hears_what_the_plain_way_hears_alone_and_in_a_batch(terms: list[str], texts: list[str]) -> None:
    ears = Ears([[term] for term in terms])
    expected = [[n for n, term in enumerate(terms) if said(term.encode().split(), text.encode().split())] for text in texts]
    assert heard(ears, *texts) == expected == [heard(ears, text)[0] for text in texts]


def test_a_word_that_goes_on_in_very_many_ways_is_heard_in_each() -> None:
    """The steps of such words leave little room for one another."""
    words = [f"{a}{b}" for a in "bcdfghjk" for b in "lmnpqrst"]
    pairs = [f"{first} {second}" for first in words for second in words]
    ears = Ears([[pair] for pair in pairs])
    assert heard(ears, *pairs) == [[number] for number in range(len(pairs))]


def test_every_term_of_the_shipped_lexicon_is_heard_where_it_is_said() -> None:
    lexicon = carried().lexicon
    terms = [(number, term.replace("*", "")) for number, concept in enumerate(lexicon.concepts) for term in concept.terms]
    assert all(number in found for (number, _), found in zip(terms, heard(lexicon.ears, *(term for _, term in terms)), strict=True))


def test_the_shipped_lexicon_is_wide_and_knows_its_systems() -> None:
    concepts = carried().lexicon.concepts
    assert len(concepts) >= 400
    assert sum(len(concept.terms) for concept in concepts) >= 10_000
    leaning = [concept.leans for concept in concepts]
    assert {lean for lean in leaning if lean} == set(load_taxonomy().ids)
    assert leaning.count(None) < len(leaning) / 2


def test_no_concept_is_heard_everywhere_and_few_tickets_say_nothing() -> None:
    found = heard(carried().lexicon.ears, *(f"{example.title} {example.body}" for example in whole_corpus()))
    counts = [0] * len(carried().lexicon.concepts)
    for concepts in found:
        for concept in concepts:
            counts[concept] += 1
    assert max(counts) < 0.25 * len(found)
    assert sum(not concepts for concepts in found) < 0.1 * len(found)


def test_what_was_written_is_read_again() -> None:
    lexicon = Lexicon((Concept(name="late", means="it comes too late", leans="erp", terms=("too late", "verspät*")),))
    again = read_lexicon(lexicon.written())
    assert (again.concepts, again.digest) == (lexicon.concepts, lexicon.digest)
    assert lexicon.lessons() == [("too late", "erp"), ("verspät", "erp")]
    with pytest.raises(LexiconInvalid, match="no lexicon"):
        read_lexicon(b"[{}]")


def test_languages_are_read_together_and_a_term_counts_once(tmp_path: Path) -> None:
    lists = "\n".join(f'{language} = ["same", "only {language}"]' for language in LANGUAGES)
    (tmp_path / "one.toml").write_text(f'[late]\nmeans = "it comes too late"\n{lists}\n', "utf-8")
    (concept,) = load_lexicon(tmp_path).concepts
    assert concept.terms == ("same", *(f"only {language}" for language in LANGUAGES))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[late", "cannot be read"),
        ('[late]\nen = ["late"]', "means"),
        ('[late]\nmeans = "it is late"', "terms"),
        ('[late]\nmeans = "it is late"\nen = ["so-called"]', "terms.0"),
        ('[late]\nmeans = "it is late"\nen = ["la*"]', "stem"),
        ('[late]\nmeans = "it is late"\nen = ["late"]\nmood = 1', "mood"),
        ('[late]\nmeans = "it is late"\nen = ["00 00"]', "has no letter"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_cure(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "one.toml").write_text(content, "utf-8")
    with pytest.raises(LexiconInvalid, match=r"one\.toml") as error:
        load_lexicon(tmp_path)
    assert told in str(error.value)


def test_a_concept_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text('[late]\nmeans = "it is late"\nen = ["late"]', "utf-8")
    with pytest.raises(LexiconInvalid, match="there twice"):
        load_lexicon(tmp_path)
    with pytest.raises(LexiconInvalid, match=r"no \.toml file"):
        load_lexicon(tmp_path / "nowhere")


def test_terms_and_texts_are_folded_alike() -> None:
    assert plain("Prüf-Maß 51").split() == plain("pruf mass 64").split()
