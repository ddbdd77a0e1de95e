"""θ of records of several fields."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from .theta import Theta


@dataclass(frozen=True)
class MixedTheta(Theta):
    """θ of every field."""

    fields: dict[str, Theta]

    def __getitem__(self, name: str) -> Theta:
        return self.fields[name]

    def map(self, function: Callable[..., Tensor], *others: "MixedTheta") -> "MixedTheta":
        """Applies `function` to every tensor of every field, as `Theta.map` does."""
        return MixedTheta(
            {
                name: theta.map(function, *[other[name] for other in others])
                for name, theta in self.fields.items()
            }
        )

    @property
    def shape(self) -> dict[str, tuple[int, ...]]:
        return {name: theta.shape for name, theta in self.fields.items()}

    @property
    def dtype(self) -> torch.dtype:
        return self._first.dtype

    def times(self, t: float) -> Tensor:
        return self._first.times(t)

    def where(self, mask: dict[str, Tensor], other: "MixedTheta") -> "MixedTheta":
        """θ of the variables whose `mask` is true, and the `other` θ of all others, by field."""
        return MixedTheta(
            {name: theta.where(mask[name], other[name]) for name, theta in self.fields.items()}
        )

    @property
    def _first(self) -> Theta:
        return next(iter(self.fields.values()))

    def to_distribution(self) -> dict[str, Distribution]:
        """p_I(x|θ) of every field."""
        return {name: theta.to_distribution() for name, theta in self.fields.items()}

    def entropy(self) -> dict[str, Tensor]:
        """Entropy of p_I per variable of every field, nats."""
        return {name: theta.entropy() for name, theta in self.fields.items()}
