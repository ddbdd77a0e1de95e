"""How the variables of data become what a network reads, and its outputs those of variables."""

import math

import torch
from torch import Tensor

from paramrel.data.fields import each, leaves

Shape = tuple[int, ...] | dict[str, tuple[int, ...]]
Features = int | dict[str, int]


class ImagePacking:
    """The variables of an image become channels, which convolutions read."""

    def __init__(self, channels: int):
        self.channels = channels

    def size(self, features: int) -> int:
        """Return the channels that so many features per variable make."""
        return self.channels * features

    def pack(self, inputs: Tensor) -> Tensor:
        """(B, C, H, W, m) → (B, C·m, H, W)."""
        return inputs.movedim(-1, 2).flatten(1, 2)

    def unpack(self, outputs: Tensor) -> Tensor:
        """(B, C·m, H, W) → (B, C, H, W, m)."""
        return outputs.unflatten(1, (self.channels, -1)).movedim(2, -1)


class FlatPacking:
    """The variables of all fields stand in one vector, which an MLP reads.

    shapes: of an example, () of a single number; a dict of them where there are several fields.
    outputs: features per variable of the network's output, of each field.
    """

    def __init__(self, shapes: Shape, outputs: Features):
        self.shapes = shapes
        self.output_shapes = each(lambda shape, m: (*shape, m), shapes, outputs)

    def size(self, features: Features) -> int:
        """Return the numbers that so many features per variable make."""
        sizes = each(lambda shape, m: math.prod(shape) * m, self.shapes, features)
        return sum(leaves(sizes))

    def pack(self, inputs: Tensor | dict[str, Tensor]) -> Tensor:
        """(B, ..., m), of every field → (B, F)."""
        parts = each(lambda _, part: part.flatten(1), self.shapes, inputs)
        return torch.cat(leaves(parts), 1)

    def unpack(self, outputs: Tensor) -> Tensor | dict[str, Tensor]:
        """(B, F) → (B, ..., m), of every field."""
        sizes = [math.prod(shape) for shape in leaves(self.output_shapes)]
        parts = iter(outputs.split(sizes, 1))
        return each(lambda shape: next(parts).unflatten(1, shape), self.output_shapes)


Packing = ImagePacking | FlatPacking
