"""Scores of drawn cells against closed forms."""

import numpy as np
import pytest
from scipy import stats

from paramrel.metrics.imputation import class_scores, energy_distance, number_scores


def test_draws_of_the_true_normal_have_its_scores():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=4000)
    truth = mean + rng.normal(size=4000)
    row = number_scores(truth, mean + rng.normal(size=(200, 4000)))
    assert row["rmse"] == pytest.approx(1, abs=0.03)
    assert row["crps"] == pytest.approx(1 / np.sqrt(np.pi), abs=0.01)  # E|X - X'| / 2 = 1 / √π
    assert row["coverage"] == pytest.approx(0.9, abs=0.02)


def test_too_narrow_and_too_wide_draws_score_worse_than_true_ones():
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(size=4000), rng.normal(size=(200, 4000))
    crps = {scale: number_scores(truth, scale * noise)["crps"] for scale in (0.3, 1, 3)}
    assert crps[1] + 0.02 < min(crps[0.3], crps[3])


def test_equal_draws_have_the_mean_absolute_error():
    truth, draw = np.array([0.0, 1, 5]), np.array([[1.0, 1, 2]] * 2)
    row = number_scores(truth, draw)
    assert row == pytest.approx({"rmse": np.sqrt(10 / 3), "crps": 4 / 3, "coverage": 1 / 3})


@pytest.mark.parametrize("number", [10, 20])
def test_few_true_draws_cover_the_truth_more_seldom_than_many(number):
    draws = np.random.default_rng(0).random(size=(number + 1, 20_000))
    coverage = number_scores(draws[0], draws[1:])["coverage"]
    assert coverage == pytest.approx(0.9 * (number - 1) / (number + 1), abs=0.01)


def test_classes_are_scored_by_the_draws_shares():
    truth = np.array([0, 1, 2])
    draws = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]])
    row = class_scores(truth, draws, classes=3)
    assert row["accuracy"] == pytest.approx(2 / 3)
    expected = -np.log([3.5 / 5.5, 3.5 / 5.5, 0.5 / 5.5]).mean()
    assert row["log_score"] == pytest.approx(expected)


def test_the_log_score_of_true_draws_tends_to_the_entropy():
    rng = np.random.default_rng(0)
    shares = np.array([0.6, 0.3, 0.1])
    truth, draws = rng.choice(3, 5000, p=shares), rng.choice(3, (500, 5000), p=shares)
    log_score = class_scores(truth, draws, classes=3)["log_score"]
    assert log_score == pytest.approx(stats.entropy(shares), abs=0.02)


def test_the_energy_distance_is_that_of_scipy_in_one_dimension():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=900), rng.normal(1, 2, size=700)
    ours = energy_distance(x[:, None], y[:, None])
    assert ours == pytest.approx(stats.energy_distance(x, y) ** 2, abs=0.02)


def test_the_energy_distance_of_equal_distributions_is_0_on_average():
    rng = np.random.default_rng(0)
    found = [energy_distance(*rng.normal(size=(2, 50, 3))) for _ in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)


def test_pairs_that_are_left_out_do_not_hide_that_a_shrunken_draw_is_another_distribution():
    rng = np.random.default_rng(0)
    found = {"shrunken": [], "fresh": []}
    for _ in range(200):
        x = rng.normal(size=(60, 2))
        found["shrunken"].append(energy_distance(x, 0.5 * x, paired=True))
        found["fresh"].append(energy_distance(x, rng.normal(size=(60, 2)), paired=True))
        assert energy_distance(x, x, paired=True) == pytest.approx(0, abs=1e-12)
    error = np.std(found["fresh"]) / np.sqrt(200)
    assert abs(np.mean(found["fresh"])) < 3 * error < np.mean(found["shrunken"])
