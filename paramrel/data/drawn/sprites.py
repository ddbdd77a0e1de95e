"""Sprites: one white shape on black, drawn from the five factors of dSprites.

The factors and their cardinalities are those of dSprites (Matthey et al., 2017); the pictures are
this project's own. As there, a square looks the same after a quarter of a turn, and an ellipse
after half of one: such pictures are equal, so they always lie in the same part of the data set.
"""

import math

import torch
from torch import Tensor

from paramrel.data.factors import Factors

SPRITE_SHAPES = ("square", "ellipse", "heart")


SPRITE_FACTORS = Factors(
    names=("shape", "scale", "orientation", "x position", "y position"),
    sizes=(3, 6, 40, 32, 32),
)


RADIUS = 0.21  # of the largest shape, in widths of the image


def render_sprites(values: Tensor, size: int) -> Tensor:
    """Draw sprites, (N, 1, size, size) uint8 of 0 and 1, from the values (N, 5) of their factors.

    A pixel is 1 where its centre lies in the shape. The same values give the same bytes. Raises
    ValueError for values out of range or a size outside 16 to 64 pixels.
    """
    SPRITE_FACTORS.check(values)
    if not 16 <= size <= 64:
        raise ValueError(f"size is {size}; a sprite has 16 to 64 pixels a side")
    images = torch.empty(len(values), 1, size, size, dtype=torch.uint8)
    for start in range(0, len(values), 1024):
        part = slice(start, start + 1024)
        images[part, 0] = _outside(values[part], size) < 0
    return images


def _outside(values: Tensor, size: int) -> Tensor:
    """A function (N, size, size) of the pixels' centres that is negative inside the shape."""
    shape, scale, orientation, x, y = values.double().T[..., None, None]
    centers = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    margin = RADIUS * 1.15
    dx = centers - (margin + x / 31 * (1 - 2 * margin))
    dy = centers[:, None] - (margin + y / 31 * (1 - 2 * margin))
    # a quarter of a step off the axes: no edge runs along the pixels, so small moves show
    angle = (orientation + 0.25) * math.tau / 40
    radius = RADIUS * (0.5 + 0.1 * scale)
    u = (dx * angle.cos() + dy * angle.sin()) / radius
    v = (dx * angle.sin() - dy * angle.cos()) / radius
    square = torch.maximum(u.abs(), v.abs()) - 0.8
    ellipse = (u / 0.6) ** 2 + v**2 - 1
    a, b = 1.2 * u, 1.2 * v + 0.1
    heart = (a**2 + b**2 - 1) ** 3 - a**2 * b**3
    return torch.where(shape == 0, square, torch.where(shape == 1, ellipse, heart))
