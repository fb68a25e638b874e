"""What was answered, counted against what readers said: matrices, reliability, and the price of a threshold."""

from typing import Any

import numpy as np
import pytest

from models.confusion import confusion, counts, macro_f1
from models.curves import coverages, reliabilities
from models.evaluate import BINS, calibration_error
from models.judged import Judged

COUNT = 1_500


def judged(**given: Any) -> Judged:
    """Answers of which only some are looked at; the rest is nothing."""
    names = dict.fromkeys(Judged.__slots__, np.zeros(len(next(iter(given.values()))), np.int64))
    return Judged(**names | given)


def honest() -> Judged:
    """Confidence that comes true as often as it says, whichever of two systems is answered."""
    chance = np.random.default_rng(4)
    confidence = chance.uniform(0.5, 1, COUNT).round(4)
    right = chance.random(COUNT) < confidence
    first = chance.integers(0, 2, COUNT)
    return judged(
        confidence=confidence,
        right=right,
        first=first,
        true_system=np.where(right, first, 1 - first),
        wordy=np.arange(COUNT) % 10 > 0,
        risk=confidence,
        true_level=np.where(right, 0, 2),
    )


def test_a_matrix_counts_reader_down_and_answer_across() -> None:
    told, answered = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    matrix = confusion("system", "abc", told, answered)
    assert matrix.counts == ((1, 1, 0), (0, 1, 0), (1, 0, 2))
    assert (matrix.rows, matrix.down, matrix.across) == (("a", "b", "c"), "reader", "answered")
    assert counts(told, np.zeros(6, np.int64), (3, 2)) == ((2, 0), (1, 0), (3, 0))


def test_macro_f1_is_the_mean_over_systems_of_the_balance_of_precision_and_recall() -> None:
    told, answered = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    by_hand = [2 * p * r / (p + r) for p, r in ((1 / 2, 1 / 2), (1 / 2, 1), (1, 2 / 3))]
    assert macro_f1(told, answered, 3) == pytest.approx(np.mean(by_hand), abs=0.0001)
    assert macro_f1(told, told, 3) == 1
    assert macro_f1(told, told, 4) == 0.75


def test_a_reliability_curve_has_bins_of_equal_mass_and_an_honest_one_lies_on_the_line() -> None:
    given = honest()
    strict, right, sev1 = reliabilities(given)
    assert [each.name for each in (strict, right, sev1)] == ["first answer", "first answer or the alternative", "Sev1"]
    assert {each.came_true.of for each in strict.bins} == {COUNT // BINS}
    assert [each.said for each in strict.bins] == sorted(each.said for each in strict.bins)
    within = [each.came_true.low <= each.said <= each.came_true.high for each in strict.bins]
    assert sum(within) >= BINS - 2
    assert sev1.bins == right.bins


def test_the_calibration_error_is_the_mean_distance_of_the_curve_from_the_line() -> None:
    given = honest()
    strict, *_ = reliabilities(given)
    distance = np.mean([abs(each.said - each.came_true.share) for each in strict.bins])
    assert calibration_error(given.confidence, given.strict) == pytest.approx(distance, abs=0.0002)


def test_fewer_tickets_than_bins_make_fewer_bins() -> None:
    few = judged(confidence=np.array([0.4, 0.9]), right=np.array([False, True]))
    assert [each.said for each in reliabilities(few)[1].bins] == [0.4, 0.9]


def test_a_falling_threshold_routes_more_and_less_of_it_is_right() -> None:
    for told in coverages(honest(), {"erp": 0.9, "lims": 0.8}):
        routed, thresholds = [each.routed.share for each in told.points], [each.threshold for each in told.points]
        assert routed == sorted(routed)
        assert thresholds == sorted(thresholds, reverse=True)
        assert told.points[-1].right.share < told.points[4].right.share
        assert routed[-1] == pytest.approx(0.9, abs=0.02)


def test_the_chosen_threshold_is_counted_as_it_stands() -> None:
    given = honest()
    erp, lims = coverages(given, {"erp": 0.9, "lims": 1.0})
    own = given.first == 0
    sent = own & given.wordy & (given.confidence >= 0.9)
    assert (erp.chosen.routed.of, erp.chosen.right.of) == (own.sum(), sent.sum())
    assert erp.chosen.right.share == pytest.approx(given.right[sent].mean(), abs=0.0001)
    assert lims.chosen.right.of == 0


def test_a_system_that_is_never_answered_has_a_curve_without_points() -> None:
    *_, nobody = coverages(honest(), {"erp": 0.9, "lims": 0.8, "oee": 0.7})
    assert nobody.points == ()
    assert nobody.chosen.routed.of == 0
