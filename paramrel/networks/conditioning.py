"""How a code z reaches a decoder: a class for each way, under the name that parameters give it.

Whatever the way, the code also reaches the image through a path that carries position: where θ_t
is constant (t = 0, or no flow at all), normalised constant maps stay constant, and scales and
shifts alone could not draw a picture.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paramrel.networks.blocks import Attention

Shape = tuple[int, int, int]  # (C, H, W) of a hidden image; (W, 1, 1) of a hidden vector

TOKEN_HIDDEN, TOKEN = 64, 32  # features of a scalar's MLP and of its token


class Conditioning(nn.Module):
    """Four places where a decoder takes in its code; a way overrides those that it uses.

    code_dim, embedding: d and E of the code z: (B, d) and of the times' embedding (B, E).
    first, lowest: shapes of the hidden images at the input's and at the lowest resolution, which
        of an MLP are the same hidden vector.
    blocks: shapes of the hidden images that the blocks make, in their order; None of those that
        are too large to attend to anything.
    """

    def __init__(
        self,
        code_dim: int,
        embedding: int,
        first: Shape,
        lowest: Shape,
        blocks: Sequence[Shape | None],
    ):
        super().__init__()

    def read(self, z: Tensor) -> Tensor:
        """What the places below are given as the code (B, d): by default z itself."""
        return z

    def of_times(self, embedding: Tensor, z: Tensor) -> Tensor:
        """The times' embedding (B, E), which modulates all normalisations, with the code."""
        return embedding

    def at_first(self, h: Tensor, z: Tensor) -> Tensor:
        """The hidden image (B, C, H, W) at the input's resolution, with the code."""
        return h

    def at_lowest(self, h: Tensor, z: Tensor) -> Tensor:
        """The hidden image (B, C, H, W) at the lowest resolution, with the code."""
        return h

    def after_block(self, h: Tensor, z: Tensor, number: int) -> Tensor:
        """The hidden image (B, C, H, W) that a residual block made, with the code."""
        return h


class InputAdd(Conditioning):
    """z is projected to a map that is added to what the first layer makes of the input."""

    def __init__(self, code_dim: int, embedding: int, first: Shape, **sizes: Any):
        super().__init__(code_dim, embedding, first, **sizes)
        self.map = _to_map(code_dim, first)

    def at_first(self, h: Tensor, z: Tensor) -> Tensor:
        return h + self.map(z)


class AdaGN(Conditioning):
    """z scales and shifts the normalisations, and is projected to a map at the lowest resolution.

    Adaptive group norm, as in DiffAE (Preechakul et al. 2022).
    """

    def __init__(self, code_dim: int, embedding: int, lowest: Shape, **sizes: Any):
        super().__init__(code_dim, embedding, lowest=lowest, **sizes)
        self.map = _to_map(code_dim, lowest)
        self.embed = nn.Linear(code_dim, embedding)

    def of_times(self, embedding: Tensor, z: Tensor) -> Tensor:
        return embedding + self.embed(z)

    def at_lowest(self, h: Tensor, z: Tensor) -> Tensor:
        return h + self.map(z)


class CrossAttention(Conditioning):
    """Every scalar of z is a token that the pixels of the lowest resolution attend to.

    The pixels have learned positions (EncDiff, Yang et al. 2024).
    """

    def __init__(self, code_dim: int, lowest: Shape, **sizes: Any):
        super().__init__(code_dim, lowest=lowest, **sizes)
        channels = lowest[0]
        self.attention = Attention(channels)
        self.scale = nn.Parameter(torch.randn(code_dim, channels))
        self.name = nn.Parameter(torch.randn(code_dim, channels))
        self.position = nn.Parameter(torch.randn(lowest))

    def at_lowest(self, h: Tensor, z: Tensor) -> Tensor:
        tokens = F.silu(z[..., None] * self.scale + self.name)  # (B, d, C)
        return self.attention(h + self.position, tokens)


class Tokens(Conditioning):
    """Every scalar of z is a token, made by an MLP of its own, that all blocks attend to.

    As in EncDiff (Yang et al. 2024), after each block whose image is not too large. The lowest
    pixels have learned positions.
    """

    def __init__(self, code_dim: int, lowest: Shape, blocks: Sequence[Shape | None], **sizes: Any):
        super().__init__(code_dim, lowest=lowest, blocks=blocks, **sizes)
        self.scale = nn.Parameter(torch.randn(code_dim, TOKEN_HIDDEN))
        self.shift = nn.Parameter(torch.randn(code_dim, TOKEN_HIDDEN))
        self.weight = nn.Parameter(torch.randn(code_dim, TOKEN_HIDDEN, TOKEN) / TOKEN_HIDDEN**0.5)
        self.name = nn.Parameter(torch.randn(code_dim, TOKEN))
        self.position = nn.Parameter(torch.randn(lowest))
        self.lowest = Attention(lowest[0], TOKEN)
        self.attention = nn.ModuleList(
            None if shape is None else Attention(shape[0], TOKEN) for shape in blocks
        )

    def read(self, z: Tensor) -> Tensor:
        """The tokens (B, d, T) of a code (B, d)."""
        hidden = F.silu(z[..., None] * self.scale + self.shift)
        return torch.einsum("bdh,dht->bdt", hidden, self.weight) + self.name

    def at_lowest(self, h: Tensor, z: Tensor) -> Tensor:
        return self.lowest(h + self.position, z)

    def after_block(self, h: Tensor, z: Tensor, number: int) -> Tensor:
        attention = self.attention[number]
        return h if attention is None else attention(h, z)


CONDITIONING = {
    "input_add": InputAdd,
    "adagn": AdaGN,
    "cross_attention": CrossAttention,
    "tokens": Tokens,
}


def conditioning_of(name: str, **sizes: Any) -> Conditioning:
    """Return a conditioning by its name; ValueError for one that there is not."""
    if name not in CONDITIONING:
        raise ValueError(f"conditioning is {name!r}, but must be one of {tuple(CONDITIONING)}")
    return CONDITIONING[name](**sizes)


def _to_map(code_dim: int, shape: Shape) -> nn.Module:
    return nn.Sequential(nn.Linear(code_dim, math.prod(shape)), nn.Unflatten(1, shape))


def rename_older_weights(
    network: nn.Module, weights: dict[str, Tensor], prefix: str, *_: object
) -> None:
    """Give the weights of a decoder that was saved without conditioning classes today's names."""
    for key in [key for key in weights if key.startswith(prefix)]:
        name = key.removeprefix(prefix)
        if name.startswith("code_") or name == "position":
            name = name.removeprefix("code_")
            if name in ("map.weight", "map.bias"):  # of an MLP
                name = name.replace("map.", "map.0.")
            weights[f"{prefix}conditioning.{name}"] = weights.pop(key)
