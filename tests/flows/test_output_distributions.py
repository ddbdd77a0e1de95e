"""From the raw network output to p_O: bins, clamps, classes."""

import math

import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Bernoulli

from paramrel.flows import (
    CategoricalFlow,
    DiscretizedFlow,
    DiscretizedNormal,
    GaussianFlow,
    bin_centers,
    bin_index,
    discretized_normal,
)

BINS = [2, 3, 16, 256]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normals(num_bins, batch=200):
    """Discretized normals inside, at the edges of and outside [-1, 1], wide and narrow."""
    loc = torch.empty(batch).uniform_(-2, 2, generator=seeded())
    scale = torch.empty(batch).uniform_(math.log(1e-3), 3, generator=seeded(1)).exp()
    return DiscretizedNormal(loc, scale, num_bins)


@pytest.mark.parametrize("num_bins", BINS)
def test_the_probabilities_of_all_bins_sum_to_one(num_bins):
    torch.testing.assert_close(normals(num_bins).probs.sum(-1), torch.ones(200))


@pytest.mark.parametrize("num_bins", BINS)
def test_mirrored_normals_have_mirrored_bins(num_bins):
    out = normals(num_bins)
    mirrored = DiscretizedNormal(-out.loc, out.scale, num_bins)
    torch.testing.assert_close(mirrored.logits, out.logits.flip(-1))
    torch.testing.assert_close(mirrored.mean, -out.mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("num_bins", BINS)
def test_log_prob_and_mean_agree_with_the_probabilities_of_the_bins(num_bins):
    out, centers = normals(num_bins), bin_centers(num_bins, torch.zeros(1))
    for k in {0, 1, num_bins // 2, num_bins - 1}:
        torch.testing.assert_close(out.log_prob(centers[k].expand(200)), out.logits[:, k])
    torch.testing.assert_close(out.mean, out.probs @ centers, rtol=1e-4, atol=2e-6)
    torch.testing.assert_close(out.mode, centers[out.probs.argmax(-1)])


@pytest.mark.parametrize("block", [1, 1000, 2**18])
def test_the_mean_and_its_gradients_summed_in_blocks_are_those_of_autograd(block, monkeypatch):
    out = normals(256)
    loc, scale = (part.double().view(20, 10).requires_grad_() for part in (out.loc, out.scale))

    def with_gradients():
        mean = DiscretizedNormal(loc, scale, 256).mean
        return mean, *torch.autograd.grad(mean.sin().sum(), (loc, scale))

    monkeypatch.setattr(discretized_normal, "BLOCK", block)
    blocks = with_gradients()
    monkeypatch.setattr(discretized_normal, "FEW_BINS", 256)
    for here, autograd in zip(blocks, with_gradients(), strict=True):
        torch.testing.assert_close(here, autograd, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("num_bins", BINS)
def test_bins_hold_the_normal_mass_between_their_edges(num_bins):
    out = normals(num_bins)
    normal = stats.norm(out.loc.double()[:, None], out.scale.double()[:, None])
    edges = torch.arange(1, num_bins).double() * 2 / num_bins - 1
    cdf = torch.from_numpy(normal.cdf(edges[None, :]))
    cdf = torch.cat([torch.zeros(200, 1), cdf, torch.ones(200, 1)], 1)
    torch.testing.assert_close(out.probs.double(), cdf.diff(dim=1), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("loc, scale", [(2.0, 1e-3), (-2.0, 1e-3), (0.3, 1e-3), (0.1, 1e4)])
def test_far_tails_and_flat_normals_keep_the_digits_of_their_log_probability(loc, scale):
    k, num_bins = 100, 256
    left, right = (2 * k / num_bins - 1 - loc) / scale, (2 * (k + 1) / num_bins - 1 - loc) / scale
    if left > 0:
        left, right = -right, -left
    near = min(right, 0)  # ∫ φ = φ(near) ∫ exp(-u²/2 - near·u) du, without underflow
    width = min(right - left, 40 / max(abs(near), 1))
    integral, _ = integrate.quad(lambda u: math.exp(-u * u / 2 + near * u), near - right, width)
    exact = -near * near / 2 - math.log(2 * math.pi) / 2 + math.log(integral)

    out = DiscretizedNormal(torch.tensor([loc]).double(), torch.tensor([scale]).double(), num_bins)
    center = bin_centers(num_bins, out.loc)[[k]]
    assert out.log_prob(center).item() == pytest.approx(exact, rel=1e-6)
    single = DiscretizedNormal(out.loc.float(), out.scale.float(), num_bins)
    assert single.log_prob(center.float()).item() == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("num_bins", [2, 16])
def test_draws_of_bins_have_their_probabilities(num_bins):
    out = DiscretizedNormal(torch.tensor(0.8), torch.tensor(0.4), num_bins)
    draws = out.sample((100_000,), generator=seeded())
    counts = bin_index(draws, num_bins).bincount(minlength=num_bins)
    expected = out.probs * 100_000
    expected *= counts.sum() / expected.sum()
    assert (
        stats.chisquare(counts[expected > 1], expected[expected > 1], sum_check=False).pvalue > 1e-3
    )
    assert (out.entropy() - -(out.probs * out.probs.log()).nansum()).abs() < 1e-5


@pytest.mark.parametrize("num_bins", [2, 17, 256])
def test_every_bin_centre_is_in_its_own_bin(num_bins):
    index = torch.arange(num_bins)
    assert torch.equal(bin_index(bin_centers(num_bins, torch.zeros(1)), num_bins), index)
    assert bin_index(torch.tensor([-1.0, 1.0]), num_bins).tolist() == [0, num_bins - 1]


def theta_and_noise(flow, x, t):
    theta = flow.sample_theta(x, t, generator=seeded())
    gamma = flow.schedule.gamma(t).float()[:, None]
    return theta, (theta.mean - gamma * x) / (gamma * (1 - gamma)).sqrt(), gamma


@pytest.mark.parametrize("flow", [GaussianFlow(0.02), DiscretizedFlow(8, 0.02)])
def test_who_predicts_the_noise_exactly_predicts_x(flow):
    x = bin_centers(8, torch.zeros(1))[torch.randint(8, (50, 4), generator=seeded())]
    t = torch.linspace(0.05, 1, 50)
    theta, noise, _ = theta_and_noise(flow, x, t)
    raw = torch.stack([noise, torch.full_like(x, -10.0)], -1)[..., : flow.num_outputs]
    out = flow.output_distribution(raw, theta, t)
    torch.testing.assert_close(out.mean, x, rtol=0, atol=1e-4)
    torch.testing.assert_close(flow.mode_output(out), x, rtol=0, atol=1e-4)


def test_the_scale_of_discretized_data_shrinks_with_the_noise():
    flow, t = DiscretizedFlow(16, 0.02), torch.linspace(0.01, 0.5, 5)
    theta, _, gamma = theta_and_noise(flow, torch.zeros(5, 3), t)
    raw = torch.randn(5, 3, 2, generator=seeded())
    out = flow.output_distribution(raw, theta, t)
    factor = ((1 - gamma) / gamma).sqrt()
    torch.testing.assert_close(out.loc, theta.mean / gamma - factor * raw[..., 0])
    torch.testing.assert_close(out.scale, (factor * raw[..., 1].exp()).clamp(min=1 / 64))


@pytest.mark.parametrize("t", [0.0, 1e-9])
def test_before_anything_is_known_the_prediction_is_the_prior(t):
    t, raw = torch.full((2,), t), torch.randn(2, 3, 2)
    flow = GaussianFlow()
    theta = flow.sample_theta(torch.ones(2, 3), t)
    assert torch.equal(flow.output_distribution(raw[..., :1], theta, t).mean, torch.zeros(2, 3))
    out = DiscretizedFlow(4).output_distribution(raw, theta, t)
    assert torch.equal(out.loc, torch.zeros(2, 3)) and torch.equal(out.scale, torch.ones(2, 3))


def test_predictions_are_clamped_and_still_learn():
    """A new network (ε̂ = 0) predicts x̂ = μ/γ, at small t mostly outside [-1, 1]."""
    flow, t = GaussianFlow(1e-3), torch.full((1000,), 0.005)
    x = torch.empty(1000, 1).uniform_(-0.99, 0.99, generator=seeded())
    theta, noise, gamma = theta_and_noise(flow, x, t)
    raw = torch.zeros(1000, 1, 1, requires_grad=True)
    out = flow.output_distribution(raw, theta, t)
    outside = (theta.mean / gamma).abs() > 1
    assert outside.float().mean() > 0.5 and out.mean.abs().max() <= 1
    flow.loss_continuous_time(x, out, t).sum().backward()
    towards_noise = (raw.grad[..., 0] * (noise - 0)) < 0
    assert (raw.grad != 0).all() and towards_noise[outside].all()


def test_a_clamped_scale_learns_only_where_that_leads_back_inside():
    flow, t = DiscretizedFlow(4, 0.1), torch.ones(2)
    theta = flow.sample_theta(torch.full((2, 1), 0.25), t, generator=seeded())
    raw = torch.tensor([[[0.0, -20.0]], [[0.0, 20.0]]], requires_grad=True)
    out = flow.output_distribution(raw, theta, t)
    torch.testing.assert_close(out.scale.log().flatten(), torch.tensor([-math.log(16), 10.0]))
    (grow,) = torch.autograd.grad(-out.scale.log().sum(), raw, retain_graph=True)
    (shrink,) = torch.autograd.grad(out.scale.log().sum(), raw)
    assert grow[:, 0, 1].tolist() == [-1, 0] and shrink[:, 0, 1].tolist() == [0, 1]


def test_two_classes_are_a_bernoulli_variable():
    flow, t = CategoricalFlow(2), torch.full((5,), 0.3)
    x = torch.randint(2, (5, 4, 6), generator=seeded())  # no axis of channels
    theta = flow.sample_theta(x, t, generator=seeded())
    raw = torch.randn(5, 4, 6, 2, generator=seeded())
    out, sigmoid = (
        flow.output_distribution(raw, theta, t),
        Bernoulli(logits=raw.diff(dim=-1)[..., 0]),
    )
    torch.testing.assert_close(out.probs[..., 1], sigmoid.probs)
    expected = -sigmoid.log_prob(x.float()).sum((1, 2))
    torch.testing.assert_close(flow.reconstruction_loss(x, out), expected)

    inputs = flow.network_input(theta, t)
    assert inputs.shape == (5, 4, 6, 1)
    torch.testing.assert_close(inputs[..., 0], 2 * theta.to_distribution().probs[..., 1] - 1)


def test_a_network_sees_all_of_three_classes():
    flow, t = CategoricalFlow(3), torch.full((5,), 0.3)
    theta = flow.sample_theta(torch.arange(5) % 3, t)
    inputs = flow.network_input(theta, t)
    torch.testing.assert_close(inputs, 2 * theta.logits.softmax(-1) - 1)
    torch.testing.assert_close(inputs.sum(-1), torch.full((5,), -1.0))
