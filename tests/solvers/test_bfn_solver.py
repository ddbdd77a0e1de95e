"""BFN-Solver: the published steps to the letter, and the orders at which they converge (T14, T15).

The published time runs from τ=1, the prior, to τ=0, the data.
"""

import math
from functools import partial

import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Generator
from torch.distributions import Categorical

from paramrel.flows import (
    CategoricalFlow,
    CategoricalTheta,
    DiffusionFlow,
    GaussianFlow,
    GaussianTheta,
    PointMass,
)
from paramrel.solvers import ancestral, bfn_solver, exact_predictor

SIGMA_1, BETA_1, K = 0.02, 3.0, 3
WEIGHTS, QUANTILES = [0.25, 0.75], [0.02, 0.1, 0.2, 0.4, 0.6, 0.9]


def published_step_continuous(mu, x, x_last, noise, tau_last, tau_s, tau_t, order, stochastic):
    """One step of (SDE-)BFN-Solver++1 or ++2, with a, s and λ of section 4."""

    def terms(tau):
        gamma = 1 - SIGMA_1 ** (2 * (1 - tau))
        return gamma, math.sqrt(gamma * (1 - gamma)), math.log(gamma / (1 - gamma)) / 2

    (_, s_s, lam_s), (a_t, s_t, lam_t) = terms(tau_s), terms(tau_t)
    h = lam_t - lam_s
    slope = 0 if order == 1 else (x - x_last) / ((lam_s - terms(tau_last)[2]) / h)
    if stochastic:
        signal = a_t * (1 - math.exp(-2 * h)) * (x + slope / 2)
        return (
            s_t / s_s * math.exp(-h) * mu + signal + s_t * math.sqrt(1 - math.exp(-2 * h)) * noise
        )
    return s_t / s_s * mu - a_t * (math.exp(-h) - 1) * (x + slope / 2)


def published_step_categorical(z, e, e_last, noise, tau_last, tau_s, tau_t, order, stochastic):
    """One step of (SDE-)BFN-Solver1 or 2 of section 5."""
    d = 0 if order == 1 else (e - e_last) / (tau_s - tau_last)
    if stochastic:
        gained = BETA_1 * ((1 - tau_t) ** 2 - (1 - tau_s) ** 2)
        correction = K * BETA_1 * (tau_t - tau_s) ** 2 * (tau_s + 2 * tau_t - 3) / 3 * d
        return z + gained * (K * e - 1) + correction + math.sqrt(K * gained) * noise
    c = K * BETA_1 * (1 - tau_t)
    first = (1 - tau_t) / (1 - tau_s) * z + c * (tau_t - tau_s) * (1 / K - e)
    return first - c * (tau_t - tau_s) ** 2 / 2 * d


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_every_step_is_the_published_one(kind, order, stochastic):
    flow, theta, predict, of_theta, of_out, published = {
        "continuous": (
            GaussianFlow(SIGMA_1),
            GaussianTheta(torch.randn(5, 4).double() / 50, torch.ones(5, 1).double()),
            lambda theta, t: PointMass(theta.mean.sin()),
            lambda theta: theta.mean,
            lambda out: out.mean,
            published_step_continuous,
        ),
        "categorical": (
            CategoricalFlow(K, BETA_1),
            CategoricalTheta(torch.randn(5, 4, K).double()),
            lambda theta, t: Categorical(logits=2 * theta.logits + torch.arange(K)),
            lambda theta: theta.logits,
            lambda out: out.probs,
            published_step_categorical,
        ),
    }[kind]
    eta, n, steps = 0.01, 6, []
    if kind == "continuous":
        theta = GaussianTheta(theta.mean, theta.precision * (1 + flow.schedule.beta(eta)))
    run = dict(order=order, stochastic=stochastic, grid="uniform", eta=eta, theta=theta)
    generator, repeat = Generator().manual_seed(0), Generator().manual_seed(0)
    bfn_solver(flow, predict, (5, 4), n, **run, generator=generator, callback=steps.append)

    for i, (step, following) in enumerate(zip(steps, steps[1:], strict=False)):
        state = of_theta(step.theta)
        noise = torch.randn(state.shape, generator=repeat, dtype=state.dtype)
        last = steps[max(i - 1, 0)]
        expected = published(
            state,
            of_out(step.out),
            of_out(last.out),
            noise,
            1 - last.t,
            1 - step.t,
            1 - following.t,
            order if i > 0 else 1,
            stochastic,
        )
        torch.testing.assert_close(of_theta(following.theta), expected, rtol=1e-11, atol=1e-12)


def test_the_first_order_sde_step_is_the_ancestral_step_of_a_point_mass():
    flow, predict = GaussianFlow(SIGMA_1), lambda theta, t: PointMass(theta.mean.sin())
    mean = torch.randn(5, 4).double() / 50
    theta = GaussianTheta(mean, (1 + flow.schedule.beta(0.01)).expand(5, 1))
    run = dict(theta=theta, generator=Generator().manual_seed(0))
    x = ancestral(flow, predict, (5, 4), 8, t_start=0.01, **run)
    run["generator"].manual_seed(0)
    run |= dict(order=1, stochastic=True, grid="uniform", eta=0.01)
    torch.testing.assert_close(bfn_solver(flow, predict, (5, 4), 8, **run), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_a_constant_prediction_is_solved_exactly_in_one_step(order):
    flow, eta = CategoricalFlow(K, BETA_1), 0.01
    logits = torch.randn(5, 4, K).double()
    constant = Categorical(logits=torch.randn(5, 4, K).double())
    ends = []
    for n in (1, 50):
        steps, theta = [], CategoricalTheta(logits)
        run = dict(theta=theta, eta=eta, order=order, callback=steps.append)
        bfn_solver(flow, lambda theta, t: constant, (5, 4), n, **run)
        ends.append(steps[-1].theta.logits)
    torch.testing.assert_close(*ends, rtol=0, atol=1e-12)


def theta_of(flow, zeta, t):
    """θ of scalars (B,): ζ of the continuous flow, ζ₁ - ζ₀ of the binary one."""
    if isinstance(flow, CategoricalFlow):
        return CategoricalTheta(torch.stack([-zeta, zeta], -1).unsqueeze(1) / 2)
    precision = 1 + flow.schedule.beta(t)
    return GaussianTheta(zeta.unsqueeze(1) / precision, precision.expand(len(zeta), 1))


def scalar_of(theta):
    """The inverse of `theta_of`."""
    if isinstance(theta, CategoricalTheta):
        return theta.logits.diff().flatten()
    return (theta.precision * theta.mean).flatten()


def orders(errors):
    """log₂ of the ratio of the errors at n and 2n steps."""
    return [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]


def one_hot_noise(n):
    """A `torch.randn` whose i-th call moves example 2 + i alone, by 1."""
    calls = iter(range(n))

    def randn(shape, dtype, **_):
        noise = torch.zeros(shape, dtype=dtype)
        noise[2 + next(calls)] = 1
        return noise

    return randn


def variance_error(solver, n, monkeypatch, s=0.5, eta=1e-3):
    """Relative error of the variance of ζ at t=1 for data N(0, s²): a solver is affine there.

    Example 0 starts at 0, example 1 at 1; example 2 + i differs from 0 in the noise of step i.
    """
    flow, steps = GaussianFlow(SIGMA_1), []
    start = torch.zeros(n + 2, 1, dtype=torch.float64)
    start[1] = 1
    beta = 0.0 if solver is ancestral else flow.schedule.beta(eta).item()
    theta = GaussianTheta(start / (1 + beta), torch.full_like(start, 1 + beta))

    def predict(theta, t):
        return PointMass(theta.precision * theta.mean / (theta.precision - 1 + s**-2))

    with monkeypatch.context() as patch:
        patch.setattr(torch, "randn", one_hot_noise(n))
        solver(flow, predict, start.shape, n, theta=theta, callback=steps.append)
    end = (steps[-1].theta.precision * steps[-1].theta.mean).flatten()
    moved = (end[1:] - end[0]).square()
    variance = moved[0] * (beta**2 * s**2 + beta) + moved[1:].sum()
    beta_1 = flow.schedule.beta(1.0).item()
    return abs(variance.item() / (beta_1**2 * s**2 + beta_1) - 1)


def solver_of(order, stochastic):
    return partial(bfn_solver, order=order, stochastic=stochastic, eta=1e-3)


@pytest.mark.parametrize(
    "solver, order",
    [
        pytest.param(ancestral, 1, id="ancestral"),
        pytest.param(solver_of(1, False), 1, id="ODE of order 1"),
        pytest.param(solver_of(1, True), 1, id="SDE of order 1"),
        pytest.param(solver_of(2, False), 2, id="ODE of order 2"),
        pytest.param(solver_of(2, True), 2, id="SDE of order 2"),
    ],
)
def test_the_variance_of_gaussian_data_converges_at_the_order(solver, order, monkeypatch):
    errors = [variance_error(solver, n, monkeypatch) for n in (40, 80, 160, 320)]
    assert orders(errors)[-1] == pytest.approx(order, abs=0.05)


def quantile(q, means, std):
    """Of the mixture of N(mean, std²) with WEIGHTS."""

    def cdf(z):
        return sum(w * norm.cdf((z - m) / std) for w, m in zip(WEIGHTS, means, strict=True)) - q

    return brentq(cdf, min(means) - 9 * std, max(means) + 9 * std, xtol=1e-14)


@pytest.mark.parametrize("grid", ["uniform", "log_snr"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_the_ode_carries_quantiles_to_quantiles_at_its_order(kind, order, grid):
    """In one dimension the probability flow keeps the ranks, whatever the predictor."""
    if kind == "continuous":
        flow, data = GaussianFlow(0.2), torch.tensor([[-0.5], [0.5]])
        means, variance = [-0.5, 0.5], 1
    else:  # z₁ - z₀ ~ N(±2β, 4β)
        flow, data = CategoricalFlow(2, BETA_1), torch.tensor([[0], [1]])
        means, variance = [-2, 2], 4
    predict, eta = exact_predictor(flow, data, torch.tensor(WEIGHTS)), 0.05
    starts, ends = (
        torch.tensor(
            [quantile(q, [m * b for m in means], (variance * b) ** 0.5) for q in QUANTILES],
            dtype=torch.float64,
        )
        for b in flow.schedule.beta(torch.tensor([eta, 1.0])).tolist()
    )
    errors = []
    for n in (20, 40, 80, 160):
        steps = []
        run = dict(order=order, grid=grid, eta=eta, callback=steps.append)
        bfn_solver(flow, predict, (len(starts), 1), n, theta=theta_of(flow, starts, eta), **run)
        errors.append((scalar_of(steps[-1].theta) - ends).abs().max().item())
    assert orders(errors)[-1] == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("n", [1, 7])
def test_the_first_order_ode_of_a_diffusion_is_ddim(n):
    """x_s = √ᾱ_s x̂ + √(1−ᾱ_s) ε̂ with ε̂ from x_t and x̂ (Song et al. 2021, eq. 12, η = 0)."""
    flow, times = DiffusionFlow(), torch.linspace(1e-3, 1, n + 1, dtype=torch.float64).tolist()
    alpha_bar = [flow.schedule.gamma(t).item() for t in times]

    def denoised(x):
        return torch.tanh(3 * x + 0.2)

    def predict(theta, t):
        return PointMass(denoised(flow.network_input(theta, t)[..., 0]))

    noise = torch.randn(50, 2, generator=Generator().manual_seed(0))
    precision = torch.full((50, 1), 1 / (1 - alpha_bar[0]))
    x = math.sqrt(1 - alpha_bar[0]) * noise
    theta = GaussianTheta(math.sqrt(alpha_bar[0]) * x, precision)
    for now, later in zip(alpha_bar, alpha_bar[1:], strict=False):
        mean = denoised(x)
        epsilon = (x - math.sqrt(now) * mean) / math.sqrt(1 - now)
        x = math.sqrt(later) * mean + math.sqrt(1 - later) * epsilon
    solved = bfn_solver(
        flow, predict, (50, 2), n, order=1, grid="uniform", theta=theta, final="mode"
    )
    torch.testing.assert_close(solved, denoised(x), atol=1e-4, rtol=1e-4)
