"""DDPM in its own formulas against the Gaussian flow that it is written as."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from paramrel.flows import DiffusionFlow, DiscretizedNormal, PointMass, bin_centers, draw

FLOW = DiffusionFlow()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def alpha_bar(t):
    return FLOW.schedule.gamma(t).float()


def example(batch=6):
    x = torch.rand(batch, 3, generator=seeded()) * 2 - 1
    t = torch.linspace(0, 1, batch)
    theta = FLOW.sample_theta(x, t, generator=seeded(1))
    return x, t, theta


def test_a_network_sees_the_diffused_state():
    x, t, theta = example()
    noise = torch.randn(6, 3, generator=seeded(1))
    signal = alpha_bar(t)[:, None]
    state = signal.sqrt() * x + (1 - signal).sqrt() * noise  # x_t of Ho et al. 2020, eq. 4
    torch.testing.assert_close(FLOW.network_input(theta, t)[..., 0], state, rtol=1e-4, atol=1e-5)


def test_the_training_loss_is_the_squared_error_of_the_noise():
    x, t, theta = example()
    noise = torch.randn(6, 3, generator=seeded(1))
    predicted = torch.randn(6, 3, 1, generator=seeded(2))
    out = FLOW.output_distribution(predicted, theta, t)
    expected = (noise - predicted[..., 0]).square().sum(1)
    torch.testing.assert_close(FLOW.training_loss(x, out, t), expected, rtol=1e-3, atol=1e-3)


def test_the_bound_weighs_the_error_of_the_noise_by_the_rate_of_the_log_snr():
    x, t, theta = example()
    t64 = t.double().requires_grad_()
    (rate,) = torch.autograd.grad(FLOW.log_snr(t64).sum(), t64)
    noise = torch.randn(6, 3, 1, generator=seeded(1))  # of θ, so that x̂ = x but for its error
    error = 0.01 * torch.randn(6, 3, 1, generator=seeded(2))
    out = FLOW.output_distribution(noise + error, theta, t)
    inside = PointMass(out.mean.clamp(-1, 1))
    expected = rate / 2 * FLOW.training_loss(x, inside, t)
    torch.testing.assert_close(FLOW.loss_continuous_time(x, inside, t), expected.float())


def test_bound_and_samplers_take_an_estimate_beyond_the_data_for_their_end_and_training_does_not():
    x, t = torch.tensor([[0.9]]), torch.tensor([0.5])
    beyond, end = PointMass(torch.tensor([[3.0]])), PointMass(torch.tensor([[1.0]]))
    assert FLOW.loss_continuous_time(x, beyond, t) == FLOW.loss_continuous_time(x, end, t)
    assert FLOW.reconstruction_loss(x, beyond) == FLOW.reconstruction_loss(x, end)
    assert FLOW.sample_output(beyond) == 1
    assert FLOW.training_loss(x, beyond, t) > 100 * FLOW.training_loss(x, end, t)


def test_the_steps_of_a_constant_prediction_telescope_to_the_continuous_bound():
    x, out = torch.full((1, 2), 0.5), PointMass(torch.zeros(1, 2))
    for n in (1, 5, 40):
        steps = [FLOW.loss_discrete_time(x, out, i, n).item() / n for i in range(1, n + 1)]
        whole = (FLOW.schedule.beta(1) - FLOW.schedule.beta(0)).item() / 2 * 0.5
        assert sum(steps) == pytest.approx(whole, rel=1e-5)


def test_the_prior_loss_is_the_kl_to_the_standard_normal():
    x = torch.linspace(-1, 1, 7).double()[:, None]
    gamma = FLOW.schedule.gamma(0)
    start = Normal(gamma.sqrt() * x, (1 - gamma).sqrt().expand_as(x))
    kl = kl_divergence(start, Normal(torch.zeros_like(x), torch.ones_like(x))).sum(1)
    torch.testing.assert_close(FLOW.prior_loss(x), kl, rtol=1e-6, atol=1e-12)
    assert (kl < 1e-4).all()


def test_the_prior_is_a_standard_normal_state():
    theta = FLOW.prior((50_000, 1), generator=seeded())
    state = FLOW.network_input(theta, torch.zeros(50_000))
    assert state.mean().abs() < 4 / 50_000**0.5
    assert state.var().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(theta.mean, FLOW.prior((50_000, 1), generator=seeded()).mean)


def test_a_bayesian_update_is_a_step_of_ancestral_sampling():
    """Mean and variance of q(x_s|x_t, x) of Ho et al. 2020, eq. 6 and 7."""
    x, i, n = torch.full((100_000, 1), 0.4), 3, 10
    before, after = alpha_bar((i - 1) / n), alpha_bar(i / n)
    state = torch.full((100_000, 1), -0.7)
    t = torch.full((100_000,), (i - 1) / n)
    theta = FLOW.sample_theta(x, t).map(lambda a: a)
    theta = type(theta)(before.sqrt() * state, theta.precision)
    alpha = FLOW.schedule.alpha_step(i, n)
    theta = FLOW.bayesian_update(theta, draw(FLOW.sender(x, alpha), seeded()), alpha)
    new = FLOW.network_input(theta, torch.full((100_000,), i / n))

    step = before / after  # 1 - β_t of the paper
    variance = (1 - after) / (1 - before) * (1 - step)
    mean = after.sqrt() * (1 - step) * 0.4 + step.sqrt() * (1 - after) * -0.7
    assert new.mean().item() == pytest.approx((mean / (1 - before)).item(), abs=4e-3)
    assert new.var().item() == pytest.approx(variance.item(), rel=0.02)


def test_gaussian_data_cost_half_the_log_of_the_gain_in_signal_to_noise_ratio():
    # L_∞ = ½ ln((1 + s²β(1)) / (1 + s²β(0))), by quadrature over t
    variance, t = 0.04, (torch.arange(20_000) + 0.5).double() / 20_000
    beta = FLOW.schedule.beta(t)
    estimate = PointMass((1 / (1 / variance + beta)).sqrt()[:, None])  # x = 0: error = exact
    loss = FLOW.loss_continuous_time(torch.zeros(20_000, 1).double(), estimate, t).mean()
    gain = math.log(1 + variance * FLOW.schedule.beta(1))
    assert loss.item() == pytest.approx(gain / 2, rel=1e-3)


def test_the_reconstruction_loss_is_a_density_or_the_probability_of_a_bin():
    scale = (1 - FLOW.schedule.gamma(1)).sqrt().item()
    x, estimate = bin_centers(4, torch.zeros(1))[None], torch.tensor([[-0.76, -0.3, 0.2, 0.5]])
    density = -Normal(estimate, scale).log_prob(x).sum(1)
    torch.testing.assert_close(FLOW.reconstruction_loss(x, PointMass(estimate)), density)
    mass = -DiscretizedNormal(estimate, torch.tensor(scale), 4).log_prob(x).sum(1)
    loss = DiffusionFlow(num_bins=4).reconstruction_loss(x, PointMass(estimate))
    torch.testing.assert_close(loss, mass)


def test_binary_data_enter_as_two_bins():
    flow, x = DiffusionFlow(num_bins=2), bin_centers(2, torch.zeros(1))[torch.tensor([[0, 1]])]
    assert x.tolist() == [[-0.5, 0.5]]
    assert flow.reconstruction_loss(x, PointMass(x)).item() == 0
    assert flow.reconstruction_loss(x, PointMass(-x)).item() > 1000


def test_predictions_are_not_clamped():
    x, t, theta = example()
    out = FLOW.output_distribution(torch.zeros(6, 3, 1), theta, t)
    assert out.mean[0].abs().max() > 10
