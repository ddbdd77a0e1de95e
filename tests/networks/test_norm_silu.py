"""SiLU of a modulated group norm: the compiled function against the lines of PyTorch."""

import pytest
import torch
from torch import nn

from paramrel.networks import UNet
from paramrel.networks.norm_silu import kernel, norm_silu

B, CODE = 3, 5

needs_compiler = pytest.mark.skipif(
    kernel.library() is None, reason="there is no C++ compiler that builds the kernels"
)


@pytest.fixture
def _small_too(monkeypatch):
    monkeypatch.setattr(kernel, "SMALLEST", 0)


for_small_images = pytest.mark.usefixtures("_small_too")


def modulated(dtype, shape=(B, 24, 3, 5)):
    """A group norm of unequal weights and what norm_silu takes with it, channels last."""
    generator = torch.Generator().manual_seed(2)

    def normal(*sizes):
        return torch.randn(sizes, generator=generator).to(dtype).requires_grad_()

    norm = nn.GroupNorm(3, shape[1])
    norm.weight, norm.bias = (nn.Parameter(normal(shape[1]).detach()) for _ in range(2))
    x = (3 * normal(*shape).detach() + 1).to(memory_format=torch.channels_last).requires_grad_()
    return norm, x, normal(*shape[:2]), normal(*shape[:2])


def with_gradients(norm, x, scale, shift):
    generator = torch.Generator().manual_seed(3)
    inputs = [tensor for tensor in (x, scale, shift, *norm.parameters()) if tensor is not None]
    y = norm_silu(x, norm, scale, shift)
    return y, *torch.autograd.grad(y, inputs, torch.randn(y.shape, generator=generator).to(y))


@needs_compiler
@for_small_images
def test_the_compiled_norm_has_the_gradients_of_finite_differences():
    norm, *arguments = modulated(torch.float64)
    assert torch.autograd.gradcheck(lambda *a: norm_silu(a[0], norm, *a[1:]), arguments)


@needs_compiler
@for_small_images
@pytest.mark.parametrize("modulate", [True, False])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 2e-2)],
)
def test_the_compiled_norm_and_its_gradients_are_those_of_pytorch(
    monkeypatch, dtype, tolerance, modulate
):
    norm, x, scale, shift = modulated(dtype)
    arguments = (norm, x, scale, shift) if modulate else (norm, x, None, None)
    compiled = with_gradients(*arguments)
    monkeypatch.setattr(kernel, "library", lambda: None)
    for mine, theirs in zip(compiled, with_gradients(*arguments), strict=True):
        assert mine.dtype == theirs.dtype
        torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance * theirs.abs().max().item())


@needs_compiler
@for_small_images
def test_the_compiled_norm_survives_values_that_overflow_the_exponential():
    norm, x, scale, shift = modulated(torch.float32)
    y, *gradients = with_gradients(norm, 1e4 * x, 1e3 * scale, 1e3 * shift)
    assert y.isfinite().all() and all(gradient.isfinite().all() for gradient in gradients)


@needs_compiler
@for_small_images
def test_a_nan_is_handed_on_and_never_hidden():
    norm, x, scale, shift = modulated(torch.float32)
    with torch.no_grad():
        x[0, 0, 0, 0] = torch.nan
        y = norm_silu(x, norm, scale, shift)
    assert y[0, :8].isnan().all() and y[1:].isfinite().all()


@for_small_images
def test_without_a_compiler_the_networks_give_the_same(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    network = UNet(2, 4, (8, 8), CODE, (16, 32), (1, 1))
    with torch.no_grad():  # layers that start at zero get the weights of a trained network
        for parameter in network.parameters():
            if not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    image, z = (torch.randn(B, *shape, generator=generator) for shape in ((2, 8, 8), (CODE,)))
    inputs = image, torch.zeros(B), z, torch.ones(B)
    compiled = network(*inputs)
    monkeypatch.setattr(kernel, "library", lambda: None)
    torch.testing.assert_close(network(*inputs), compiled)


@needs_compiler
@pytest.mark.parametrize(("size", "compiled"), [(8, False), (28, True)])
def test_only_large_images_are_given_to_the_kernel(monkeypatch, size, compiled):
    norm, *arguments = modulated(torch.float32, (B, 24, size, size))
    called = []
    monkeypatch.setattr(kernel, "_call", lambda *a, **k: called.append(a))
    norm_silu(arguments[0], norm, *arguments[1:])
    assert bool(called) == compiled


def test_a_missing_compiler_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kernel.library.__wrapped__() is None
