"""What a model without any structure pays: the floor that a likelihood bound must beat."""

import math

import torch
from torch import Tensor

from paramrel.data import Dataset, Variable
from paramrel.data.fields import each, leaves


def independent_pixels_nll(data: Dataset, sigma_1: float = 0.02) -> float:
    """Return the test negative log-likelihood of independent variables, nats per example.

    Classes and discretized values: each variable has its frequencies in the training split, with
    one count added to each level (Laplace). Continuous: its training values, each blurred by a
    normal of scale σ₁, the resolution that no model of these data exceeds: the density of values
    that were rounded, which images are, could otherwise be as high as one likes.
    """

    def nll(variable: Variable, train: Tensor, test: Tensor) -> float:
        if variable.levels is None:
            return _blurred_nll(train, test, sigma_1)
        return _independent_nll(variable, train, test)

    return sum(leaves(each(nll, data.variables, data.train.x, data.test.x)))


def _blurred_nll(train: Tensor, test: Tensor, sigma_1: float) -> float:
    """Of values in [-1, 1], of which the training ones are rounded to σ₁/4."""
    cells = round(8 / sigma_1) + 1
    grid = torch.linspace(-1, 1, cells, dtype=torch.float64)
    index = ((train.flatten(1) + 1) / 2 * (cells - 1)).round().long()
    counts = torch.stack([column.bincount(minlength=cells) for column in index.T])  # (D, cells)
    weights = (counts / len(train)).double().log()
    total = 0.0
    for weight, values in zip(weights, test.flatten(1).double().T, strict=True):
        kept = weight.isfinite()
        kernel = -((values[:, None] - grid[kept]) / sigma_1).square() / 2
        total -= (kernel + weight[kept]).logsumexp(1).sum().item()
    constant = math.log(sigma_1 * math.sqrt(2 * math.pi)) * weights.shape[0]
    return total / len(test) + constant


def _independent_nll(variable: Variable, train: Tensor, test: Tensor) -> float:
    if variable.kind == "discretized":
        train, test = (((x + 1) * variable.levels / 2).floor().long() for x in (train, test))
    counts = torch.stack([1 + (train == level).sum(0) for level in range(variable.levels)])
    log_probs = (counts / counts.sum(0)).log()  # (levels, ...)
    return -log_probs.gather(0, test).sum().item() / len(test)
