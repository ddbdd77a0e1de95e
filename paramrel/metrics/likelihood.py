"""What a model without any structure pays: the floor that a likelihood bound must beat."""

import torch
from torch import Tensor
from torch.distributions import Normal

from paramrel.data import Dataset, Variable
from paramrel.data.fields import each, leaves


def independent_pixels_nll(data: Dataset) -> float:
    """Return the test negative log-likelihood of independent variables, nats per example.

    Classes and discretized values: each variable has its frequencies in the training split, with
    one count added to each level (Laplace). Continuous: each is normal with its training mean and
    variance, plus the variance of a uniform quantum of 1 %, which keeps constant pixels finite.
    """
    return sum(leaves(each(_independent_nll, data.variables, data.train.x, data.test.x)))


def _independent_nll(variable: Variable, train: Tensor, test: Tensor) -> float:
    if variable.levels is None:
        spread = (train.var(0) + 0.02**2 / 12).sqrt()
        return -Normal(train.mean(0), spread).log_prob(test).sum().item() / len(test)
    if variable.kind == "discretized":
        train, test = (((x + 1) * variable.levels / 2).floor().long() for x in (train, test))
    counts = torch.stack([1 + (train == level).sum(0) for level in range(variable.levels)])
    log_probs = (counts / counts.sum(0)).log()  # (levels, ...)
    return -log_probs.gather(0, test).sum().item() / len(test)
