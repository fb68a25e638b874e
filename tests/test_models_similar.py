"""What is told again is found, and what is not is not taken for it."""

import numpy as np
import pytest

from models.registry import load_model
from models.resubmission import all_told_again
from models.similar import LEAST, MOST, MOST_KNOWN, SAME_INCIDENT, Similar
from schemas.predictions import TicketText
from tests.corpora import whole_corpus

MODEL = load_model()
TEXTS = [example.text for example in whole_corpus()]
NAMES = [example.id for example in whole_corpus()]


def known(count: int = len(TEXTS)) -> Similar:
    similar = MODEL.similar()
    similar.add(NAMES[:count], TEXTS[:count])
    return similar


def test_a_problem_told_again_is_among_the_first_five_and_mostly_the_first() -> None:
    found = known().like(all_told_again(TEXTS))
    first = [bool(near) and near[0].ticket == name for near, name in zip(found, NAMES, strict=True)]
    among = [any(one.ticket == name for one in near) for near, name in zip(found, NAMES, strict=True)]
    assert np.mean(among) >= 0.95
    assert np.mean(first) >= 0.90


def test_nothing_is_called_the_same_incident_that_is_not() -> None:
    """Every ticket of the corpus is another incident: none may reach the mark by itself, and few may hide behind it when told again."""
    similar = known()
    others = [one.score for near, name in zip(similar.like(TEXTS), NAMES, strict=True) for one in near if one.ticket != name]
    assert max(others) < SAME_INCIDENT
    again = [
        (one.score, one.ticket == name)
        for near, name in zip(similar.like(all_told_again(TEXTS)), NAMES, strict=True)
        for one in near
        if one.score >= SAME_INCIDENT
    ]
    assert len(again) > 0.6 * len(TEXTS)
    assert np.mean([same for _, same in again]) >= 0.99


def test_the_nearest_come_first_and_at_most_five() -> None:
    similar = MODEL.similar()
    text = TicketText(title="Label printer P-114 offline in dispensing since the restart")
    similar.add([f"HC-{number}" for number in range(9)], [text] * 9)
    (near,) = similar.like([text])
    assert [one.ticket for one in near] == [f"HC-{number}" for number in range(MOST)]
    assert all(one.score == pytest.approx(1.0) for one in near)


def test_what_is_not_alike_is_left_out() -> None:
    similar = known(50)
    (near,) = similar.like([TicketText(title="zzzz qqqq")])
    assert near == ()
    assert all(one.score >= LEAST for one in similar.like([TEXTS[3]])[0])


def test_only_what_was_known_before_counts_where_that_is_asked() -> None:
    similar = known(10)
    assert similar.like(TEXTS[:10], before=[0] * 10) == [()] * 10
    assert [near[0].ticket for near in similar.like(TEXTS[:10], before=[10] * 10)] == NAMES[:10]


def test_a_text_finds_the_same_alone_and_in_a_batch() -> None:
    similar = known(300)
    together = similar.like(TEXTS[:40])
    assert together == [similar.like([text])[0] for text in TEXTS[:40]]


def test_with_nothing_known_nothing_is_similar() -> None:
    assert MODEL.similar().like([TEXTS[0], TicketText(title="")]) == [(), ()]


def test_tickets_added_later_are_found_too() -> None:
    similar = known(5)
    similar.like([TEXTS[0]])
    similar.add(["late"], [TEXTS[77]])
    assert len(similar) == 6
    assert similar.like([TEXTS[77]])[0][0].ticket == "late"


def test_what_is_found_does_not_depend_on_how_tickets_were_added() -> None:
    one_by_one, in_parts = MODEL.similar(), MODEL.similar()
    for name, text in zip(NAMES[:260], TEXTS[:260], strict=True):
        one_by_one.add([name], [text])
    for first in range(0, 260, 37):
        in_parts.add(NAMES[first : min(260, first + 37)], TEXTS[first : min(260, first + 37)])
    asked = all_told_again(TEXTS[:60])
    assert one_by_one.like(asked) == in_parts.like(asked) == known(260).like(asked)


def test_the_newest_ten_thousand_are_compared_with() -> None:
    similar, text = MODEL.similar(), TicketText(title="Label printer P-114 offline in dispensing since the restart")
    similar.add(["oldest"], [text])
    for part in range(MOST_KNOWN // 1000 - 1):
        similar.add([f"HC-{part}-{number}" for number in range(1000)], TEXTS[:1000])
    assert similar.like([text])[0][0].ticket == "oldest"
    similar.add([f"HC-{number}" for number in range(1000)], TEXTS[:1000])
    assert "oldest" not in {one.ticket for one in similar.like([text])[0]}
