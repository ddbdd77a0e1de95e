"""Losses against closed forms and torch.distributions."""

import math

import pytest
import torch
from torch.distributions import Categorical, Normal, kl_divergence
from torch.nn.functional import one_hot

from paramrel.flows import CategoricalFlow, DiscretizedFlow, GaussianFlow, PointMass, bin_centers


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def centers(num_bins):
    return bin_centers(num_bins, torch.zeros(1))


# x, and an output distribution that is certain of it
CERTAIN = {
    "gaussian": (GaussianFlow(), x := torch.linspace(-1, 1, 12).view(4, 3), PointMass(x)),
    "discretized": (
        DiscretizedFlow(16),
        centers(16)[k := torch.arange(12).view(4, 3)],
        Categorical(logits=one_hot(k, 16).float().log(), validate_args=False),
    ),
    "categorical": (
        CategoricalFlow(5),
        k := torch.arange(12).view(4, 3) % 5,
        Categorical(logits=one_hot(k, 5).float().log(), validate_args=False),
    ),
}


@pytest.mark.parametrize("name", CERTAIN)
def test_who_knows_x_pays_nothing(name):
    flow, x, out = CERTAIN[name]
    zero = torch.zeros(4)
    for t in (0.0, 0.3, 1.0):
        loss = flow.loss_continuous_time(x, out, torch.full((4,), t))
        torch.testing.assert_close(loss, zero, rtol=0, atol=0 if name != "discretized" else 1e-6)
    for i, n in ((1, 1), (2, 7), (1000, 1000)):
        assert torch.equal(flow.loss_discrete_time(x, out, i, n, generator=seeded()), zero)
    if name != "gaussian":  # there the density at x is finite
        assert torch.equal(flow.reconstruction_loss(x, out), zero)


def test_a_gaussian_step_costs_the_kl_of_sender_and_receiver():
    flow, n = GaussianFlow(), 6
    x, estimate = torch.rand(2, 8, 3) * 2 - 1
    i = torch.arange(8) % n + 1
    alpha, out = flow.schedule.alpha_step(i, n), PointMass(estimate)
    kl = kl_divergence(flow.sender(x, alpha), flow.receiver(out, alpha)).sum(1)
    torch.testing.assert_close(flow.loss_discrete_time(x, out, i, n), n * kl)
    closed = (alpha / 2).float() * (x - estimate).square().sum(1)
    torch.testing.assert_close(flow.loss_discrete_time(x, out, i, n), n * closed)


def test_the_gaussian_reconstruction_loss_is_a_density_of_width_sigma_1():
    x, estimate = torch.rand(2, 8, 3) * 2 - 1
    expected = -Normal(estimate, 0.1).log_prob(x).sum(1)
    loss = GaussianFlow(0.1).reconstruction_loss(x, PointMass(estimate))
    torch.testing.assert_close(loss, expected)


def test_soft_labels_that_are_one_hot_cost_what_classes_cost():
    flow, x = CategoricalFlow(4), torch.randint(4, (6, 3), generator=seeded())
    label, out = one_hot(x, 4).float(), Categorical(logits=torch.randn(6, 3, 4))
    t = torch.rand(6)
    losses = [
        torch.stack(
            [
                flow.loss_continuous_time(each, out, t),
                flow.loss_discrete_time(each, out, 2, 5, generator=seeded()),
                flow.reconstruction_loss(each, out),
            ]
        )
        for each in (x, label)
    ]
    torch.testing.assert_close(*losses)
    thetas = [flow.sample_theta(each, t, generator=seeded()).logits for each in (x, label)]
    torch.testing.assert_close(*thetas)


def test_losses_sum_over_dimensions_and_keep_examples_apart():
    for flow, x, _ in CERTAIN.values():
        raw = torch.randn(4, 3, flow.num_outputs)
        t = torch.full((4,), 0.5)
        theta = flow.sample_theta(x, t, generator=seeded())
        whole = flow.loss_continuous_time(x, flow.output_distribution(raw, theta, t), t)
        parts = torch.zeros(4)
        for d in range(3):
            part = theta.map(lambda a, d=d: a[:, d : d + 1] if a.shape[1] == 3 else a)
            estimate = flow.output_distribution(raw[:, d : d + 1], part, t)
            parts += flow.loss_continuous_time(x[:, d : d + 1], estimate, t)
        torch.testing.assert_close(whole, parts)


def test_the_expectation_of_bins_is_the_same_for_both_output_distributions():
    flow, t, x = (
        DiscretizedFlow(8, 0.1),
        torch.full((5,), 0.4),
        centers(8)[torch.arange(5)][:, None],
    )
    theta = flow.sample_theta(x, t, generator=seeded())
    out = flow.output_distribution(torch.randn(5, 1, 2, generator=seeded()), theta, t)
    same = Categorical(logits=out.logits)
    torch.testing.assert_close(
        flow.loss_continuous_time(x, out, t),
        flow.loss_continuous_time(x, same, t),
        rtol=1e-4,
        atol=1e-5,
    )
    torch.testing.assert_close(flow.reconstruction_loss(x, out), flow.reconstruction_loss(x, same))
    assert torch.equal(flow.mode_output(out), flow.mode_output(same))
    assert math.isclose(flow.sample_output(same, seeded())[0].item() % 0.25, 0.125)
