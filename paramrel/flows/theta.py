"""θ, the parameters of the input distribution p_I(x|θ), as small typed objects."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

from torch import Tensor
from torch.distributions import Categorical, Normal


class Theta:
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


@dataclass(frozen=True)
class GaussianTheta(Theta):
    """p_I(x|θ) = N(mean, 1/precision)."""

    mean: Tensor  # (B, ...) as x
    precision: Tensor  # (B, 1, ...) or one per variable

    def to_distribution(self) -> Normal:
        """p_I(x|θ), one normal distribution per variable."""
        return Normal(self.mean, self.precision.rsqrt().expand_as(self.mean))

    def entropy(self) -> Tensor:
        """Entropy of p_I per variable, nats: (B, ...) as x."""
        return self.to_distribution().entropy()


@dataclass(frozen=True)
class CategoricalTheta(Theta):
    """p_I(x=k|θ) ∝ exp(logits_k)."""

    logits: Tensor  # (B, ..., K)

    def to_distribution(self) -> Categorical:
        """p_I(x|θ), one categorical distribution per variable."""
        return Categorical(logits=self.logits)

    def entropy(self) -> Tensor:
        """Entropy of p_I per variable, nats: (B, ...) as x."""
        return self.to_distribution().entropy()
