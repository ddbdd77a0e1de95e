"""θ, the parameters of the input distribution p_I(x|θ), as small typed objects."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Categorical, Normal


class Theta(ABC):
    """Parameters that travel together."""

    def map(self, function: Callable[..., Tensor], *others: Self) -> Self:
        """Applies `function` to every tensor, along with the same tensor of the `others`.

        All tensors start with the batch axis: `theta.map(lambda a: a[:4])` are four examples,
        `a.map(partial(torch.where, mask), b)` with a mask (B, 1, 1, 1) mixes two.
        """
        tensors = {
            field.name: function(*[getattr(theta, field.name) for theta in (self, *others)])
            for field in fields(self)
        }
        return replace(self, **tensors)

    @abstractmethod
    def to_distribution(self) -> Any:
        """p_I(x|θ), one distribution per variable; of several fields, a dict."""

    @property
    @abstractmethod
    def shape(self) -> Any:
        """The shape (B, ...) of the data that θ speaks of; of several fields, a dict."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """The dtype that predictions are made in."""

    @abstractmethod
    def times(self, t: float) -> Tensor:
        """The time t for every example: (B,), of the dtype and on the device of θ."""

    @abstractmethod
    def where(self, mask: Any, other: Self) -> Self:
        """θ of the variables whose `mask` (B, ...) is true, and the `other` θ of all others.

        Of several fields, masks are a dict.
        """

    def entropy(self) -> Any:
        """Entropy of p_I per variable, nats: (B, ...) as x; of several fields, a dict."""
        return self.to_distribution().entropy()


@dataclass(frozen=True)
class GaussianTheta(Theta):
    """p_I(x|θ) = N(mean, 1/precision)."""

    mean: Tensor  # (B, ...) as x
    precision: Tensor  # (B, 1, ...) or one per variable

    def to_distribution(self) -> Normal:
        """p_I(x|θ), one normal distribution per variable."""
        return Normal(self.mean, self.precision.rsqrt().expand_as(self.mean))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.mean.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.mean.dtype

    def times(self, t: float) -> Tensor:
        return self.mean.new_full((len(self.mean),), t)

    def where(self, mask: Tensor, other: "GaussianTheta") -> "GaussianTheta":
        return self.map(lambda mine, others: torch.where(mask, mine, others), other)


@dataclass(frozen=True)
class CategoricalTheta(Theta):
    """p_I(x=k|θ) ∝ exp(logits_k)."""

    logits: Tensor  # (B, ..., K)

    def to_distribution(self) -> Categorical:
        """p_I(x|θ), one categorical distribution per variable."""
        return Categorical(logits=self.logits)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.logits.shape[:-1])

    @property
    def dtype(self) -> torch.dtype:
        return self.logits.dtype

    def times(self, t: float) -> Tensor:
        return self.logits.new_full((len(self.logits),), t)

    def where(self, mask: Tensor, other: "CategoricalTheta") -> "CategoricalTheta":
        return CategoricalTheta(torch.where(mask.unsqueeze(-1), self.logits, other.logits))
