"""Weighted rows, their product with weights, and what each word added."""

import numpy as np
import pytest

from models.contributions import leading_words, speakable, word_weights
from models.features import SLOTS, batches, word_hashes
from models.reading import Grams, Reader, grams
from models.rows import Rows, cells, counted, damped, product, spread, weighted
from schemas.predictions import TicketText


def of(*titles: str) -> Grams:
    (batch,) = batches(TicketText(title=title) for title in titles)
    return grams(Reader().read(batch))


def dense(rows: Rows, value: np.ndarray) -> np.ndarray:
    table = np.zeros((len(rows.start), SLOTS))
    table[rows.text, rows.slot] = value
    return table


def test_a_repeated_gram_is_one_cell() -> None:
    found = of("label label", "label")
    rows = counted(found)
    assert len(set(zip(rows.text.tolist(), rows.slot.tolist(), strict=True))) == len(rows.count)
    assert rows.start.tolist() == [0, np.searchsorted(rows.text, 1)]
    assert (np.bincount(cells(found, rows)) == rows.count).all()


def test_repetition_is_damped() -> None:
    assert damped(np.array([1, 2, 10])).tolist() == pytest.approx([1, 1 + np.log(2), 1 + np.log(10)])
    assert damped(np.array([10**9])) == damped(np.array([4_096]))


def test_rows_have_length_one() -> None:
    rows = counted(of("label blank on line", "a", "valve stuck, valve open"))
    lengths = np.bincount(rows.text, weighted(rows, np.ones(SLOTS)) ** 2)
    assert lengths == pytest.approx([1, 1, 1])


def test_a_row_without_a_known_slot_stays_zero() -> None:
    rows = counted(of("label"))
    assert not weighted(rows, np.zeros(SLOTS)).any()


def test_the_product_is_that_of_the_matrices() -> None:
    chance = np.random.default_rng(1)
    weights = chance.normal(size=(SLOTS, 3)).astype(np.float32)
    rows = counted(of("label blank on line", "x", "valve stuck open since the restart"))
    value = weighted(rows, chance.random(SLOTS))
    assert product(rows, value, weights) == pytest.approx(dense(rows, value) @ weights)


def test_the_parts_of_the_words_sum_to_the_whole() -> None:
    found = of("wrong label on the wrong carton", "valve stuck")
    rows = counted(found)
    share = np.random.default_rng(2).normal(size=len(rows.slot))
    weights = word_weights(found, rows, share)
    assert np.bincount(found.words.text, weights) == pytest.approx(np.bincount(rows.text, share))


def test_a_pair_is_halved_between_its_words() -> None:
    found = of("wrong label")
    rows = counted(found)
    share = np.zeros(len(rows.slot))
    share[cells(found, rows)[found.pair]] = 1.0
    assert word_weights(found, rows, share).tolist() == [0.5, 0.5, 0.0]


def test_the_greatest_words_come_first_and_equal_ones_by_name() -> None:
    found = of("b a d c")
    words = leading_words(found, np.array([0.2, 0.2, 0.5, 0.1, 0.0]), np.ones(5, np.bool_))[0]
    assert [word.term for word in words] == ["d", "a", "b", "c"]


def test_a_word_that_stands_twice_is_one_word() -> None:
    (words,) = leading_words(of("stock no stock"), np.array([0.2, 0.1, 0.3, 0.0]), np.ones(4, np.bool_))
    assert [(word.term, word.weight) for word in words] == [("stock", 0.5), ("no", 0.1)]


def test_six_words_are_enough() -> None:
    found = of("a b c d e f g h")
    (words,) = leading_words(found, np.full(9, 0.1), np.ones(9, np.bool_))
    assert len(words) == 6


def test_each_text_has_its_own_words() -> None:
    found = of("stock", "sample")
    first, second = leading_words(found, np.array([0.3, 0.0, 0.4, 0.0]), np.ones(4, np.bool_))
    assert [word.term for word in (*first, *second)] == ["stock", "sample"]


def test_only_words_of_the_vocabulary_and_fields_are_speakable() -> None:
    found = of("stock egger 70018823 zzz")
    known = np.sort(word_hashes(["stock", "sample"]))
    assert speakable(found, known).tolist() == [True, False, False, False, True]
    assert speakable(found, known[:0]).tolist() == [False, False, False, False, True]


def test_short_texts_are_spread_less_and_very_long_ones_no_further() -> None:
    given = spread(np.array([0, 4, 30, 150, 5_000]))
    assert given[2] == 1.0
    assert given[0] == given[1] < 1.0 < given[3] == given[4]


def test_the_length_of_a_text_is_its_words_without_the_role() -> None:
    found = of("stock stock stocks . of 4711 and of 12", "", "stock")
    assert found.words.length.tolist() == [8, 0, 1]


def test_rows_are_ordered_by_text_and_slot_and_count_every_gram() -> None:
    found = of("stock stock stocks", "", "stock", "a b a b a b a")
    rows = counted(found)
    keys, counts = np.unique(found.text * SLOTS + found.slot, return_counts=True)
    assert (rows.text * SLOTS + rows.slot).tolist() == keys.tolist()
    assert rows.count.tolist() == counts.tolist()
