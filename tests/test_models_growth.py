"""Trend statistics and growth curves give the published figures, and find again what they were made from."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.growth import (
    IMPROVING,
    crow_amsaa,
    crow_amsaa_of_counts,
    fit,
    laplace,
    laplace_of_counts,
    log_likelihood,
    settled,
    share_of_day,
)
from models.rows import Floats

EXAMPLE = [2.7, 10.3, 12.5, 30.6, 57.0, 61.3, 80.0, 109.5, 125.0, 128.6, 143.8, 167.9, 229.2, 296.7, 320.6]
EXAMPLE += [328.2, 366.2, 396.7, 421.1, 438.2, 501.2, 620.0]
"""22 failure times in hours of a public Crow-AMSAA example; the test ends at 620 h."""

SYSTEM_TEST = [353, 436, 415, 351, 380, 366, 308, 254, 192, 219, 202, 180, 182, 110, 155, 145, 221, 95, 140, 126]
"""Weekly defect arrivals of a system test, per kLOC · 1000: Kan, Metrics and Models in Software Quality Engineering, table 8.1."""

BY_WEEK_20 = [(6, 7042, 7693), (8, 5539, 6736), (10, 4857, 5963), (12, 4768, 5574), (14, 4656, 5217)]
"""Weeks that are known; the total at week 20 as Goel-Okumoto and as Crow-AMSAA forecast it. It became 4830."""

DAYS = np.arange(70.0)


def counts_of(means: Floats, seed: int = 7) -> Floats:
    return np.random.default_rng(seed).poisson(means).astype(float)


def decaying(total: float, decay: float, floor: float, s_shaped: float = 0.0) -> Floats:
    return total * share_of_day(np.array(decay), DAYS, np.array(s_shaped)) + floor


def test_the_public_example_gives_its_published_figures() -> None:
    found = crow_amsaa(EXAMPLE, 620.0)
    assert (round(found.power, 4), round(found.scale, 4)) == (0.6142, 0.4239)
    assert (round(found.intensity, 4), round(found.mtbf, 1)) == (0.0218, 45.9)
    assert round(laplace(EXAMPLE, 620.0), 3) == -2.350


def test_the_total_until_the_end_is_what_was_counted() -> None:
    assert crow_amsaa(EXAMPLE, 620.0).until(620.0) == pytest.approx(22)
    assert crow_amsaa_of_counts(np.array(SYSTEM_TEST, float)).until(20) == pytest.approx(4830)


@pytest.mark.parametrize(("weeks", "goel_okumoto", "power_law"), BY_WEEK_20)
def test_forecasts_of_a_real_system_test_are_those_that_were_measured(weeks: int, goel_okumoto: int, power_law: int) -> None:
    known = np.array(SYSTEM_TEST[:weeks], float)
    curve = fit(known, floor=False)
    assert curve.shape == "exponential"
    assert curve.until(20) == pytest.approx(goel_okumoto, rel=0.005)
    assert crow_amsaa_of_counts(known).until(20) == pytest.approx(power_law, rel=0.001)


def test_from_half_of_the_way_on_the_forecast_is_within_five_percent_and_before_it_is_useless() -> None:
    errors = {weeks: fit(np.array(SYSTEM_TEST[:weeks], float), floor=False).until(20) / 4830 - 1 for weeks in (6, 10, 12, 14)}
    assert errors[6] > 0.4
    assert all(abs(errors[weeks]) < 0.05 for weeks in (10, 12, 14))


def test_decay_total_and_floor_are_found_again() -> None:
    found = fit(counts_of(decaying(3000, 0.09, 20)))
    assert found.shape == "exponential"
    assert found.decay == pytest.approx(0.09, rel=0.1)
    assert found.total == pytest.approx(3000, rel=0.06)
    assert found.floor == pytest.approx(20, rel=0.15)


def test_the_curve_until_the_end_is_what_was_counted() -> None:
    counts = counts_of(decaying(300, 0.09, 2))
    assert fit(counts).until(len(counts)) == pytest.approx(counts.sum(), rel=1e-3)


def test_an_s_shape_is_found_where_reporting_ramps_up() -> None:
    found = fit(counts_of(decaying(600, 0.15, 2, s_shaped=1.0)))
    assert found.shape == "s_shaped"
    assert found.decay == pytest.approx(0.15, rel=0.15)


@pytest.mark.parametrize("seed", range(8))
def test_an_s_shape_is_not_chosen_where_there_is_none(seed: int) -> None:
    assert fit(counts_of(decaying(300, 0.09, 2), seed)).shape == "exponential"


def test_weekends_do_not_look_like_a_trend() -> None:
    exposure = np.where(DAYS % 7 >= 5, 0.3, 1.0)
    found = fit(counts_of(decaying(3000, 0.09, 20) * exposure), exposure)
    assert found.decay == pytest.approx(0.09, rel=0.1)
    assert found.floor == pytest.approx(20, rel=0.15)


def test_the_curve_is_likelier_than_its_neighbours() -> None:
    counts = counts_of(decaying(300, 0.09, 2))
    found = fit(counts)
    shares = share_of_day(np.array(found.decay), DAYS, np.array(0.0))
    near = [(found.total * a) * shares + found.floor * c for a, c in ((0.98, 1), (1.02, 1), (1, 0.9), (1, 1.1))]
    assert (log_likelihood(np.array(near), counts) <= found.likelihood).all()


def test_without_a_prior_the_sizes_are_those_of_maximum_likelihood() -> None:
    counts, none = np.array([4.0, 6.0, 20.0, 10.0]), np.zeros((2, 1))
    parts = np.array([[[1.0, 1, 0, 0]], [[0.0, 0, 1, 1]]])
    assert settled(parts, counts, none, none).ravel() == pytest.approx([5, 15])


def test_a_strong_prior_holds_the_size() -> None:
    counts, shape, rate = np.array([4.0, 6.0]), np.array([[5000.0]]), np.array([[1000.0]])
    assert settled(np.ones((1, 1, 2)), counts, shape, rate).item() == pytest.approx((10 + 5000) / (2 + 1000))


def test_the_trend_of_counts_is_that_of_their_times() -> None:
    hourly = np.histogram(EXAMPLE, bins=620, range=(0, 620))[0].astype(float)
    assert laplace_of_counts(hourly, np.ones(620)) == pytest.approx(-2.350, abs=0.01)


def test_a_level_course_has_no_trend_however_its_weekends_look() -> None:
    exposure = np.where(DAYS % 7 >= 5, 0.3, 1.0)
    assert laplace_of_counts(10 * exposure, exposure) == pytest.approx(0.0, abs=1e-9)


def test_five_percent_of_level_courses_seem_to_improve() -> None:
    rng = np.random.default_rng(11)
    seeming = [laplace_of_counts(rng.poisson(8, 30).astype(float), np.ones(30)) < IMPROVING for _ in range(2000)]
    assert 0.035 < np.mean(seeming) < 0.065


def test_what_varies_more_has_to_fall_more() -> None:
    counts = counts_of(decaying(300, 0.09, 2))
    once, twice = (laplace_of_counts(counts, np.ones(len(counts)), spread) for spread in (1.0, 2.0))
    assert twice == pytest.approx(once / sqrt(2))


def test_nothing_has_no_trend() -> None:
    assert laplace_of_counts(np.zeros(5), np.ones(5)) == 0.0
    assert laplace_of_counts(np.array([3.0]), np.ones(1)) == 0.0


@given(st.floats(0.01, 1.0), st.sampled_from([0.0, 1.0]))
def test_shares_of_all_days_add_up_to_one(decay: float, s_shaped: float) -> None:
    shares = share_of_day(np.array(decay), np.arange(3000.0), np.array(s_shaped))
    assert shares.sum() == pytest.approx(1.0)
    assert (shares >= 0).all()
