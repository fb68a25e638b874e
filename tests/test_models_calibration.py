"""Scores to probabilities, and the points from which a model may act alone."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from models.calibrate import COSTS, SEV1_MISSED, TARGET_RIGHT, calibrate, load_costs, set_edge, threshold
from models.calibration import Calibration, at_least, cheapest, gxp_probability, logistic, severity_probabilities, system_probabilities
from models.columns import Columns
from models.errors import RulesInvalid
from models.evaluate import calibration_error
from models.train import Table

STRAIGHT = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))
COUNT = Columns(3).count


def drawn(count: int = 4_000, heat: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose softmax at temperature `heat` is exactly how often each of three systems is right."""
    chance = np.random.default_rng(5)
    scores = chance.normal(scale=0.6, size=(count, 3))
    probability = system_probabilities(scores, heat)
    system = (probability.cumsum(axis=1) > chance.random((count, 1))).argmax(axis=1)
    return scores, system


def judged(scores: np.ndarray, system: np.ndarray, grave: np.ndarray, severe: np.ndarray) -> Calibration:
    """Calibrated on scores of three systems and of three severities; what is not asked about scores nothing."""
    count = len(system)
    row = np.hstack([scores, grave, np.zeros((count, COUNT - 6))])
    nothing = csr_matrix((count, 1))
    labels = (system, severe, severe[:, 2], np.zeros(count, np.int64), np.full(count, "C1"), np.ones(count), np.ones(count))
    table = Table(nothing, nothing, nothing, nothing, np.full(count, 30), *labels)
    return calibrate(row, table, np.eye(3, dtype=np.bool_)[system], load_costs())


def fitted(scores: np.ndarray, system: np.ndarray) -> Calibration:
    chance = np.random.default_rng(6)
    grave = chance.normal(size=(len(scores), 3))
    return judged(scores, system, grave, chance.random((len(scores), 3)) < logistic(2 * grave - 1))


def test_probabilities_sum_to_one_and_keep_the_order() -> None:
    given = system_probabilities(np.array([[2.0, 1.0, -1.0], [0.0, 0.0, 0.0]]), 0.5)
    assert given.sum(axis=1) == pytest.approx([1, 1])
    assert given[0].tolist() == sorted(given[0].tolist(), reverse=True)
    assert given[1] == pytest.approx([1 / 3] * 3)


def test_a_higher_temperature_is_less_sure() -> None:
    scores = np.array([[2.0, 1.0]])
    assert system_probabilities(scores, 2.0).max() < system_probabilities(scores, 0.5).max()


def test_doubt_keeps_every_system_possible() -> None:
    given = system_probabilities(np.array([[50.0, 0.0, -50.0]]), 1.0, doubt=0.06)
    assert given.tolist()[0] == pytest.approx([0.96, 0.02, 0.02])


def test_doubt_is_found_where_labels_are_noise_and_not_where_they_are_not() -> None:
    scores, system = drawn(6_000)
    chance = np.random.default_rng(8)
    noisy = np.where(chance.random(6_000) < 0.1, chance.integers(0, 3, 6_000), system)
    assert fitted(scores, system).doubt <= 0.02
    assert fitted(scores, noisy).doubt >= 0.06


def test_great_scores_do_not_overflow() -> None:
    assert system_probabilities(np.array([[1e6, -1e6]]), 0.01).tolist() == [[1.0, 0.0]]
    assert logistic(np.array([1e9, -1e9])) == pytest.approx([1, 0])


def test_severities_share_one_and_follow_the_three_scores() -> None:
    given = severity_probabilities(np.array([[9.0, 9.0, 9.0], [-9.0, 9.0, 9.0], [-9.0, -9.0, 9.0], [-9.0, -9.0, -9.0]]), STRAIGHT)
    assert given.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert given.sum(axis=1) == pytest.approx(np.ones(4))


def test_scores_in_disorder_never_give_a_negative_probability() -> None:
    given = severity_probabilities(np.array([[3.0, -3.0, 0.0]]), STRAIGHT)
    assert (given >= 0).all()
    assert given.sum() == pytest.approx(1)


def test_slope_and_offset_move_the_gxp_probability() -> None:
    assert gxp_probability(np.array([1.0]), (2.0, -2.0)) == pytest.approx([0.5])


def test_the_temperature_is_found_again() -> None:
    scores, system = drawn(heat=0.25)
    assert fitted(scores, system).temperature == pytest.approx(0.25, rel=0.1)


def test_calibrated_confidence_is_how_often_it_is_right_and_the_raw_one_is_not() -> None:
    scores, system = drawn()
    calibration = fitted(scores[:2_000], system[:2_000])

    def error(heat: float) -> float:
        probability = system_probabilities(scores[2_000:], heat)
        return calibration_error(probability.max(axis=1), probability.argmax(axis=1) == system[2_000:])

    assert error(calibration.temperature) < 0.04
    assert error(1.0) > 0.15


def test_the_threshold_is_the_lowest_confidence_that_is_right_often_enough() -> None:
    confidence = np.linspace(1, 0.5, 200)
    right = np.arange(200) < 100
    lowest = threshold(confidence, right)
    kept = confidence >= lowest
    assert right[kept].mean() >= TARGET_RIGHT
    assert right[confidence >= lowest - 0.005].mean() < TARGET_RIGHT


def test_where_every_ticket_was_right_no_more_than_the_wanted_share_is_asked_for() -> None:
    assert threshold(np.linspace(0.999, 0.99, 50), np.ones(50, np.bool_)) == TARGET_RIGHT
    assert threshold(np.linspace(0.999, 0.99, 50), np.arange(50) < 40) > TARGET_RIGHT


def test_nothing_is_routed_alone_that_is_more_likely_something_else() -> None:
    assert threshold(np.linspace(0.99, 0.2, 50), np.ones(50, np.bool_)) == 0.5


def test_a_system_that_is_never_right_enough_is_never_routed() -> None:
    assert threshold(np.linspace(0.99, 0, 200), np.arange(200) % 2 == 0) == 1.0


def test_few_lucky_tickets_earn_no_threshold() -> None:
    assert threshold(np.linspace(0.99, 0.9, 29), np.ones(29, np.bool_)) == 1.0
    assert threshold(np.linspace(0.99, 0.9, 30), np.ones(30, np.bool_)) == 0.9
    assert threshold(np.array([]), np.array([], np.bool_)) == 1.0


def test_the_set_edge_leaves_out_a_tenth() -> None:
    probability = np.linspace(0.001, 1, 999)
    edge = set_edge(probability)
    assert (probability >= edge).mean() == pytest.approx(0.9, abs=0.002)


def test_a_system_with_fewer_than_nine_tickets_is_always_in_the_set() -> None:
    assert set_edge(np.full(8, 0.9)) == 0.0
    assert set_edge(np.full(9, 0.9)) == 0.9


def test_nearly_all_sev1_are_candidates_and_far_from_everything_is() -> None:
    chance = np.random.default_rng(9)
    scores, system = drawn()
    grave = chance.normal(size=(len(scores), 3))
    sev1 = chance.random(len(scores)) < logistic(3 * grave[:, 0] - 2)
    calibration = judged(scores, system, grave, np.column_stack([sev1, sev1, sev1]))
    risk = at_least(grave, calibration.severity)[:, 0]
    assert (risk[sev1] >= calibration.sev1_edge).mean() == pytest.approx(1 - SEV1_MISSED, abs=0.01)
    assert (risk >= calibration.sev1_edge).mean() < 0.8


def test_too_few_sev1_make_everything_a_candidate() -> None:
    scores, system = drawn(200)
    severe = np.zeros((200, 3), np.bool_)
    severe[:5] = True
    assert judged(scores, system, np.random.default_rng(3).normal(size=(200, 3)), severe).sev1_edge == 0.0


def test_a_level_listens_to_all_three_scores() -> None:
    """Planted: whether it is a Sev1 shows in the score of sev2."""
    chance = np.random.default_rng(11)
    scores, system = drawn(2_000)
    grave = chance.normal(size=(2_000, 3))
    sev1 = grave[:, 1] > 0.5
    calibration = judged(scores, system, grave, np.column_stack([sev1, sev1, sev1]))
    assert ((at_least(grave, calibration.severity)[:, 0] > 0.5) == sev1).mean() > 0.95


def test_the_suggestion_is_the_answer_of_least_expected_cost() -> None:
    doubt = np.array([[0.05, 0.35, 0.6, 0.0], [0.0, 0.0, 0.1, 0.9], [0.9, 0.1, 0.0, 0.0]])
    expected = [[sum(p * cost[answer] for p, cost in zip(row, load_costs(), strict=True)) for answer in range(4)] for row in doubt]
    assert cheapest(doubt, load_costs()).tolist() == [row.index(min(row)) for row in expected] == [1, 3, 0]
    assert cheapest(doubt, ((0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0))).tolist() == doubt.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    "costs",
    [
        "",
        "costs = 3",
        "costs = [[0, 1, 1, 1]]",
        "costs = [[0,1,1,1],[1,0,1,1],[1,1,0,1],[1,1,1,2]]",
        "costs = [[0,-1,1,1],[1,0,1,1],[1,1,0,1],[1,1,1,0]]",
    ],
)
def test_costs_that_make_no_sense_are_refused(tmp_path: Path, costs: str) -> None:
    (tmp_path / "costs.toml").write_text(costs, "utf-8")
    with pytest.raises(RulesInvalid, match=r"costs\.toml"):
        load_costs(tmp_path / "costs.toml")
    assert COSTS.exists()


@pytest.mark.parametrize("fault", [{"temperature": 0.0}, {"thresholds": (1.5,)}, {"set_edges": (-0.1,)}, {"mood": 1}])
def test_numbers_that_cannot_be_are_refused(fault: dict[str, object]) -> None:
    good = fitted(*drawn(600)).model_dump()
    with pytest.raises(ValidationError):
        Calibration.model_validate(good | fault)


def test_the_error_of_an_honest_confidence_is_small_and_of_a_boast_great() -> None:
    right = np.arange(1_500) % 2 == 0
    assert calibration_error(np.full(1_500, 0.5), right) < 0.01
    assert calibration_error(np.full(1_500, 0.9), right) == pytest.approx(0.4, abs=0.01)
