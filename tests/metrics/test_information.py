import math

import numpy as np
import pytest
import torch

from paramrel.metrics.information import coding_rate, nats_gained, shuffled_code_difference
from paramrel.models.information import (
    active_units,
    aggregate_information,
    information_bounds,
    kl_per_dimension,
)


def noisy_gaussian(n, mixing, noise, seed=0):
    """Means N(0, mixing mixingᵀ) seen through noise: every information quantity is closed."""
    rng = np.random.default_rng(seed)
    mean = rng.standard_normal((n, mixing.shape[1])) @ mixing.T
    z = mean + noise * rng.standard_normal(mean.shape)
    return mean, np.full_like(mean, math.log(noise)), z


def test_kl_per_dimension_is_the_closed_form_of_torch_distributions():
    rng = np.random.default_rng(0)
    mean, log_std = rng.standard_normal((2, 50, 3))
    posterior = torch.distributions.Normal(torch.tensor(mean), torch.tensor(log_std).exp())
    prior = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(posterior, prior).mean(0)
    np.testing.assert_allclose(kl_per_dimension(mean, log_std), expected, rtol=1e-6)


def test_active_units_counts_dimensions_above_the_threshold():
    assert active_units([0.0, 0.009, 0.011, 3.0]) == 2


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_aggregate_information_of_correlated_gaussians_is_their_closed_form(correlation):
    mixing = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
    noise = 0.5
    row = aggregate_information(*noisy_gaussian(3000, mixing, noise))
    covariance = mixing @ mixing.T + noise**2 * np.eye(2)
    log_det = np.linalg.slogdet(covariance)[1]
    information = 0.5 * log_det - 2 * math.log(noise)
    total_correlation = 0.5 * (np.log(np.diag(covariance)).sum() - log_det)
    marginal_kl = 0.5 * (np.trace(covariance) - 2 - log_det)
    assert row["mutual_information"] == pytest.approx(information, abs=0.06)
    assert row["total_correlation"] == pytest.approx(total_correlation, abs=0.06)
    assert row["marginal_kl"] == pytest.approx(marginal_kl, abs=0.06)


def test_aggregate_information_is_that_of_the_explicit_mixture():
    mean, log_std, z = noisy_gaussian(40, np.diag([1.0, 3.0, 0.1]), 0.3)
    log_std = log_std + np.linspace(0, 0.3, 40)[:, None]
    mean, log_std, z = torch.tensor(mean), torch.tensor(log_std), torch.tensor(z)
    posterior = torch.distributions.Normal(mean, log_std.exp())
    uniform = torch.distributions.Categorical(logits=torch.zeros(40).double())
    mixture = torch.distributions.MixtureSameFamily(
        uniform, torch.distributions.Independent(posterior, 1)
    )
    marginals = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=torch.zeros(3, 40).double()),
        torch.distributions.Normal(mean.T, log_std.exp().T),
    )
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    joint = mixture.log_prob(z)
    row = aggregate_information(mean, log_std, z, block=7)
    information = (posterior.log_prob(z).sum(1) - joint).mean()
    assert row["mutual_information"] == pytest.approx(float(information), abs=1e-9)
    assert row["marginal_kl"] == pytest.approx(float((joint - prior).mean()), abs=1e-9)
    total_correlation = (joint - marginals.log_prob(z).sum(1)).mean()
    assert row["total_correlation"] == pytest.approx(float(total_correlation), abs=1e-9)


def test_a_collapsed_code_has_no_information():
    z = np.random.default_rng(0).standard_normal((500, 4))
    row = aggregate_information(np.zeros((500, 4)), np.zeros((500, 4)), z)
    for key in ("kl", "mutual_information", "marginal_kl", "total_correlation"):
        assert row[key] == pytest.approx(0, abs=1e-12)
    assert row["active_units"] == 0


def test_codes_that_name_every_example_reach_the_cap_and_the_row_says_so():
    mean = 100.0 * np.arange(64)[:, None]
    row = aggregate_information(mean, np.zeros((64, 1)), mean)
    assert row["mutual_information"] == pytest.approx(math.log(64))
    assert row["mutual_information_cap"] == pytest.approx(math.log(64))
    assert "cap" in row["note"]


# --- a code that is read from a noisy θ -------------------------------------------------------

SOURCES = np.array([-1.5, -0.5, 0.5, 1.5])
THETA_NOISE = 0.7


def squashed(x, std, draws, seed=0):
    """θ = x + noise of each draw, and its code N(tanh 2θ, std²): far from normal, given x."""
    rng = np.random.default_rng(seed)
    theta = x[:, None, None] + THETA_NOISE * rng.standard_normal((len(x), draws, 1))
    means = np.tanh(2 * theta)
    z = means[:, 0] + std * rng.standard_normal((len(x), 1))
    return means, np.full_like(means, math.log(std)), z


def integrated_information(std):
    """I(x; z) of that code for four sources of equal probability, without a draw."""
    noise = np.linspace(-6, 6, 1201)
    weights = np.exp(-0.5 * noise**2) / np.exp(-0.5 * noise**2).sum()
    grid = np.linspace(-1 - 6 * std, 1 + 6 * std, 801)
    code = np.tanh(2 * (SOURCES[:, None] + THETA_NOISE * noise))  # (4, 1201)
    density = np.exp(-0.5 * ((grid[:, None, None] - code) / std) ** 2) @ weights
    density /= std * math.sqrt(2 * math.pi)  # q(z|x): (801, 4)
    ratio = np.log(density / density.mean(1, keepdims=True))
    return (density * ratio).mean(1).sum() * (grid[1] - grid[0])


@pytest.mark.parametrize(("std", "slack"), [(0.5, 0.05), (0.1, 0.35)])
def test_the_information_of_a_code_of_theta_lies_between_its_bounds(std, slack):
    x, truth = np.repeat(SOURCES, 500), integrated_information(std)
    draws = squashed(x, std, draws=128)
    row = information_bounds(*draws)
    assert truth - slack < row["lower"] < truth + 0.05  # 0.02: the error of a mean of 2,000
    assert truth - 0.05 < row["upper"] < truth + slack
    one_draw = aggregate_information(*(part[:, 0] for part in draws[:2]), draws[2])
    assert one_draw["mutual_information"] > row["upper"] + 0.2  # I(θ; z), which counts θ's noise


def test_more_draws_of_theta_close_the_gap():
    x = np.repeat(SOURCES, 250)
    rows = [information_bounds(*squashed(x, 0.1, draws)) for draws in (2, 8, 64)]
    gaps = [row["upper"] - row["lower"] for row in rows]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < gaps[0] / 3


def test_a_code_of_theta_s_noise_alone_tells_nothing_of_x():
    means, log_stds, z = squashed(np.zeros(500), 0.1, draws=200)
    row = information_bounds(means, log_stds, z)
    one_draw = aggregate_information(means[:, 0], log_stds[:, 0], z)["mutual_information"]
    assert abs(row["lower"]) < 0.05
    assert 0 < row["upper"] < one_draw / 3


def test_information_bounds_of_a_collapsed_code_are_zero():
    z = np.random.default_rng(0).standard_normal((500, 4))
    row = information_bounds(np.zeros((500, 3, 4)), np.zeros((500, 3, 4)), z)
    assert row["lower"] == pytest.approx(0, abs=1e-12)
    assert row["upper"] == pytest.approx(0, abs=1e-12)


def test_a_code_without_theta_s_noise_has_both_bounds_at_its_information():
    mean, log_std, z = noisy_gaussian(300, np.diag([1.0, 3.0]), 0.3)
    row = information_bounds(*(np.stack([part] * 5, 1) for part in (mean, log_std)), z)
    information = aggregate_information(mean, log_std, z)["mutual_information"]
    assert row["lower"] == pytest.approx(information)
    assert row["upper"] == pytest.approx(information)


def test_neither_bound_exceeds_the_logarithm_of_the_number_of_examples():
    rng = np.random.default_rng(0)
    means = 100.0 * np.arange(64)[:, None, None] + rng.standard_normal((64, 5, 1))
    row = information_bounds(means, np.full_like(means, -3), means[:, 0])
    assert row["lower"] == pytest.approx(math.log(64))
    assert row["upper"] == row["cap"] == math.log(64)


def test_information_bounds_are_those_of_explicit_distributions():
    rng = np.random.default_rng(0)
    means, log_stds = rng.standard_normal((2, 30, 6, 3))
    z = means[:, 0] + np.exp(log_stds[:, 0]) * rng.standard_normal((30, 3))
    mean, std, at = torch.tensor(means), torch.tensor(log_stds).exp(), torch.tensor(z)
    variance = (std[:, 1:] ** 2 + mean[:, 1:] ** 2).mean(1) - mean[:, 1:].mean(1) ** 2
    normals = torch.distributions.Independent(
        torch.distributions.Normal(mean[:, 1:].mean(1), variance.sqrt()), 1
    )
    uniform = torch.distributions.Categorical(logits=torch.zeros(30).double())
    mixture = torch.distributions.MixtureSameFamily(uniform, normals).log_prob(at)
    inside = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=torch.zeros(30, 6).double()),
        torch.distributions.Independent(torch.distributions.Normal(mean, std), 1),
    )
    row = information_bounds(means, log_stds, z, block=7)
    lower, upper = normals.log_prob(at) - mixture, inside.log_prob(at) - mixture
    assert row["lower"] == pytest.approx(lower.mean().item(), abs=1e-9)
    assert row["upper"] == pytest.approx(upper.mean().item(), abs=1e-9)


def test_coding_rate_of_equal_dimensions_is_the_gaussian_channel_and_ignores_scale_and_rotation():
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]).repeat(5, 0)
    expected = 2 * 0.5 * math.log1p(1 / 0.1**2)
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert coding_rate(signs) == pytest.approx(expected)
    assert coding_rate(7 * signs @ rotation) == pytest.approx(expected)
    assert coding_rate(signs[:, [0, 0]]) < expected


def test_coding_rate_of_constant_codes_is_stated_as_nan():
    assert math.isnan(coding_rate(np.ones((10, 2))))


def test_nats_gained_is_the_paired_mean_with_its_error():
    without, with_code = np.array([3.0, 5.0, 7.0]), np.array([2.0, 3.0, 4.0])
    row = nats_gained(without, with_code)
    assert row["nats_gained"] == 2
    assert row["nats_gained_error"] == pytest.approx(1 / math.sqrt(3))
    assert row["nats_gained_n"] == 3


def test_shuffling_gives_every_example_another_code():
    x = torch.arange(100.0)
    row = shuffled_code_difference(
        lambda x, codes: (x != codes[:, 0]).double(), x, x[:, None], torch.Generator()
    )
    assert row["shuffled_code"] == 1


def test_an_ignored_code_loses_nothing_when_shuffled():
    x = torch.randn(10, 3)
    row = shuffled_code_difference(lambda x, _: x.sum(1), x, x, torch.Generator())
    assert row["shuffled_code"] == 0


GOOD, DRAWS = np.zeros((5, 2)), np.zeros((5, 3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl_per_dimension(GOOD, np.zeros((4, 2))), "shapes differ"),
        (lambda: kl_per_dimension(GOOD * np.nan, GOOD), "mean has 10 values that are NaN"),
        (lambda: aggregate_information(GOOD[:1], GOOD[:1], GOOD[:1]), "at least 2"),
        (lambda: aggregate_information(GOOD, GOOD, GOOD + 11), "drawn from"),
        (lambda: aggregate_information(GOOD[:, 0], GOOD, GOOD), r"must be \(N, d\)"),
        (lambda: information_bounds(GOOD[:, None], GOOD[:, None], GOOD), "M ≥ 2 draws of θ"),
        (lambda: information_bounds(GOOD, GOOD, GOOD), "M ≥ 2 draws of θ"),
        (lambda: information_bounds(DRAWS, DRAWS[:4], GOOD), "shapes differ"),
        (lambda: information_bounds(DRAWS, DRAWS, GOOD[:4]), "shapes differ"),
        (lambda: information_bounds(DRAWS, DRAWS, GOOD + 11), "drawn from"),
        (lambda: coding_rate(GOOD, relative_noise=0), "must be positive"),
        (lambda: active_units(np.ones(2), threshold=-1), "must be positive"),
        (lambda: nats_gained(np.ones(2), np.ones(3)), "shapes differ"),
        (lambda: nats_gained(np.ones(1), np.ones(1)), "N ≥ 2"),
        (
            lambda: shuffled_code_difference(
                lambda x, z: x, torch.ones(3), torch.ones(2), torch.Generator()
            ),
            "must match",
        ),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
