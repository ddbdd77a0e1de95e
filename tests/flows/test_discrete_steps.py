"""L_n of categorical and discretized data against densities, quadrature and its limit."""

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn.functional import one_hot

from paramrel.flows import CategoricalFlow, DiscretizedFlow, bin_centers


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def centers(num_bins):
    return bin_centers(num_bins, torch.zeros(1))


def observed_step(flow, x, out, i, n):
    """n (ln p_S - ln p_R) and the control variate's mean-zero weights, on the loss's own noise."""
    alpha = flow.schedule.alpha_step(i, n).float()
    sender = flow.sender(x, alpha)
    noise = torch.randn(*sender.mean.shape, generator=seeded(5))
    y = sender.mean + sender.stddev * noise
    return n * (sender.log_prob(y) - flow.receiver(out, alpha).log_prob(y)), y - sender.mean


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("n", [1, 10])
def test_a_categorical_step_is_the_log_density_ratio_of_the_same_observation(n, soft):
    flow = CategoricalFlow(3, beta_1=1.5)
    logits = torch.randn(50, 1, 3, generator=seeded())
    x = torch.randint(3, (50, 1), generator=seeded())
    if soft:
        x = torch.randn(50, 1, 3, generator=seeded(1)).softmax(-1)
    out = Categorical(logits=logits)
    ratio, shift = observed_step(flow, x, out, n, n)

    label = x if soft else one_hot(x, 3).float()
    strength = 3 * flow.schedule.alpha_step(n, n).float()
    weights = (out.logits + strength * label).softmax(-1)  # posterior after the mean observation
    variate = n * ((weights - label) * shift).sum(-1)
    loss = flow.loss_discrete_time(x, out, n, n, generator=seeded(5))
    torch.testing.assert_close(loss, (ratio + variate).squeeze(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n", [1, 10])
def test_a_discretized_step_is_the_log_density_ratio_of_the_same_observation(n):
    flow = DiscretizedFlow(5, sigma_1=0.2)
    x = centers(5)[torch.randint(5, (50, 1), generator=seeded())]
    out = Categorical(logits=torch.randn(50, 1, 5, generator=seeded(1)))
    ratio, shift = observed_step(flow, x, out, n, n)
    alpha, offset = flow.schedule.alpha_step(n, n).float(), centers(5) - x[..., None]
    weights = (out.logits - alpha / 2 * offset**2).softmax(-1)
    variate = n * alpha * (weights * offset).sum(-1) * shift
    loss = flow.loss_discrete_time(x, out, n, n, generator=seeded(5))
    torch.testing.assert_close(loss, (ratio + variate).squeeze(1), rtol=1e-3, atol=1e-3)


def test_a_receiver_of_independent_coordinates_is_told_apart():
    """A product of per-coordinate mixtures is another, worse receiver (1.30 instead of 0.69)."""
    flow, x = CategoricalFlow(2), torch.zeros(40_000, 1, dtype=torch.long)
    out = Categorical(logits=torch.zeros(40_000, 1, 2))
    loss = flow.loss_discrete_time(x, out, 1, 1, generator=seeded()).mean()
    assert loss.item() == pytest.approx(0.689, abs=0.005)

    sender = flow.sender(x, 9.0)
    y = sender.mean + sender.stddev * torch.randn(sender.mean.shape, generator=seeded())
    per_coordinate = MixtureSameFamily(
        Categorical(logits=torch.zeros(2, 2)), Normal(9 * (2 * torch.eye(2) - 1), 18**0.5)
    )
    product = (sender.log_prob(y) - per_coordinate.log_prob(y).sum(-1)).mean()
    assert product.item() == pytest.approx(1.30, abs=0.05)


@pytest.mark.parametrize("num_classes", [2, 5, 50])
def test_a_small_categorical_step_costs_half_alpha_k_times_the_squared_error(num_classes):
    flow, n, i, batch = CategoricalFlow(num_classes, beta_1=1 / num_classes), 100, 10, 20_000
    logits = torch.randn(num_classes, generator=seeded()).expand(batch, 1, num_classes)
    x, out = torch.ones(batch, 1).long(), Categorical(logits=logits)
    loss = flow.loss_discrete_time(x, out, i, n, generator=seeded())
    squared_error = (one_hot(x, num_classes) - out.probs).square().sum((1, 2))[0].item()
    expected = n * flow.schedule.alpha_step(i, n).item() * num_classes / 2 * squared_error
    error = loss.std().item() / batch**0.5
    assert error < 0.01 * expected
    assert loss.mean().item() == pytest.approx(expected, abs=4 * error + 0.002 * expected)


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)


def normal_quadrature(function):
    """E f(ε) for standard normal ε by 200 Gauss-Hermite nodes."""
    return (WEIGHTS / WEIGHTS.sum() * function(NODES)).sum()


def binary_step(alpha, p=0.5):
    """KL(p_S ‖ p_R) for K = 2 if x has the probability p under p_O, by quadrature.

    ln p_S(y|other) - ln p_S(y|x) ~ N(-2α, 4α), so one dimension is left to integrate.
    """
    return -normal_quadrature(
        lambda e: np.log(p + (1 - p) * np.exp(2 * alpha**0.5 * e - 2 * alpha))
    )


def coin_loss(n):
    """L_n of the constant prediction ½ for a fair coin, β₁ = 9."""
    return sum(binary_step(9 * (2 * i - 1) / n**2) for i in range(1, n + 1))


@pytest.mark.parametrize("n", [1, 2, 5, 10, 25, 100])
def test_the_loss_of_n_steps_agrees_with_quadrature(n):
    flow, batch = CategoricalFlow(2, beta_1=9.0), 100_000
    x, out = torch.zeros(batch, 1).long(), Categorical(logits=torch.zeros(batch, 1, 2))
    i = torch.arange(batch) % n + 1
    loss = flow.loss_discrete_time(x, out, i, n, generator=seeded())
    error = loss.std().item() / batch**0.5
    assert error < 0.025
    assert loss.mean().item() == pytest.approx(coin_loss(n), abs=4 * error)


def test_the_loss_of_n_steps_grows_into_that_of_continuous_time_at_the_rate_one_over_n():
    expected = {1: 0.6893, 2: 1.2069, 5: 2.1341, 10: 2.8939, 25: 3.6692, 100: 4.2509}
    for n, loss in expected.items():
        assert coin_loss(n) == pytest.approx(loss, abs=1e-4)
    t, logits = (torch.arange(1000) + 0.5) / 1000, torch.zeros(1000, 1, 2)
    flow, out = CategoricalFlow(2, beta_1=9.0), Categorical(logits=logits)
    limit = flow.loss_continuous_time(torch.zeros(1000, 1).long(), out, t).mean().item()
    assert limit == pytest.approx(4.5, rel=1e-5)
    assert (limit - coin_loss(400)) / (limit - coin_loss(800)) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("alpha", [0.01, 1.0, 10.0])
def test_binary_steps_agree_with_quadrature(alpha):
    flow, p = CategoricalFlow(2, beta_1=alpha), 0.3
    exact = binary_step(alpha, p)
    out = Categorical(probs=torch.tensor([1 - p, p]).expand(200_000, 1, 2))
    loss = flow.loss_discrete_time(torch.ones(200_000, 1).long(), out, 1, 1, generator=seeded())
    error = loss.std().item() / 200_000**0.5
    assert loss.mean().item() == pytest.approx(exact, abs=4 * error + 1e-6 * exact)


@pytest.mark.parametrize("sigma_1", [0.9, 0.5, 0.1])
def test_discretized_steps_agree_with_quadrature(sigma_1):
    flow, probs, k = DiscretizedFlow(4, sigma_1), torch.tensor([0.4, 0.3, 0.2, 0.1]), 2
    alpha, offset = sigma_1**-2 - 1, (centers(4) - centers(4)[k]).double().numpy()
    exact = -normal_quadrature(
        lambda e: np.log(
            probs.numpy()
            @ np.exp(alpha**0.5 * offset[:, None] * e - alpha / 2 * offset[:, None] ** 2)
        )
    )
    x, out = centers(4)[k].expand(200_000, 1), Categorical(probs=probs.expand(200_000, 1, 4))
    loss = flow.loss_discrete_time(x, out, 1, 1, generator=seeded())
    error = loss.std().item() / 200_000**0.5
    assert loss.mean().item() == pytest.approx(exact, abs=4 * error + 1e-6 * exact)


@pytest.mark.parametrize("beta_1", [1e-4, 0.01, 0.1, 1.0, 10.0])
def test_the_control_variate_never_adds_noise(beta_1):
    flow, p = CategoricalFlow(4, beta_1), torch.tensor([0.1, 0.2, 0.3, 0.4])
    x, out = torch.full((20_000, 1), 1), Categorical(probs=p.expand(20_000, 1, 4))
    loss = flow.loss_discrete_time(x, out, 1, 1, generator=seeded(5))
    plain, _ = observed_step(flow, x, out, 1, 1)
    assert loss.std() < 1.02 * plain.std()
    if beta_1 <= 0.01:
        assert loss.std() < 0.15 * plain.std()


def test_more_samples_of_an_observation_lower_the_noise_and_keep_the_mean():
    flow = CategoricalFlow(3, beta_1=1.0)
    x, out = torch.zeros(4000, 1).long(), Categorical(logits=torch.zeros(4000, 1, 3))
    one = flow.loss_discrete_time(x, out, 1, 1, generator=seeded())
    many = flow.loss_discrete_time(x, out, 1, 1, generator=seeded(1), num_samples=25)
    assert many.std().item() == pytest.approx(one.std().item() / 5, rel=0.15)
    error = one.std().item() / 4000**0.5
    assert many.mean().item() == pytest.approx(one.mean().item(), abs=4 * error)
