"""How the variables of data become what a network reads, and its outputs those of variables."""

import math

import torch
from torch import Tensor

from paramrel.data.fields import each, leaves

Shape = tuple[int, ...] | dict[str, tuple[int, ...]]
Features = int | dict[str, int]

MOST_PATCHES = 64  # of an image


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


class TokenPacking(FlatPacking):
    """A vector as that of `FlatPacking`, in which the features of a token stand together.

    A token is a variable, or a square patch of an image (C, H, W).
    tokens: how many there are, of each field.
    """

    def __init__(self, shapes: Shape, outputs: Features):
        super().__init__(shapes, outputs)
        self.tokens = each(_tokens, shapes)

    def pack(self, inputs: Tensor | dict[str, Tensor]) -> Tensor:
        """(B, ..., m), of every field → (B, F)."""
        return super().pack(each(_to_patches, inputs))

    def unpack(self, outputs: Tensor) -> Tensor | dict[str, Tensor]:
        """(B, F) → (B, ..., m), of every field."""
        return each(_from_patches, super().unpack(outputs))


def patch_side(height: int, width: int) -> int:
    """Return the side, in pixels, of the patches that an image is cut into.

    It is the least one of which there are at most 64, and where none divides the image like that,
    the largest that divides it.
    """
    sides = [
        side for side in range(1, min(height, width) + 1) if not (height % side or width % side)
    ]
    few = [side for side in sides if height * width <= MOST_PATCHES * side**2]
    return few[0] if few else sides[-1]


def _tokens(shape: tuple[int, ...]) -> int:
    if len(shape) != 3:
        return math.prod(shape)
    return math.prod(shape[1:]) // patch_side(*shape[1:]) ** 2


def _to_patches(x: Tensor) -> Tensor:
    """An image (B, C, H, W, m) → (B, H / p, W / p, C, p, p, m); all else as it is."""
    if x.ndim != 5:
        return x
    p = patch_side(*x.shape[2:4])
    return x.unflatten(3, (-1, p)).unflatten(2, (-1, p)).permute(0, 2, 4, 1, 3, 5, 6)


def _from_patches(x: Tensor) -> Tensor:
    """The inverse of `_to_patches`, of the same numbers as (B, C, H, W, m)."""
    if x.ndim != 5:
        return x
    batch, channels, height, width, m = x.shape
    p = patch_side(height, width)
    patches = x.reshape(batch, height // p, width // p, channels, p, p, m)
    return patches.permute(0, 3, 1, 4, 2, 5, 6).reshape(x.shape)


Packing = ImagePacking | FlatPacking
