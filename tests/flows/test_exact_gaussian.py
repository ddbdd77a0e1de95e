"""Continuous data with a known posterior mean: the losses are known integrals."""

import math

import numpy as np
import pytest
import torch

from paramrel.flows import ExponentialAccuracy, GaussianFlow, PointMass, QuadraticAccuracy

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)
NODES, WEIGHTS = torch.tensor(NODES), torch.tensor(WEIGHTS / WEIGHTS.sum())


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def stratified(batch):
    """Evenly spread times, in random order."""
    return (torch.randperm(batch, generator=seeded(9)) + 0.5) / batch


# --- Gaussian data ---------------------------------------------------------------------------


def exact_gaussian(theta, mean, variance):
    """E[x|θ] for x ~ N(mean, variance)."""
    beta = theta.precision - 1
    return PointMass((mean / variance + theta.precision * theta.mean) / (1 / variance + beta))


def test_gaussian_data_cost_half_the_log_of_one_plus_their_signal_to_noise_ratio():
    flow, scale, batch = GaussianFlow(0.02), 0.2, 200_000
    x = (0.1 + scale * torch.randn(batch, 1, generator=seeded())).clamp(-1, 1)  # 4 in 10⁶ beyond
    t = stratified(batch)
    theta = flow.sample_theta(x, t, generator=seeded(1))
    loss = flow.loss_continuous_time(x, exact_gaussian(theta, 0.1, scale**2), t).mean()
    expected = math.log(1 + scale**2 * flow.schedule.beta(1)) / 2
    assert loss.item() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("n, expected", [(1, 312.375), (10, 4.6538), (100, 3.3335), (1000, 3.2306)])
def test_gaussian_data_in_n_steps_cost_the_sum_of_their_variances(n, expected):
    # E|x - x̂|² = 1/(1/s² + β): one example whose error is exactly that, s = ½
    flow, variance = GaussianFlow(0.02), 0.25
    total = 0
    for i in range(1, n + 1):
        error = (1 / (1 / variance + flow.schedule.beta((i - 1) / n))).sqrt().float()
        x = torch.zeros(1, 1)
        total += flow.loss_discrete_time(x, PointMass(x + error), i, n).item() / n
    assert total == pytest.approx(expected, rel=2e-5)
    limit = math.log(1 + variance * flow.schedule.beta(1)) / 2
    assert limit == pytest.approx(3.2195, abs=1e-4) and total > limit


# --- two points ------------------------------------------------------------------------------


def two_point_error(beta, a=0.5):
    """E|x - x̂|² of x = ±a after the accuracy beta, x̂ = a tanh(aρμ), by quadrature."""
    beta = torch.as_tensor(beta, dtype=torch.float64).reshape(-1, 1)
    natural = beta * a + beta.sqrt() * NODES  # ρμ if x = a
    return ((a - a * torch.tanh(a * natural)).square() * WEIGHTS).sum(1)


@pytest.mark.parametrize("n, expected", [(1, 312.375), (10, 1.118), (100, 0.726), (1000, 0.696)])
def test_two_points_in_n_steps_cost_what_quadrature_says(n, expected):
    flow, a = GaussianFlow(0.02), 0.5
    total = 0
    for i in range(1, n + 1):
        # the quadrature nodes are a batch of θ, as an x = a would meet them
        t = torch.full((len(NODES),), (i - 1) / n)
        gamma, rho = flow.schedule.gamma(t[0]), 1 + flow.schedule.beta(t[0])
        mean = gamma * a + (gamma * (1 - gamma)).sqrt() * NODES
        estimate = (a * torch.tanh(a * rho * mean)).float()[:, None]
        x = torch.full_like(estimate, a)
        loss = flow.loss_discrete_time(x, PointMass(estimate), i, n)
        total += (loss * WEIGHTS).sum().item() / n
    assert total == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("schedule", [ExponentialAccuracy(0.02), QuadraticAccuracy(0.02**-2 - 1)])
def test_two_points_cost_ln_two_by_any_schedule(schedule):
    """½ ∫ E|x - x̂|² dβ depends on β(1) alone, and is all the information that there is."""
    u = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    t, dt = u**2, 2 * u / 4000  # finer where little is known
    loss = (schedule.alpha(t) / 2 * two_point_error(schedule.beta(t)) * dt).sum()
    assert loss.item() == pytest.approx(math.log(2), abs=1e-5)


def test_continuous_time_losses_of_two_points_agree_with_quadrature():
    flow, a, batch = GaussianFlow(0.2), 0.5, 400_000
    x = torch.where(torch.arange(batch) % 2 == 0, a, -a)[:, None]
    t = stratified(batch)
    theta = flow.sample_theta(x, t, generator=seeded())
    out = PointMass(a * torch.tanh(a * theta.precision * theta.mean))
    times = ((torch.arange(4000) + 0.5) / 4000).double()
    schedule = flow.schedule
    exact = (schedule.alpha(times) / 2 * two_point_error(schedule.beta(times))).mean().item()
    loss = flow.loss_continuous_time(x, out, t)
    error = loss.std().item() / batch**0.5
    assert error < 0.004
    assert loss.mean().item() == pytest.approx(exact, abs=4 * error)
