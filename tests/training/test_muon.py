"""Muon against a singular value decomposition and against PyTorch's own."""

import pytest
import torch
from torch import Generator, nn

from paramrel.training.muon import Muon, orthogonalized

NUMBERS = dict(lr=0.01, betas=(0.9, 0.98), weight_decay=0.1)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(8, 8), (4, 18), (18, 4)])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_singular_vectors_stay_and_singular_values_become_about_one(shape, scale):
    matrices = normal(3, *shape)
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    found = u.mT @ orthogonalized(scale * matrices) @ vh.mT
    values = found.diagonal(dim1=-2, dim2=-1)
    assert (values > 0.5).all() and (values < 1.3).all()
    assert (found - values.diag_embed()).abs().max() < 1e-3


def test_of_nothing_nothing_is_made():
    assert (orthogonalized(torch.zeros(2, 3, 5)) == 0).all()


@pytest.mark.parametrize("shape", [(6, 6), (4, 10), (10, 4)])
def test_matrices_take_the_steps_of_the_muon_of_pytorch(shape):
    ours, theirs = (nn.Parameter(normal(*shape)) for _ in range(2))
    optimizers = (
        Muon([ours], **NUMBERS),
        torch.optim.Muon([theirs], lr=0.02, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
    )
    for step in range(5):
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = normal(*shape, seed=step + 1)
            optimizer.step()
    moved = (theirs - normal(*shape)).norm()
    assert (ours - theirs).norm() < 0.02 * moved  # PyTorch's computes in bfloat16


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_kernel_takes_the_step_of_its_matrix_whatever_its_layout(layout):
    kernel = nn.Parameter(normal(4, 3, 2, 2).to(memory_format=layout))
    matrix = nn.Parameter(normal(4, 12))
    optimizers = [Muon([parameter], **NUMBERS) for parameter in (kernel, matrix)]
    for step in range(3):
        gradient = normal(4, 12, seed=step + 1)
        kernel.grad = gradient.view(4, 3, 2, 2).to(memory_format=layout)
        matrix.grad = gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(kernel.flatten(1), matrix)


def test_what_is_no_matrix_takes_the_steps_of_adamw():
    ours, theirs, matrix = (
        nn.Parameter(normal(5)),
        nn.Parameter(normal(5)),
        nn.Parameter(normal(2, 2)),
    )
    optimizers = Muon([ours, matrix], **NUMBERS), torch.optim.AdamW([theirs], **NUMBERS)
    for step in range(3):
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = normal(5, seed=step + 1)
            optimizer.step()
    assert torch.equal(ours, theirs)
    assert torch.equal(matrix, normal(2, 2))  # it has no gradient
