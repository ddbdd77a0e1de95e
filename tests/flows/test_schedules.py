"""Accuracy schedules against calculus and telescoping sums (float64)."""

import math

import pytest
import torch

from paramrel.flows import (
    ExponentialAccuracy,
    QuadraticAccuracy,
    VariancePreservingAccuracy,
    check_times,
)

SCHEDULES = [
    ExponentialAccuracy(1e-3),
    ExponentialAccuracy(0.02),
    ExponentialAccuracy(0.9),
    QuadraticAccuracy(9.0),
    QuadraticAccuracy(0.5625),
    VariancePreservingAccuracy(),
]
TIMES = torch.linspace(0, 1, 101, dtype=torch.float64)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_step_accuracies_sum_to_the_accuracy_of_the_whole(schedule, n):
    steps = schedule.alpha_step(torch.arange(1, n + 1), n)
    torch.testing.assert_close(steps.sum(), schedule.beta(1) - schedule.beta(0), rtol=1e-12, atol=0)
    assert (steps > 0).all()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_step_has_the_accuracy_that_beta_gains_in_it(schedule):
    i = torch.arange(1, 8)
    gained = schedule.beta(i / 7) - schedule.beta((i - 1) / 7)
    # i / 7 is float32 here, hence the tolerance
    torch.testing.assert_close(schedule.alpha_step(i, 7), gained, rtol=1e-5, atol=0)
    assert schedule.alpha_step(3, 7) == schedule.alpha_step(i, 7)[2]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_alpha_is_the_derivative_of_beta(schedule):
    t = TIMES.clone().requires_grad_()
    (derivative,) = torch.autograd.grad(schedule.beta(t).sum(), t)
    torch.testing.assert_close(schedule.alpha(TIMES), derivative, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_t_of_beta_inverts_beta(schedule):
    torch.testing.assert_close(schedule.t_of_beta(schedule.beta(TIMES)), TIMES, rtol=0, atol=1e-9)


@pytest.mark.parametrize("schedule", [s for s in SCHEDULES if hasattr(s, "gamma")], ids=str)
def test_gamma_is_beta_over_one_plus_beta(schedule):
    beta = schedule.beta(TIMES)
    torch.testing.assert_close(schedule.gamma(TIMES), beta / (1 + beta), rtol=1e-12, atol=1e-15)


def test_only_schedules_of_gaussian_parameters_have_a_gamma():
    assert not hasattr(QuadraticAccuracy(1.0), "gamma")


@pytest.mark.parametrize("t", [1e-4, 1e-8, 1e-15])
def test_gamma_and_beta_keep_their_digits_near_the_prior(t):
    z = -2 * t * math.log(1e-3)
    series = z + z**2 / 2 + z**3 / 6
    assert ExponentialAccuracy(1e-3).beta(t).item() == pytest.approx(series, rel=1e-8)
    series = z - z**2 / 2 + z**3 / 6
    assert ExponentialAccuracy(1e-3).gamma(t).item() == pytest.approx(series, rel=1e-8)


def test_float32_times_give_float64_accuracies():
    t = torch.rand(3)
    schedule = ExponentialAccuracy(0.02)
    for value in (
        schedule.beta(t),
        schedule.alpha(t),
        schedule.gamma(t),
        schedule.alpha_step(1, 5),
    ):
        assert value.dtype == torch.float64


def test_the_variance_preserving_schedule_has_the_noise_of_ddpm():
    # DDPM: 1,000 steps of variance linear from 1e-4 to 0.02 (Ho et al. 2020, section 4)
    alpha_bar = (1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)).cumprod(0)
    tau = torch.arange(1, 1001, dtype=torch.float64) / 1000
    gamma = VariancePreservingAccuracy().gamma((1 - tau) / (1 - 1e-3))
    torch.testing.assert_close(gamma.log(), alpha_bar.log(), rtol=0.02, atol=1e-4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ExponentialAccuracy(0.0), r"sigma_1 = 0.0 must lie in \(0, 1\)"),
        (lambda: ExponentialAccuracy(1.0), r"sigma_1 = 1.0"),
        (lambda: ExponentialAccuracy(math.nan), r"sigma_1 = nan"),
        (lambda: QuadraticAccuracy(-1.0), r"beta_1 = -1.0 must lie in \(0, inf\)"),
        (lambda: VariancePreservingAccuracy(noise_rate_1=0.05), r"noise_rate_1 = 0.05"),
        (lambda: QuadraticAccuracy(1.0).beta(1.5), r"t must lie in \[0, 1\].*1\.5"),
        (lambda: QuadraticAccuracy(1.0).alpha(-0.1), r"t must lie in \[0, 1\]"),
        (lambda: ExponentialAccuracy(0.1).gamma(math.nan), r"t must lie in \[0, 1\].*nan"),
        (lambda: check_times(torch.tensor([0.5, -0.1])), r"t must lie in \[0, 1\]"),
        (lambda: ExponentialAccuracy(0.1).alpha_step(0, 5), r"i must lie in \[1, 5\]"),
        (lambda: ExponentialAccuracy(0.1).alpha_step(6, 5), r"i must lie in \[1, 5\]"),
        (lambda: ExponentialAccuracy(0.1).alpha_step(1.0, 5), r"i has dtype torch.float32"),
        (
            lambda: QuadraticAccuracy(1.0).alpha_step(1, 0),
            r"n = 0 must be an integer of at least 1",
        ),
        (lambda: QuadraticAccuracy(1.0).alpha_step(1, 2.5), r"n = 2.5 must be an integer"),
    ],
)
def test_a_schedule_refuses_what_it_cannot_use(make, message):
    with pytest.raises(ValueError, match=message):
        make()
