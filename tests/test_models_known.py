"""How much of a text a model never learned from."""

from collections import Counter

import numpy as np
import pytest

from models.features import batches, word_hashes
from models.known import lookup, places_of, unknown_shares
from models.known_words import known_words, unseen_shares
from models.reading import Reader, Words
from schemas.predictions import TicketText
from tests.corpora import carried, small_corpus


def read(*titles: str) -> Words:
    return Reader().read(next(batches(TicketText(title=title, reporter_role="operator") for title in titles)))


def shares(known: np.ndarray, *titles: str) -> list[float]:
    return unknown_shares(read(*titles), lookup(known)).tolist()


def test_the_share_counts_every_word_that_is_not_known() -> None:
    known = word_hashes(["label", "printer"])
    assert shares(known, "label printer", "label gone", "nothing at all", "label label gone gone gone") == [0, 0.5, 1, 0.6]


def test_a_text_without_words_has_no_unknown_ones() -> None:
    assert shares(word_hashes(["label"]), "", "!?") == [0, 0]


def test_case_accents_and_the_digits_of_a_number_make_no_word_strange() -> None:
    assert shares(word_hashes(["prufung", "0000"]), "PRÜFUNG 4711") == [0]


def test_a_version_that_recorded_no_words_calls_none_unknown() -> None:
    assert shares(np.zeros(0, np.uint64), "anything at all") == [0]


def test_a_word_of_a_single_ticket_is_not_known_however_often_it_stands_there() -> None:
    known = known_words([TicketText(title="pump pump pump"), TicketText(title="valve shut"), TicketText(title="valve open")])
    assert known.tolist() == word_hashes(["valve"]).tolist()


def test_few_strange_words_are_held_for_known() -> None:
    known = np.random.default_rng(1).integers(0, 2**63, 15_000).astype(np.uint64)
    strange = np.random.default_rng(2).integers(0, 2**63, 20_000).astype(np.uint64)
    table = lookup(known)
    assert 1 / 100 < table.mean() < 1 / 60
    assert 1 / 100 < table[places_of(strange)].mean() < 1 / 60


def test_the_words_of_a_writer_who_was_left_out_are_known_from_the_others_only() -> None:
    """Recounted with Python's own sets of the words of two or more other tickets."""
    examples = small_corpus()[:60] + small_corpus()[-60:]
    given = unseen_shares(examples)
    words = [Reader().read(next(batches([example.text]))) for example in examples]
    spoken = [set(each.hash[~each.field].tolist()) for each in words]
    writers = [example.writer for example in examples]
    assert len(set(writers)) == 2
    for place, writer in enumerate(writers):
        others = Counter(hash for each, other in zip(spoken, writers, strict=True) if other != writer for hash in each)
        own = words[place].hash[~words[place].field].tolist()
        assert given[place] == pytest.approx(np.mean([others[hash] < 2 for hash in own]), abs=0.03)
    assert given.mean() > 0.1


def test_practice_makes_words_known() -> None:
    practice = carried().practice[:400]
    assert unseen_shares(small_corpus(), practice).mean() < unseen_shares(small_corpus()).mean() - 0.02
