"""With a marginal, a raw output of 0 is the posterior of each variable given its own θ alone."""

import math

import pytest
import torch
from torch import Generator
from torch.distributions import Normal

from paramrel.flows import (
    BinaryDiffusionFlow,
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    MixedFlow,
    OneShotFlow,
)
from paramrel.flows.gaussian import LEAST_VARIANCE

TIMES = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])


def seeded(seed=0):
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("classes", [2, 5])
def test_classes_have_the_posterior_of_bayes_rule(classes):
    """p(k|θ_d) ∝ p(k) N(θ_d; β(K e_k - 1), βK), by enumeration of the classes."""
    flow = CategoricalFlow(classes, beta_1=3.0)
    prior = torch.rand(4, classes, generator=seeded()).softmax(-1)
    x = torch.randint(classes, (5, 4), generator=seeded(1))
    theta = flow.sample_theta(x, TIMES, seeded(2))
    out = flow.output_distribution(torch.zeros(5, 4, classes), theta, TIMES, prior.log())
    torch.testing.assert_close(out.probs[0], prior)  # θ₀ says nothing
    beta = flow.schedule.beta(TIMES[1:]).float()[:, None, None, None]
    means = beta * (classes * torch.eye(classes) - 1)
    likelihood = Normal(means, (beta * classes).sqrt()).log_prob(theta.logits[1:, :, None, :])
    expected = (prior.log() + likelihood.sum(-1)).softmax(-1)
    torch.testing.assert_close(out.probs[1:], expected, rtol=1e-4, atol=1e-6)


def conjugate(flow, theta, t, mean, variance):
    """Of N(m, v) and the mean ȳ of messages of accuracy β: mean and variance, float64."""
    beta = flow.schedule.beta(t.double())[:, None]
    messages = theta.mean.double() / (beta / (1 + beta))
    certainty = 1 / variance.double() + beta
    return (mean / variance + beta * messages) / certainty, 1 / certainty


@pytest.mark.parametrize("flow", [GaussianFlow(0.1), DiscretizedFlow(16, 0.1), DiffusionFlow()])
def test_numbers_have_the_posterior_of_two_normal_distributions(flow):
    mean, variance = torch.linspace(-0.6, 0.6, 4), torch.tensor([0.01, 0.1, 0.3, 1.0])
    x, t = torch.rand(4, 4, generator=seeded()) * 2 - 1, TIMES[1:]
    theta = flow.sample_theta(x, t, seeded(1))
    raw = torch.zeros(4, 4, flow.num_outputs)
    out = flow.output_distribution(raw, theta, t, torch.stack([mean, variance], -1))
    expected, left = conjugate(flow, theta, t, mean, variance)
    if isinstance(flow, DiscretizedFlow):
        torch.testing.assert_close(out.loc.double(), expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(out.scale.double(), left.sqrt(), rtol=1e-4, atol=1e-6)
    else:
        limits = (-1, 1) if not isinstance(flow, DiffusionFlow) else (-math.inf, math.inf)
        torch.testing.assert_close(out.mean.double(), expected.clamp(*limits), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("flow", [GaussianFlow(), DiscretizedFlow(16)])
def test_where_theta_says_nothing_the_marginal_is_left_and_raw_moves_it_by_its_scale(flow):
    marginal = torch.tensor([[0.2, 0.04], [-0.1, 0.01]])
    zero, one = torch.zeros(3, 2, flow.num_outputs), torch.zeros(3)
    raw = zero.clone()
    raw[..., 0] = 0.5
    theta = flow.prior((3, 2))
    for shift, given in ((0.0, zero), (0.5, raw)):
        out = flow.output_distribution(given, theta, one, marginal)
        mean = out.loc if isinstance(flow, DiscretizedFlow) else out.mean
        expected = marginal[:, 0] + shift * marginal[:, 1].sqrt()
        torch.testing.assert_close(mean, expected.expand(3, 2))


def test_every_variable_has_the_posterior_of_its_own_time():
    flow, marginal = GaussianFlow(0.1), torch.tensor([[0.3, 0.2], [0.3, 0.2]])
    x, t = torch.full((6, 2), 0.5), torch.tensor([0.0, 1.0]).expand(6, 2)
    theta = flow.sample_theta(x, t, seeded())
    mean = flow.output_distribution(torch.zeros(6, 2, 1), theta, t, marginal).mean
    torch.testing.assert_close(mean[:, 0], torch.full((6,), 0.3))
    assert (mean[:, 1] - 0.5).abs().max() < 0.5


def test_a_decoder_without_theta_starts_at_the_marginal():
    flow = OneShotFlow(CategoricalFlow(3))
    x = torch.tensor([[0], [0], [1]])
    marginal = flow.marginal(x, torch.ones_like(x, dtype=torch.bool))
    theta = flow.sample_theta(x, torch.ones(3))
    out = flow.output_distribution(torch.zeros(3, 1, 3), theta, torch.ones(3), marginal)
    torch.testing.assert_close(out.probs, torch.tensor([3 / 6, 2 / 6, 1 / 6]).expand(3, 1, 3))


@pytest.mark.parametrize("filler", [0.0, 0.9])
def test_marginals_are_those_of_what_is_there_whatever_stands_in_for_the_rest(filler):
    x = torch.tensor([[0.1, filler], [0.5, -0.2], [-0.3, filler]])
    where = torch.tensor([[True, False], [True, True], [True, False]])
    found = GaussianFlow().marginal(x, where)
    torch.testing.assert_close(found[0], torch.stack([x[:, 0].mean(), x[:, 0].var(correction=0)]))
    torch.testing.assert_close(found[1], torch.tensor([-0.2, LEAST_VARIANCE]))
    records = MixedFlow({"a": GaussianFlow(), "b": BinaryDiffusionFlow()})
    both = records.marginal({"a": x, "b": x}, {"a": where, "b": where})
    torch.testing.assert_close(both["b"], both["a"])
