"""The point mass, and draws that take a generator."""

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution, Independent, Normal, constraints


class PointMass(Distribution):
    """All probability on one value per variable: the output distribution of a GaussianFlow."""

    arg_constraints = {"value": constraints.real}
    support = constraints.real

    def __init__(self, value: Tensor):
        self.value = value
        super().__init__(value.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.value

    @property
    def mode(self) -> Tensor:
        return self.value

    @property
    def variance(self) -> Tensor:
        return torch.zeros_like(self.value)

    def sample(self, sample_shape=(), generator: Generator | None = None) -> Tensor:
        return self.value.detach().expand(self._extended_shape(torch.Size(sample_shape)))


def draw(distribution: Distribution, generator: Generator | None = None) -> Tensor:
    """One draw per variable; unlike `Distribution.sample` it takes a generator."""
    if isinstance(distribution, Categorical):
        probs = distribution.probs.detach()
        index = torch.multinomial(probs.reshape(-1, probs.shape[-1]), 1, generator=generator)
        return index.reshape(probs.shape[:-1])
    if isinstance(distribution, Normal | Independent):
        mean, scale = distribution.mean.detach(), distribution.stddev.detach()
        return mean + scale * torch.randn(
            mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
        )
    return distribution.sample(generator=generator)
