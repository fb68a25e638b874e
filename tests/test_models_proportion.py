"""A share says how far the truth may lie from it."""

import numpy as np
import pytest

from models.proportion import proportion, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_the_published_one(hits: int, of: int, low: float, high: float) -> None:
    """81 of 263 is the example of Newcombe (1998), method 3."""
    assert wilson(hits / of, of) == pytest.approx((low, high), abs=0.0001)


def test_its_ends_are_where_the_share_is_just_not_surprising() -> None:
    share, of = 0.9, 250
    for end in wilson(share, of):
        assert abs(share - end) / np.sqrt(end * (1 - end) / of) == pytest.approx(1.96, abs=0.001)


def test_it_holds_the_truth_about_nineteen_times_in_twenty() -> None:
    seen = np.random.default_rng(3).binomial(260, 0.9, size=4_000) / 260
    held = [low <= 0.9 <= high for low, high in (wilson(share, 260) for share in seen)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


def test_more_tickets_make_it_narrower_and_of_none_nothing_is_known() -> None:
    widths = [high - low for low, high in (wilson(0.8, of) for of in (0, 1, 10, 100, 1_000))]
    assert widths == sorted(widths, reverse=True)
    assert wilson(1.0, 0) == (0, 1)


def test_it_is_written_so_that_people_can_read_it() -> None:
    assert str(proportion(0.9107, 280)) == "0.911 (0.87–0.94)"
    assert str(proportion(1.0, 0)) == "–"
