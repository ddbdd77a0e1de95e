"""No NaN and no Inf in float32, in values and gradients; and no more memory than needed."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical
from torch.nn.functional import one_hot

from paramrel.flows import (
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    DiscretizedNormal,
    GaussianFlow,
    OneShotFlow,
    bin_centers,
)
from paramrel.flows.tensors import probabilities

SHAPE = (3, 2)
times = st.one_of(
    st.sampled_from([0.0, 1e-38, 1e-12, 1e-6, 1.1e-6, 1e-3, 1 - 1e-6, 1.0]),
    st.floats(0, 1, width=32),
)
counts = st.integers(2, 256)
sigmas = st.floats(math.log(1e-3), math.log(0.99)).map(math.exp)
seeds = st.integers(0, 2**16)
sizes = st.sampled_from([0.0, 1.0, 30.0])  # of the raw network output


def check_everything(flow, x, t, size, seed):
    """Values and gradients of all that a training step and an evaluation compute."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.full((SHAPE[0],), t)
    theta = flow.sample_theta(x, t, generator=generator)
    assert flow.network_input(theta, t).isfinite().all()
    raw = size * torch.randn(*SHAPE, flow.num_outputs, generator=generator)
    raw.requires_grad_()
    losses = []
    for n in (1, 1000):
        out = flow.output_distribution(raw, theta, t)
        losses.append(flow.loss_discrete_time(x, out, n, n, generator=generator))
    losses.append(flow.loss_continuous_time(x, flow.output_distribution(raw, theta, t), t))
    losses.append(flow.training_loss(x, flow.output_distribution(raw, theta, t), t))
    losses.append(flow.reconstruction_loss(x, flow.output_distribution(raw, theta, t)))
    for loss in losses:
        assert loss.shape == SHAPE[:1] and loss.dtype == torch.float32
        assert loss.isfinite().all()
        if loss.requires_grad:
            (gradient,) = torch.autograd.grad(loss.sum(), raw)
            assert gradient.isfinite().all()
    assert flow.sample_output(out, generator).isfinite().all()


@given(num_classes=counts, beta_1=st.floats(1e-4, 100), t=times, size=sizes, seed=seeds)
def test_categorical_flows_stay_finite(num_classes, beta_1, t, size, seed):
    x = torch.randint(num_classes, SHAPE, generator=torch.Generator().manual_seed(seed))
    check_everything(CategoricalFlow(num_classes, beta_1), x, t, size, seed)
    soft = torch.lerp(one_hot(x, num_classes).float(), torch.tensor(1 / num_classes), 0.1)
    check_everything(CategoricalFlow(num_classes, beta_1), soft, t, size, seed)


@given(num_bins=counts, sigma_1=sigmas, t=times, size=sizes, seed=seeds)
def test_discretized_flows_stay_finite(num_bins, sigma_1, t, size, seed):
    index = torch.randint(num_bins, SHAPE, generator=torch.Generator().manual_seed(seed))
    x = bin_centers(num_bins, torch.zeros(1))[index]
    check_everything(DiscretizedFlow(num_bins, sigma_1), x, t, size, seed)
    check_everything(DiffusionFlow(num_bins), x, t, size, seed)
    check_everything(OneShotFlow(DiscretizedFlow(num_bins, sigma_1)), x, t, size, seed)


@given(sigma_1=sigmas, t=times, size=sizes, seed=seeds)
def test_gaussian_flows_stay_finite(sigma_1, t, size, seed):
    x = torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    check_everything(GaussianFlow(sigma_1), x, t, size, seed)
    check_everything(DiffusionFlow(), x, t, size, seed)


@given(
    num_bins=counts,
    loc=st.floats(-300, 300, width=32),
    log_scale=st.floats(math.log(1e-3), 10),
)
def test_discretized_normals_stay_finite(num_bins, loc, log_scale):
    loc, log_scale = (torch.tensor([v], requires_grad=True) for v in (loc, log_scale))
    for quantity in (lambda out: out.logits, lambda out: out.mean, lambda out: out.entropy()):
        value = quantity(DiscretizedNormal(loc, log_scale.exp(), num_bins))
        assert value.isfinite().all()
        for gradient in torch.autograd.grad(value.sum(), (loc, log_scale)):
            assert gradient.isfinite().all()


def saved_sizes(function):
    """Numbers in each tensor that the backward pass of `function` keeps."""
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        function()
    return sizes


@pytest.mark.parametrize("num_classes", [10, 100])
def test_a_categorical_step_keeps_k_numbers_per_variable(num_classes):
    flow, x = CategoricalFlow(num_classes), torch.zeros(4, 5).long()
    out = Categorical(logits=torch.randn(4, 5, num_classes, requires_grad=True))
    sizes = saved_sizes(lambda: flow.loss_discrete_time(x, out, 1, 2))
    assert max(sizes) == 4 * 5 * num_classes


@pytest.mark.parametrize(("num_bins", "kept"), [(16, 3 + 15), (256, 2)])
def test_the_mean_of_bins_keeps_few_numbers_per_variable(num_bins, kept):
    loc, scale = torch.randn(2, 4000, requires_grad=True).exp()
    sizes = saved_sizes(lambda: DiscretizedNormal(loc, scale, num_bins).mean)
    assert 4000 * kept <= sum(sizes) < 4000 * kept + num_bins


def test_losses_and_theta_of_float64_data_are_float64():
    x, t = torch.rand(4, 3).double() * 2 - 1, torch.rand(4)
    flow = GaussianFlow()
    theta = flow.sample_theta(x, t)
    out = flow.output_distribution(torch.randn(4, 3, 1), theta, t)
    assert theta.mean.dtype == theta.precision.dtype == torch.float64
    assert flow.loss_continuous_time(x, out, t).dtype == torch.float64


def test_raw_outputs_of_half_precision_are_lifted_before_the_loss():
    flow, t, x = CategoricalFlow(2), torch.full((4,), 1.0), torch.zeros(4, 3).long()
    raw = torch.randn(4, 3, 2).bfloat16()
    out = flow.output_distribution(raw, flow.sample_theta(x, t), t)
    assert out.logits.dtype == flow.loss_continuous_time(x, out, t).dtype == torch.float32


@pytest.mark.parametrize("num_classes", [2, 3])
def test_probabilities_and_their_gradients_are_those_of_softmax(num_classes):
    generator = torch.Generator().manual_seed(0)
    size = torch.tensor([1.0, 30.0, 1e4, 1e38]).repeat_interleave(5)[:, None]
    logits = (size * torch.randn(20, num_classes, generator=generator)).requires_grad_()
    weights = torch.randn(20, num_classes, generator=generator)
    pairs = [
        (p, *torch.autograd.grad((weights * p).sum(), logits))
        for p in (probabilities(logits), logits.softmax(-1))
    ]
    for mine, theirs in zip(*pairs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
