"""How stored grey levels become the variable that a flow models, and examples read when needed."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

Kind = Literal["binary", "discretized", "continuous", "categorical", "mixed"]
Binarization = Literal["bernoulli-dynamic", "threshold-0.5", "threshold-0"]


@dataclass(frozen=True)
class Reading:
    """A reading of levels in 0..max_level.

    binary: class 1 by the binarization. `bernoulli-dynamic`: with probability level / max_level,
    drawn anew each time (Salakhutdinov & Murray, 2008); `threshold-0.5`: from half of max_level
    on; `threshold-0`: wherever the level is not 0. categorical: the level is the class.
    discretized: the centres of max_level + 1 bins of equal width in [-1, 1]. continuous: the
    level scaled from [0, max_level] to [-1, 1].
    """

    kind: Kind
    max_level: int
    binarization: Binarization = "threshold-0.5"

    @property
    def levels(self) -> int | None:
        """The number of classes or bins of a variable; None where it is continuous."""
        count = self.max_level + 1
        return {"binary": 2, "discretized": count, "categorical": count}.get(self.kind)

    @property
    def is_random(self) -> bool:
        return self.kind == "binary" and self.binarization == "bernoulli-dynamic"

    def __call__(self, levels: Tensor, generator: Generator | None = None) -> Tensor:
        """Read levels uint8 (...) as long classes or float32 values of the same shape."""
        if self.kind == "binary":
            return self._is_on(levels, generator).long()
        if self.kind == "categorical":
            return levels.long()
        if self.kind == "discretized":
            return (2 * levels.float() + 1) / (self.max_level + 1) - 1
        return 2 * levels.float() / self.max_level - 1

    def _is_on(self, levels: Tensor, generator: Generator | None) -> Tensor:
        if self.binarization == "bernoulli-dynamic":
            noise = torch.randint(
                self.max_level, levels.shape, generator=generator, device=levels.device,
                dtype=torch.uint8,
            )  # fmt: skip
            return levels > noise
        return levels >= self.max_level / 2 if self.binarization == "threshold-0.5" else levels > 0


class Examples:
    """Examples that stay stored as levels, on disk or on a device, and are read when indexed.

    examples[index] is a tensor for an int, a slice or a long tensor (B,) as index.
    levels: (M, ...) uint8; rows: (N,) long, which of them are meant.
    """

    def __init__(self, levels: Tensor, rows: Tensor, reading: Reading):
        self.levels, self.rows, self.reading = levels, rows, reading

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self.rows), *self.levels.shape[1:]))

    @property
    def device(self) -> torch.device:
        return self.levels.device

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        """Return examples, (B, ...); random readings are seeded, so that twice is the same."""
        return self.draw(index, torch.Generator(self.device).manual_seed(0))

    def draw(self, index: int | slice | Tensor, generator: Generator | None = None) -> Tensor:
        """Return examples, (B, ...), with random readings drawn anew."""
        return self.reading(self.levels[self.rows[index]], generator)

    def to(self, device: torch.device | str) -> "Examples":
        """Return these examples with their levels on a device; one byte a value is moved."""
        if torch.device(device) == self.device:
            return self
        rows = torch.arange(len(self), device=device)
        return Examples(self.levels[self.rows].to(device), rows, self.reading)

    def some(self, index: Tensor) -> "Examples":
        """Return some of these examples, (B,) of them, still stored; a random reading is frozen."""
        chosen = Examples(self.levels, self.rows[index], self.reading)
        return chosen.frozen(seed=0) if self.reading.is_random else chosen

    def frozen(self, seed: int) -> "Examples":
        """Return these examples with the random reading drawn once and for all."""
        generator = torch.Generator(self.device).manual_seed(seed)
        drawn = self.reading(self.levels[self.rows], generator) * self.reading.max_level
        rows = torch.arange(len(self), device=self.device)
        return Examples(drawn.to(torch.uint8), rows, self.reading)
