"""Text to hashed counts."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import reading
from models.features import BITS, LONGEST_TEXT, SLOTS, batches, fold, word_hashes
from models.reading import Grams, Reader, grams
from models.rows import cells, counted
from schemas.predictions import TicketText
from tests.corpora import whole_corpus


def found(*texts: TicketText) -> Grams:
    (batch,) = batches(texts)
    return grams(Reader().read(batch))


def of(title: str, body: str = "", role: str = "") -> Grams:
    return found(TicketText(title=title, body=body, reporter_role=role))


def terms(gram: Grams) -> list[str]:
    return [gram.words.term(index) for index in range(len(gram.words.said))]


def slots(gram: Grams, text: int = 0) -> set[int]:
    return set(gram.slot[gram.text == text].tolist())


def plain_words(gram: Grams) -> list[int]:
    return gram.words.hash[~gram.words.field].tolist()


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Prüfung", "prufung"),
        ("ÉTIQUETTE", "etiquette"),
        ("línea", "linea"),
        ("Line 4", "line 4"),
        ("Straße", "strasse"),
        ("ﬁlter", "filter"),
    ],
)
def test_case_accents_and_ligatures_are_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_words_are_read_in_order_and_the_role_stands_last() -> None:
    assert terms(of("Line stopped", "no tags!", "operator")) == ["line", "stopped", "no", "tags", "role:operator"]


def test_punctuation_and_runs_of_spaces_make_no_words() -> None:
    assert terms(of("a -- b", "\t..\n c")) == ["a", "b", "c", "role:"]


def test_digits_are_one_digit() -> None:
    assert plain_words(of("order 70018823")) == plain_words(of("order 10000000"))
    assert plain_words(of("order 7001882")) != plain_words(of("order 10000000"))


def test_equal_words_hash_equal_wherever_they_stand() -> None:
    first = plain_words(of("label blank on label", "and the label"))
    assert first[0] == first[3] == first[6]
    assert len(set(first)) == 5


def test_a_word_hash_is_the_same_outside_of_a_text() -> None:
    assert word_hashes(["Prüfung", "blank"]).tolist() == plain_words(of("prufung blank"))


def test_a_long_text_does_not_disturb_the_hash_of_a_later_word() -> None:
    assert plain_words(of("filler " * 900 + "valve"))[-1] == plain_words(of("valve"))[0]


def test_swapped_letters_give_another_hash() -> None:
    assert len(set(word_hashes(["from", "form", "mrof", "fro", "rom"]).tolist())) == 5


def test_pairs_join_neighbours_of_one_text_only() -> None:
    assert int(of("one two three").pair.sum()) == 3 - 1
    assert int(found(TicketText(title="one"), TicketText(title="two")).pair.sum()) == 0


def test_the_order_of_a_pair_matters() -> None:
    forward, back = of("wrong label"), of("label wrong")
    assert forward.slot[forward.pair].tolist() != back.slot[back.pair].tolist()


def test_the_last_word_makes_no_pair_with_the_role() -> None:
    without, other = of("label blank", role="operator"), of("label blank", role="planner")
    assert without.slot[without.pair].tolist() == other.slot[other.pair].tolist()


def test_a_role_adds_one_slot_and_no_letters() -> None:
    bare, operator = slots(of("label blank")), slots(of("label blank", role="operator"))
    assert len(operator - bare) == 1
    assert not slots(of("operator")) & (operator - bare)


def test_nobody_can_type_a_role() -> None:
    typed = slots(of("role:operator", "\x02role:operator \x01"))
    given = slots(of("x", role="operator")) - slots(of("x"))
    assert not typed & given


def test_an_odd_role_is_one_word() -> None:
    assert terms(of("x", role="Shift Lead / \x01 Q")) == ["x", "role:shift_lead_____q"]


def test_letters_of_four_stay_within_a_word_and_its_edges() -> None:
    gram = of("abcde")
    fours = gram.slot[gram.word == 0][1:]
    assert len(fours) == len([" abc", "abcd", "bcde", "cde "])


def test_a_misspelt_word_shares_letters_with_the_right_one() -> None:
    shared = slots(of("serialization")) & slots(of("serialisation"))
    assert len(shared) >= 8


def test_every_gram_lies_in_a_word_of_its_own_text() -> None:
    gram = found(TicketText(title="one two"), TicketText(title=""), TicketText(title="three"))
    assert (gram.words.text[gram.word] == gram.text).all()
    assert gram.texts == 3


def test_text_beyond_the_cap_is_not_read() -> None:
    words = "abcdefg " * (LONGEST_TEXT // 8)
    assert slots(of("", words + "zebra")) == slots(of("", words + "quagga"))


def test_a_batch_is_cut_where_it_grows_large() -> None:
    texts = [TicketText(title="t", body="word " * 1_500) for _ in range(40)]
    cut = list(batches(texts))
    assert len(cut) > 1
    assert sum(map(len, cut)) == 40


def test_no_texts_make_no_batch() -> None:
    assert list(batches([])) == []


def test_half_a_surrogate_pair_is_read_as_something() -> None:
    assert of("\ud800 label").texts == 1


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_a_text_gives_the_same_slots_alone_and_among_others(titles: list[str]) -> None:
    together = found(*(TicketText(title=title) for title in titles))
    assert together.texts == len(titles)
    for number, title in enumerate(titles):
        own = of(title)
        assert sorted(together.slot[together.text == number].tolist()) == sorted(own.slot.tolist())


def test_slots_stay_in_range() -> None:
    gram = of("a great many different words about labels, printers, tanks and orders")
    assert SLOTS == 1 << BITS
    assert ((gram.slot >= 0) & (gram.slot < SLOTS)).all()


def test_words_spread_over_the_slots() -> None:
    words = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyzabcd"]
    gram = of("", " ".join(words))
    used = set(gram.slot[np.searchsorted(gram.word, np.arange(len(words)))].tolist())
    assert len(used) > 0.98 * len(words)


def test_counts_tell_how_often_a_gram_stands() -> None:
    gram = of("label label label", "blank")
    rows = counted(gram)
    assert rows.count.max() == 3
    assert int(rows.count.sum()) == len(gram.slot)
    assert (rows.slot[cells(gram, rows)] == gram.slot).all()


PROGRAM = """
from models.features import batches
from models.reading import Reader, grams
from schemas.predictions import TicketText
batch, = batches([TicketText(title="Étiquette blanche", body="IDoc 51, Linie 4 steht", reporter_role="operator")])
print(grams(Reader().read(batch)).slot.tolist())
"""


def test_every_process_finds_the_same_slots() -> None:
    runs = {
        subprocess.run([sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{of('Étiquette blanche', 'IDoc 51, Linie 4 steht', 'operator').slot.tolist()}\n"}


def test_the_features_are_the_ones_that_stored_versions_were_made_with() -> None:
    """A change of hashing needs a new FEATURES name: old weights would be read through other slots without an error."""
    assert np.unique(of("Label blank", role="operator").slot).tolist() == PINNED


PINNED = [190, 2373, 9140, 12357, 17072, 18506, 24808, 39023, 54681, 55310, 60830, 61702]


def read_again(reader: Reader, texts: Sequence[TicketText]) -> list[list[int]]:
    return [grams(reader.read(batch)).slot.tolist() for batch in batches(texts)]


def test_what_was_read_before_changes_nothing() -> None:
    texts = [example.text for example in whole_corpus()[::9]]
    reader = Reader()
    first = read_again(reader, texts)
    assert read_again(reader, texts) == first
    alone = [read_again(reader, [text])[0] for text in texts]
    assert alone == [read_again(Reader(), [text])[0] for text in texts]
    assert [slot for slots in alone for slot in slots] == [slot for slots in first for slot in slots]


def test_what_is_remembered_of_words_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [example.text for example in whole_corpus()[::90]]
    expected = [read_again(Reader(), [text]) for text in texts]
    monkeypatch.setattr(reading, "_MOST_LETTERS", 2_000)
    reader = Reader()
    for text, slots_of in zip(texts, expected, strict=True):
        assert read_again(reader, [text]) == slots_of
        assert reader.letters < 2_000 + 2 * len(next(batches([text]))[0])


def test_words_are_not_known_by_half_where_learning_failed() -> None:
    def patterns(word: bytes) -> list[int]:
        if word == b"bad" and failing:
            raise MemoryError
        return [len(word)]

    failing, reader, text = True, Reader(patterns), [TicketText(title="good bad words")]
    with pytest.raises(MemoryError):
        read_again(reader, text)
    failing = False
    assert read_again(reader, text) == read_again(Reader(), text)


def test_threads_that_read_at_once_read_what_one_alone_reads() -> None:
    parts = [[example.text for example in whole_corpus()[start::8]] for start in range(8)]
    shared = Reader()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda part: [read_again(shared, [text]) for text in part], parts)) == [
            [read_again(Reader(), [text]) for text in part] for part in parts
        ]
