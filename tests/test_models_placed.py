"""The words with which a text begins and ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import LONGEST_TEXT, SLOTS, batches
from models.placed import CLOSING, OPENING, Placed, placed, placed_scores, titled
from models.reading import Reader, grams
from schemas.predictions import TicketText

LONG = [f"{letter}{other}" for letter in "abcdef" for other in "klmnop"]


TITLES = [("line stands", "still"), ("", "line stands"), ("two\nlines here", ""), ("one", "\n and\n more")]


def read(*texts: TicketText) -> Placed:
    (batch,) = batches(texts)
    return placed(Reader().read(batch))


def slots_of(*words: str, role: str = "") -> list[int]:
    return read(TicketText(title=" ".join(words), reporter_role=role)).slot.tolist()


def test_the_first_and_the_last_words_are_placed_and_no_others() -> None:
    given = slots_of(*LONG)
    assert len(given) == OPENING + CLOSING
    changed = slots_of(*LONG[:OPENING], *["other"] * (len(LONG) - OPENING - CLOSING), *LONG[-CLOSING:])
    assert given == changed


def test_another_first_or_last_word_is_another_slot() -> None:
    first, last = slots_of("other", *LONG[1:]), slots_of(*LONG[:-1], "other")
    assert [place for place, (a, b) in enumerate(zip(slots_of(*LONG), first, strict=True)) if a != b] == [0]
    assert [place for place, (a, b) in enumerate(zip(slots_of(*LONG), last, strict=True)) if a != b] == [OPENING + CLOSING - 1]


def test_a_word_has_a_slot_for_the_opening_one_for_the_end_and_one_for_itself() -> None:
    (batch,) = batches([TicketText(title="urgent")])
    assert len({*slots_of("urgent"), int(grams(Reader().read(batch)).slot[0])}) == 3


def test_the_words_of_a_short_text_open_and_close_it() -> None:
    assert len(slots_of("line", "stands")) == 4
    assert slots_of() == []


def test_the_role_neither_opens_nor_closes() -> None:
    assert slots_of("line", "stands", role="operator") == slots_of("line", "stands", role="planner")


def test_title_and_body_are_one_message() -> None:
    assert read(TicketText(title="line", body="stands still")).slot.tolist() == slots_of("line", "stands", "still")


def test_the_words_of_the_title_and_no_others_are_titled() -> None:
    texts = [TicketText(title=title, body=body, reporter_role="operator") for title, body in TITLES]
    (batch,) = batches(texts)
    found = titled(Reader().read(batch))
    assert np.bincount(found.text, minlength=found.texts).tolist() == [2, 0, 3, 1]
    assert [Reader().read(batch).said[word].decode() for word in found.word] == ["line", "stands", "two", "lines", "here", "one"]


def test_a_long_title_is_cut_like_any_text() -> None:
    (batch,) = batches([TicketText(title="word " * LONGEST_TEXT, body="more")])
    assert len(titled(Reader().read(batch)).word) == Reader().read(batch).length[0] == LONGEST_TEXT // 5


def test_a_word_has_another_slot_in_the_title() -> None:
    (batch,) = batches([TicketText(title="urgent")])
    words = Reader().read(batch)
    assert len({*titled(words).slot.tolist(), *placed(words).slot.tolist()}) == 3


def test_scores_are_the_sums_of_the_rows() -> None:
    weights = np.random.default_rng(1).normal(size=(SLOTS, 3))
    found = read(TicketText(title="line stands"), TicketText(title=""), TicketText(title=" ".join(LONG)))
    scores = placed_scores(found, weights)
    assert scores == pytest.approx(np.array([weights[found.slot[found.text == text]].sum(axis=0) for text in range(3)]))
    assert not scores[1].any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=6))
def test_a_text_scores_the_same_alone_and_among_others(bodies: list[str]) -> None:
    weights = np.random.default_rng(2).normal(size=(SLOTS, 3))
    texts = [TicketText(title="t", body=body) for body in bodies]
    together = placed_scores(read(*texts), weights)
    assert all((together[at] == placed_scores(read(text), weights)[0]).all() for at, text in enumerate(texts))


def test_the_slots_are_the_ones_that_stored_versions_were_made_with() -> None:
    """Other slots need a new FEATURES name: old weights would be read through them without an error."""
    assert slots_of("label", "blank") == PINNED


PINNED = [14292, 16691, 65166, 39244]
