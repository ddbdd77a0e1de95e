"""With the exact posterior as predictor the losses are information: no network, known answers."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical
from torch.nn.functional import one_hot

from paramrel.flows import CategoricalFlow, DiscretizedFlow, bin_centers

PROBS = torch.tensor([0.7, 0.2, 0.1])
ENTROPY = 0.8018  # of PROBS, nats
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)
NODES, WEIGHTS = torch.tensor(NODES), torch.tensor(WEIGHTS / WEIGHTS.sum())


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def stratified(batch):
    """Evenly spread times, in random order."""
    return (torch.randperm(batch, generator=seeded(9)) + 0.5) / batch


def exact_categorical(theta, support, log_weights, num_classes):
    """Marginals of p(x|θ) ∝ p(x) Π_d θ_d[x_d]: support (J, D), log_weights (J,)."""
    logits = theta.logits  # (B, D, K)
    evidence = logits.gather(-1, support.T.expand(len(logits), -1, -1)).sum(1)
    posterior = (evidence + log_weights).softmax(-1)
    return Categorical(
        probs=torch.einsum("bj,jdk->bdk", posterior, one_hot(support, num_classes).float())
    )


def exact_bins(theta, centers, log_weights):
    """p(x=k|θ) ∝ p(k) exp(ρμ k_c - β k_c²/2) over the bins of one variable."""
    rho, beta = theta.precision.unsqueeze(-1), theta.precision.unsqueeze(-1) - 1
    evidence = rho * theta.mean.unsqueeze(-1) * centers - beta * centers**2 / 2
    return Categorical(logits=evidence + log_weights)


# --- one variable: L_n + L_r is the entropy --------------------------------------------------


def bound(flow, x, predict, n):
    """L_n + L_r (L_∞ + L_r for n=None) per example (B,), by one draw each."""
    batch = len(x)
    if n is None:
        t = stratified(batch)
        out = predict(flow.sample_theta(x, t, generator=seeded(1)))
        loss = flow.loss_continuous_time(x, out, t)
    else:
        i = torch.randint(1, n + 1, (batch,), generator=seeded(2))
        out = predict(flow.sample_theta(x, (i - 1) / n, generator=seeded(1)))
        loss = flow.loss_discrete_time(x, out, i, n, generator=seeded(3))
    final = predict(flow.sample_theta(x, torch.ones(batch), generator=seeded(4)))
    return loss + flow.reconstruction_loss(x, final)


@pytest.mark.parametrize("n", [1, 3, 10, None])
@pytest.mark.parametrize("beta_1", [0.3, 1.0, 3.0])
def test_one_categorical_variable_costs_its_entropy(beta_1, n):
    flow, batch = CategoricalFlow(3, beta_1), 200_000
    x = torch.multinomial(PROBS, batch, replacement=True, generator=seeded())[:, None]
    costs = bound(flow, x, lambda theta: Categorical(logits=PROBS.log() + theta.logits), n)
    error = costs.std().item() / batch**0.5
    assert error < 0.01
    assert costs.mean().item() == pytest.approx(ENTROPY, abs=4 * error)


@pytest.mark.parametrize("n", [1, 3, 10, None])
@pytest.mark.parametrize("sigma_1", [0.7, 0.3])
def test_one_discretized_variable_costs_its_entropy(sigma_1, n):
    flow, batch, centers = DiscretizedFlow(3, sigma_1), 200_000, bin_centers(3, PROBS)
    index = torch.multinomial(PROBS, batch, replacement=True, generator=seeded())
    costs = bound(
        flow, centers[index][:, None], lambda theta: exact_bins(theta, centers, PROBS.log()), n
    )
    error = costs.std().item() / batch**0.5
    assert error < 0.01
    assert costs.mean().item() == pytest.approx(ENTROPY, abs=4 * error)


# --- two equal bits: transmission is mutual information --------------------------------------

BITS = torch.tensor([[0, 0], [1, 1]])


@pytest.mark.parametrize("beta_1, expected", [(0.5, 0.3364), (2.0, 0.6322), (9.0, 0.6931)])
def test_the_transmission_loss_is_the_mutual_information_with_the_last_theta(beta_1, expected):
    flow, batch = CategoricalFlow(2, beta_1), 400_000
    x = BITS[torch.arange(batch) % 2]

    def predict(theta):
        return exact_categorical(theta, BITS, torch.zeros(2), 2)

    t = stratified(batch)
    loss = flow.loss_continuous_time(x, predict(flow.sample_theta(x, t, generator=seeded())), t)
    error = loss.std().item() / batch**0.5
    assert loss.mean().item() == pytest.approx(expected, abs=4 * error + 1e-4)

    last = predict(flow.sample_theta(x, torch.ones(batch), generator=seeded(1)))
    rest = -last.log_prob(x)[:, 0].mean().item()  # H(x|θ₁): the second bit follows the first
    assert math.log(2) - rest == pytest.approx(expected, abs=0.003)
    # p_O cannot say that the bits are equal, and pays for both
    reconstruction = flow.reconstruction_loss(x, last).mean().item()
    assert reconstruction == pytest.approx(2 * rest, rel=1e-4)
    if beta_1 < 5:
        assert loss.mean().item() + reconstruction > math.log(2) + 0.05


# --- calibration -----------------------------------------------------------------------------


def test_exact_predictions_are_calibrated_at_every_time_and_improve():
    flow, batch, centers = DiscretizedFlow(3, 0.1), 100_000, bin_centers(3, PROBS)
    categorical = CategoricalFlow(3, 4.0)
    index = torch.multinomial(PROBS, batch, replacement=True, generator=seeded())[:, None]
    errors = []
    for t in (0.0, 0.1, 0.3, 0.6, 1.0):
        time = torch.full((batch,), t)
        theta = categorical.sample_theta(index, time, generator=seeded(1))
        classes = Categorical(logits=PROBS.log() + theta.logits)
        theta = flow.sample_theta(centers[index], time, generator=seeded(1))
        bins = exact_bins(theta, centers, PROBS.log())
        for out in (classes, bins):
            torch.testing.assert_close(out.probs.mean((0, 1)), PROBS, rtol=0, atol=4e-3)
        errors.append((centers[index] - bins.probs @ centers).square().mean().item())
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-3 < errors[0]


# --- enumeration, written a second time in numpy ---------------------------------------------

POINTS = [p for p in itertools.product(range(2), repeat=3) if sum(p) != 2]  # 5 of the 8 points
MASSES = np.array([0.3, 0.1, 0.25, 0.2, 0.15])


def enumerate_marginal(logits):
    """P(x_d = 1|θ) of one θ (D, 2), by Bayes' rule over all points."""
    joint = [
        mass * math.exp(sum(logits[d][value] for d, value in enumerate(point)))
        for point, mass in zip(POINTS, MASSES, strict=True)
    ]
    return [
        sum(j for j, point in zip(joint, POINTS, strict=True) if point[d]) / sum(joint)
        for d in range(3)
    ]


def test_all_three_losses_agree_with_an_enumeration_in_numpy():
    flow, n, i, batch = CategoricalFlow(2, 2.0), 4, 3, 40
    x = torch.tensor(POINTS)[torch.arange(batch) % 5]
    t = torch.full((batch,), (i - 1) / n)
    theta = flow.sample_theta(x, t, generator=seeded())
    out = exact_categorical(theta, torch.tensor(POINTS), torch.tensor(MASSES).log().float(), 2)

    alpha = 2.0 * (2 * i - 1) / n**2
    nodes, weights = NODES.numpy(), WEIGHTS.numpy()
    continuous, discrete, reconstruction = np.zeros(batch), np.zeros(batch), np.zeros(batch)
    for b in range(batch):
        marginal = enumerate_marginal(theta.logits[b].double().tolist())
        for d in range(3):
            p = marginal[d] if x[b, d] else 1 - marginal[d]
            continuous[b] += 2 * 2.0 * t[b] * 2 * (1 - p) ** 2
            ratio = np.exp(2 * math.sqrt(alpha) * nodes - 2 * alpha)
            discrete[b] -= n * weights @ np.log(p + (1 - p) * ratio)
            reconstruction[b] -= math.log(p)

    loss = flow.loss_continuous_time(x, out, t)
    np.testing.assert_allclose(loss, continuous, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        flow.reconstruction_loss(x, out), reconstruction, rtol=1e-4, atol=1e-6
    )
    draws = flow.loss_discrete_time(x, out, i, n, generator=seeded(), num_samples=20_000)
    np.testing.assert_allclose(draws, discrete, rtol=0.02, atol=0.01)
