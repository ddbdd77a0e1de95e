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
    """One draw per variable; unlike `Distribution.sample` it takes a generator.

    A class is the first arrival of exponential times with rates p_k, as in `torch.multinomial`,
    which also reads back whether all p_k are probabilities.
    """
    if isinstance(distribution, Categorical):
        probs = distribution.probs.detach()
        times = torch.empty_like(probs, memory_format=torch.contiguous_format)
        return (probs / times.exponential_(generator=generator)).argmax(-1)
    if isinstance(distribution, Normal | Independent):
        mean, scale = distribution.mean.detach(), distribution.stddev.detach()
        return mean + scale * torch.randn(
            mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
        )
    return distribution.sample(generator=generator)
