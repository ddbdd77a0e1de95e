"""The exact predictor against Bayes' rule with densities; the effective number of examples."""

import pytest
import torch
from torch import Generator
from torch.distributions import Normal
from torch.nn.functional import one_hot

from paramrel.flows import (
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    bin_centers,
)
from paramrel.solvers import effective_number, exact_predictor

CLASSES = torch.randint(4, (9, 2, 3), generator=Generator().manual_seed(0))
CENTERS = bin_centers(4, torch.ones(1))[CLASSES]
WEIGHTS = torch.arange(1.0, 10.0)


def density(flow, theta, x, t):
    """ln p_F(θ|x; t) of one t: (B,)."""
    beta = flow.schedule.beta(t).item()
    if isinstance(flow, CategoricalFlow):
        mean = beta * (4 * one_hot(x, 4) - 1)
        terms = Normal(mean, (4 * beta) ** 0.5).log_prob(theta.logits)
    else:
        gamma = beta / (1 + beta)
        terms = Normal(gamma * x, (gamma * (1 - gamma)) ** 0.5).log_prob(theta.mean)
    return terms.flatten(1).sum(1)


@pytest.mark.parametrize("t", [0.05, 0.2, 0.6])
@pytest.mark.parametrize(
    "flow, data",
    [
        (CategoricalFlow(4, 0.3), CLASSES),
        (DiscretizedFlow(4, 0.2), CENTERS),
        (GaussianFlow(0.2), CENTERS),
        (DiffusionFlow(4), CENTERS),
    ],
    ids=lambda part: type(part).__name__,
)
def test_the_exact_predictor_is_the_posterior_by_bayes_rule(flow, data, t):
    times = torch.full((len(data),), t)
    theta = flow.sample_theta(data, times, generator=Generator().manual_seed(0))
    logits = torch.stack([density(flow, theta, x, t) for x in data.unsqueeze(1)], -1)  # (B, J)
    posterior = (logits + WEIGHTS.log()).softmax(-1)
    out = exact_predictor(flow, data, WEIGHTS)(theta, times)
    if isinstance(flow, CategoricalFlow | DiscretizedFlow):
        expected = torch.tensordot(posterior, one_hot(CLASSES, 4).float(), 1)
        torch.testing.assert_close(out.probs, expected, rtol=1e-3, atol=1e-5)
    else:
        expected = torch.tensordot(posterior, data, 1)
        torch.testing.assert_close(out.mean, expected, rtol=1e-3, atol=1e-5)


def test_the_effective_number_is_that_of_all_images_where_all_are_alike_likely():
    draws = torch.randint(9, (20_000,), generator=Generator().manual_seed(0))
    assert effective_number(CLASSES[draws], CLASSES) == pytest.approx(9, rel=0.02)


def test_the_effective_number_is_that_of_the_images_that_are_drawn():
    assert effective_number(CLASSES[torch.zeros(50).long()], CLASSES) == 1
    halves = CLASSES[torch.arange(1000) % 2]
    assert effective_number(halves, CLASSES) == pytest.approx(2, rel=0.01)
