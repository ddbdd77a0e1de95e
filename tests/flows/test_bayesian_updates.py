"""Bayesian updates add up, and the flow distribution is where they lead."""

import itertools

import pytest
import torch
from scipy import stats

from paramrel.flows import (
    CategoricalFlow,
    CategoricalTheta,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    GaussianTheta,
    bin_centers,
    draw,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian_theta(*shape):
    return GaussianTheta(torch.randn(shape, dtype=torch.float64), torch.full((1,), 1.7).double())


@pytest.mark.parametrize("flow", [GaussianFlow(), DiscretizedFlow(16), DiffusionFlow()])
def test_two_gaussian_updates_are_one_of_the_weighted_mean(flow):
    theta = gaussian_theta(5, 3)
    (y1, y2), (a1, a2) = torch.randn(2, 5, 3, dtype=torch.float64), torch.rand(2, 5).double()
    twice = flow.bayesian_update(flow.bayesian_update(theta, y1, a1), y2, a2)
    weights = a1[:, None] / (a1 + a2)[:, None]
    once = flow.bayesian_update(theta, weights * y1 + (1 - weights) * y2, a1 + a2)
    torch.testing.assert_close(twice.mean, once.mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(twice.precision, once.precision, rtol=0, atol=1e-12)


def test_two_categorical_updates_are_one_of_the_sum():
    flow, (logits, y1, y2) = CategoricalFlow(4), torch.randn(3, 5, 3, 4, dtype=torch.float64)
    theta = CategoricalTheta(logits)
    twice = flow.bayesian_update(flow.bayesian_update(theta, y1, 0.3), y2, 0.1)
    once = flow.bayesian_update(theta, y1 + y2, 0.4)
    torch.testing.assert_close(twice.logits, once.logits, rtol=0, atol=1e-12)


def test_the_order_of_updates_does_not_matter():
    flow, y, alpha = GaussianFlow(), torch.randn(3, 5, 2, dtype=torch.float64), [0.1, 2.0, 30.0]
    means = []
    for order in itertools.permutations(range(3)):
        theta = GaussianTheta(torch.zeros(5, 2).double(), torch.ones(5, 1).double())
        for i in order:
            theta = flow.bayesian_update(theta, y[i], alpha[i])
        means.append(theta.mean)
    for mean in means[1:]:
        torch.testing.assert_close(mean, means[0], rtol=0, atol=1e-12)


def test_a_categorical_update_is_bayes_rule():
    flow, probs = CategoricalFlow(3), torch.tensor([[0.5, 0.3, 0.2]]).double()
    theta, y, alpha = CategoricalTheta(probs.log()), torch.tensor([[0.4, -1.0, 2.0]]).double(), 0.7
    likelihood = [flow.sender(torch.tensor([k]), alpha).log_prob(y).exp() for k in range(3)]
    posterior = probs * torch.stack(likelihood, -1)
    updated = flow.bayesian_update(theta, y, alpha).to_distribution().probs
    torch.testing.assert_close(updated, posterior / posterior.sum(), rtol=1e-5, atol=1e-6)


def test_a_gaussian_update_is_bayes_rule():
    flow, theta = GaussianFlow(), GaussianTheta(torch.tensor([[0.3]]), torch.tensor([[2.0]]))
    grid, y, alpha = torch.linspace(-8, 8, 20001).double(), 0.9, 1.5
    density = theta.to_distribution().log_prob(grid) - alpha / 2 * (y - grid) ** 2
    posterior = density.squeeze().softmax(0)
    updated = flow.bayesian_update(theta, torch.tensor([[y]]), alpha)
    mean = (posterior * grid).sum()
    assert updated.mean.item() == pytest.approx(mean.item(), abs=1e-6)
    variance = (posterior * (grid - mean) ** 2).sum()
    assert 1 / updated.precision.item() == pytest.approx(variance.item(), rel=1e-5)


def test_noiseless_updates_lead_a_gaussian_theta_to_the_mean_of_its_flow():
    flow, x, n = GaussianFlow(0.05), torch.linspace(-1, 1, 8).double()[:, None], 9
    theta = flow.prior(x.shape)
    noise_variance = 0
    for i in range(1, n + 1):
        alpha = flow.schedule.alpha_step(i, n)
        theta = flow.bayesian_update(theta, x, alpha)
        noise_variance += alpha / (1 + flow.schedule.beta(1)) ** 2
    gamma = flow.schedule.gamma(1)
    torch.testing.assert_close(theta.mean, gamma * x, rtol=1e-12, atol=0)
    torch.testing.assert_close(noise_variance, gamma * (1 - gamma), rtol=1e-12, atol=0)


def iterate(flow, x, n, steps, generator):
    """θ after the first `steps` of n updates with what the sender sends."""
    theta = flow.prior(x.shape, generator=generator)
    for i in range(1, steps + 1):
        alpha = flow.schedule.alpha_step(i, n)
        theta = flow.bayesian_update(theta, draw(flow.sender(x, alpha), generator), alpha)
    return theta


@pytest.mark.parametrize(
    "flow", [GaussianFlow(0.3), DiffusionFlow()], ids=["bayesian", "diffusion"]
)
def test_iterated_gaussian_updates_follow_the_flow_distribution(flow):
    x, n, steps = torch.full((50_000, 1), 0.6), 5, 3
    iterated = iterate(flow, x, n, steps, seeded(0)).mean.flatten()
    theta = flow.sample_theta(x, torch.full((50_000,), steps / n), generator=seeded(1))
    gamma = flow.schedule.gamma(steps / n).item()
    law = stats.norm(gamma * 0.6, (gamma * (1 - gamma)) ** 0.5)
    # DDPM's x₀ is standard normal, not centred on √ᾱ x: the KL of that is `prior_loss`
    for sample in (iterated, theta.mean.flatten()):
        assert stats.kstest(sample.numpy(), law.cdf).pvalue > 1e-3


def test_iterated_categorical_updates_follow_the_flow_distribution():
    flow, x = CategoricalFlow(3, beta_1=2.0), torch.full((50_000,), 1)
    iterated = iterate(flow, x, 5, 3, seeded(0)).logits
    sampled = flow.sample_theta(x, torch.full((50_000,), 3 / 5), generator=seeded(1)).logits
    beta = 2.0 * 0.6**2
    for logits in (iterated, sampled):
        for k in range(3):
            law = stats.norm(beta * (3 * (k == 1) - 1), (3 * beta) ** 0.5)
            assert stats.kstest(logits[:, k].numpy(), law.cdf).pvalue > 1e-3
        correlation = torch.corrcoef(logits.T) - torch.eye(3)
        assert correlation.abs().max() < 4 / 50_000**0.5


EXAMPLES = {
    "gaussian": (GaussianFlow(), torch.rand(4, 1, 3, 2) * 2 - 1, ()),
    "discretized": (DiscretizedFlow(4), bin_centers(4, torch.zeros(1))[torch.tensor([[0, 3]])], ()),
    "diffusion": (DiffusionFlow(), torch.rand(4, 6) * 2 - 1, ()),
    "categorical": (CategoricalFlow(3), torch.randint(3, (4, 1, 3, 2)), (3,)),
    "binary without axes": (CategoricalFlow(2), torch.randint(2, (4,)), (2,)),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_sender_and_receiver_have_one_observation_per_variable(name):
    flow, x, event = EXAMPLES[name]
    t = torch.full((len(x),), 0.4)
    theta = flow.sample_theta(x, t)
    assert flow.network_input(theta, t).shape == (*x.shape, flow.num_inputs)
    out = flow.output_distribution(torch.randn(*x.shape, flow.num_outputs), theta, t)
    for alpha in (0.3, torch.rand(len(x)) + 0.1, torch.rand(x.shape) + 0.1):
        for distribution in (flow.sender(x, alpha), flow.receiver(out, alpha)):
            assert distribution.batch_shape == x.shape
            assert distribution.event_shape == event
            y = distribution.sample()
            assert distribution.log_prob(y).shape == x.shape
            flow.bayesian_update(theta, y, alpha)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_seed_gives_the_same_draws(name):
    flow, x, _ = EXAMPLES[name]
    t = torch.full((len(x),), 0.4)
    theta = [flow.sample_theta(x, t, generator=seeded(seed)) for seed in (0, 0, 1)]
    inputs = [flow.network_input(each, t) for each in theta]
    assert torch.equal(inputs[0], inputs[1]) and not torch.equal(inputs[0], inputs[2])
    out = flow.output_distribution(torch.randn(*x.shape, flow.num_outputs), theta[0], t)
    draws = [flow.sample_output(out, generator=seeded(0)) for _ in range(2)]
    assert torch.equal(*draws) and draws[0].shape == x.shape
    losses = [flow.loss_discrete_time(x, out, 2, 5, generator=seeded(0)) for _ in range(2)]
    assert torch.equal(*losses)


@pytest.mark.parametrize("flow", [CategoricalFlow(2), DiscretizedFlow(2, sigma_1=0.3)])
def test_log_snr_of_two_values_is_that_of_plus_and_minus_one(flow):
    # the projection of θ on the line between two values, scaled so that they lie at ±1
    t, x = torch.full((20_000,), 0.7), torch.tensor([0, 1]).repeat(10_000)
    if isinstance(flow, CategoricalFlow):
        theta = flow.sample_theta(x, t, generator=seeded()).logits.diff(dim=-1).squeeze()
    else:
        theta = flow.sample_theta(x * 2.0 - 1, t, generator=seeded()).mean
    half_distance = (theta[x == 1].mean() - theta[x == 0].mean()) / 2
    variance = (theta[x == 1].var() + theta[x == 0].var()) / 2
    log_snr = (half_distance.square() / variance).log()
    assert log_snr.item() == pytest.approx(flow.log_snr(t)[0].item(), abs=0.1)
