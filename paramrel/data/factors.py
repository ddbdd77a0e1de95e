"""Factors of variation: what examples were drawn from, each with a fixed number of values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

Render = Callable[[Tensor], Tensor]  # values of the factors (N, F) → levels (N, ...) uint8


@dataclass(frozen=True)
class Factors:
    """Independent factors whose combinations are counted with the last factor fastest.

    words: of each factor, what its values are called; empty where they are called nothing.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    words: tuple[tuple[str, ...], ...] = ()

    @property
    def combinations(self) -> int:
        return int(np.prod(self.sizes))

    def from_index(self, index: Tensor) -> Tensor:
        """Return the values (N, F) of the combinations with these numbers (N,)."""
        if len(index) and not 0 <= index.min() <= index.max() < self.combinations:
            raise ValueError(
                f"index reaches from {index.min()} to {index.max()}; combinations are numbered "
                f"0 to {self.combinations - 1}"
            )
        return torch.stack(torch.unravel_index(index, self.sizes), 1)

    def to_index(self, values: Tensor) -> Tensor:
        """Return the numbers (N,) of the combinations with these values (N, F)."""
        self.check(values)
        strides = np.cumprod((1, *self.sizes[:0:-1]))[::-1]
        return values @ torch.from_numpy(strides.copy()).to(values.device)

    def check(self, values: Tensor) -> None:
        """Raise ValueError unless values is (N, F), long, and each within its factor's size."""
        if values.dtype != torch.long or values.ndim != 2 or values.shape[1] != len(self.sizes):
            raise ValueError(
                f"values is {values.dtype} {tuple(values.shape)}; it must be long, (N, "
                f"{len(self.sizes)})"
            )
        for name, size, column in zip(self.names, self.sizes, values.T, strict=True):
            if len(column) and not 0 <= column.min() <= column.max() < size:
                raise ValueError(
                    f"{name} reaches from {column.min()} to {column.max()}; it must be 0 to "
                    f"{size - 1}"
                )

    def meaning(self, values: Sequence[int]) -> tuple[str, ...]:
        """Return what the values (F,) of an example are called."""
        return tuple(words[value] for words, value in zip(self.words, values, strict=True))

    def draw(self, size: int, generator: Generator | None = None) -> Tensor:
        """Draw values (size, F), each factor uniform and independent."""
        columns = [torch.randint(n, (size,), generator=generator) for n in self.sizes]
        return torch.stack(columns, 1)

    def draw_held(self, factor: int, size: int, generator: Generator | None = None) -> Tensor:
        """Draw values (size, F) that share one random value of one factor.

        The batches of the FactorVAE score (Kim & Mnih, 2018, arXiv 1802.05983).
        """
        if factor not in range(len(self.sizes)):
            raise ValueError(f"factor is {factor}; it must be 0 to {len(self.sizes) - 1}")
        values = self.draw(size, generator)
        values[:, factor] = values[0, factor].clone()
        return values
