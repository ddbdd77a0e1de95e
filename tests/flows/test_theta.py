"""θ as an object, and its entropy."""

import math

import pytest
import torch

from paramrel.flows import (
    CategoricalFlow,
    CategoricalTheta,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    GaussianTheta,
    MixedFlow,
)

SHAPE = (6, 1, 3, 2)
FLOWS = {
    "gaussian": (GaussianFlow(), SHAPE),
    "discretized": (DiscretizedFlow(4), SHAPE),
    "diffusion": (DiffusionFlow(), SHAPE),
    "categorical": (CategoricalFlow(3), SHAPE),
    "mixed": (
        MixedFlow({"pixels": GaussianFlow(), "label": CategoricalFlow(5)}),
        {"pixels": SHAPE, "label": (6,)},
    ),
}


def tensors_of(theta):
    """The tensors of a θ, gathered by its own map."""
    found = []
    theta.map(lambda tensor: found.append(tensor) or tensor)
    return found


@pytest.mark.parametrize("name", FLOWS)
def test_map_can_pick_examples_and_choose_between_two_thetas(name):
    flow, shape = FLOWS[name]
    first, second = flow.prior(shape), flow.prior(shape).map(lambda a: a + 1)
    picked = first.map(lambda a: a[[0, 2]])
    assert type(picked) is type(first)
    assert all(len(tensor) == 2 for tensor in tensors_of(picked))

    second_half = torch.arange(6) >= 3

    def choose(a, b):
        return torch.where(second_half.view(-1, *[1] * (a.ndim - 1)), b, a)

    chosen = first.map(choose, second)
    for tensor, a, b in zip(tensors_of(chosen), tensors_of(first), tensors_of(second), strict=True):
        assert torch.equal(tensor[:3], a[:3]) and torch.equal(tensor[3:], b[3:])


def test_a_hidden_pixel_keeps_its_prior_precision():
    theta = GaussianFlow().sample_theta(torch.zeros(SHAPE), torch.full((6,), 0.5))
    prior = GaussianFlow().prior(SHAPE)
    hidden = torch.zeros(SHAPE, dtype=torch.bool)
    hidden[..., 0] = True
    mixed = theta.map(lambda a, b: torch.where(hidden, b, a), prior)
    assert torch.equal(mixed.precision[hidden], torch.ones(18))
    assert (mixed.precision[~hidden] == theta.precision[0, 0, 0, 0]).all()


def test_one_time_per_variable_gives_one_precision_per_variable():
    t = torch.rand(SHAPE)
    theta = GaussianFlow(0.1).sample_theta(torch.zeros(SHAPE), t)
    torch.testing.assert_close(theta.precision, 0.1 ** (-2 * t))
    theta = CategoricalFlow(3).sample_theta(torch.zeros(SHAPE, dtype=torch.long), t * 0)
    assert torch.equal(theta.logits, torch.zeros(*SHAPE, 3))


@pytest.mark.parametrize("sigma_1", [1e-3, 0.02, 0.5])
def test_the_entropy_of_a_gaussian_theta_falls_linearly_in_time(sigma_1):
    t = torch.linspace(0, 1, 11)
    theta = GaussianFlow(sigma_1).sample_theta(torch.zeros(11, 2), t)
    line = 0.5 * math.log(2 * math.pi * math.e) + t * math.log(sigma_1)
    torch.testing.assert_close(theta.entropy(), line[:, None].expand(11, 2))


def test_the_entropy_of_a_categorical_theta_starts_at_ln_k():
    entropy = CategoricalFlow(7).prior((2, 3)).entropy()
    torch.testing.assert_close(entropy, torch.full((2, 3), math.log(7)))


def test_theta_is_the_distribution_that_it_parametrises():
    theta = GaussianTheta(torch.tensor([[0.3, -0.2]]), torch.tensor([[4.0]]))
    assert torch.equal(theta.to_distribution().mean, theta.mean)
    torch.testing.assert_close(theta.to_distribution().variance, torch.full((1, 2), 0.25))
    theta = CategoricalTheta(torch.tensor([[0.0, math.log(3)]]))
    torch.testing.assert_close(theta.to_distribution().probs, torch.tensor([[0.25, 0.75]]))


@pytest.mark.parametrize("name", FLOWS)
def test_the_prior_is_float32(name):
    flow, shape = FLOWS[name]
    assert {tensor.dtype for tensor in tensors_of(flow.prior(shape))} == {torch.float32}
