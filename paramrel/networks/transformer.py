"""Transformers for sequences, records and images: all tokens attend to each other.

A token is a variable: a letter of a text, or a cell of a table, whose columns then attend to each
other. Of images it is a square patch.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paramrel.data.fields import each, leaves
from paramrel.networks.backbone import Networks, Sizes
from paramrel.networks.blocks import TimeEmbedding, attend, zero_init
from paramrel.networks.conditioning import conditioning_of
from paramrel.networks.packing import Features, Shape, TokenPacking

HEAD = 32  # features of an attention head, at least
LONGEST = 10_000  # about how many tokens the slowest rotation tells apart
READERS = 8  # learned queries that a code is read with
SMALL = 0.02  # of learned positions at the start


class TokenField(NamedTuple):
    """A field as a transformer reads it: so many tokens, of so many features each.

    sequence: whether its tokens have an order.
    """

    tokens: int
    inputs: int
    outputs: int
    sequence: bool


def rotations(positions: Tensor, size: int) -> Tensor:
    """Return cosines and sines, (2, N, size / 2), of the angles that heads turn by at positions.

    positions: (N,); size: of a head, even. RoPE (Su et al. 2021).
    """
    frequencies = LONGEST ** (-torch.arange(0, size, 2) / size)
    angles = positions[:, None] * frequencies
    return torch.stack([angles.cos(), angles.sin()])


def rotated(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn the pairs of features of tokens, (..., N, size), by what `rotations` returned.

    Products of two such tokens depend on how far apart they are, and not on where.
    """
    (a, b), (cos, sin) = x.chunk(2, -1), rotation
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class TransformerBlock(nn.Module):
    """Self-attention and a perceptron, each after an adaptive layer norm.

    rotation: by which queries and keys turn, of `rotations`; None for tokens that have no order.
    """

    def __init__(self, width: int, embedding: int, rotation: Tensor | None):
        super().__init__()
        self.heads = heads_of(width)
        self.register_buffer("rotation", rotation, persistent=False)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = zero_init(nn.Linear(width, width))
        self.linear1 = nn.Linear(width, 4 * width)
        self.linear2 = zero_init(nn.Linear(4 * width, width))
        self.modulation = zero_init(nn.Linear(embedding, 4 * width))

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """h: (B, N, W), embedding: (B, E) → (B, N, W)."""
        scale1, shift1, scale2, shift2 = self.modulation(embedding)[:, None].chunk(4, -1)
        h = h + self._attention(torch.addcmul(shift1, self.norm1(h), 1 + scale1))
        y = torch.addcmul(shift2, self.norm2(h), 1 + scale2)
        return h + self.linear2(F.gelu(self.linear1(y)))

    def _attention(self, y: Tensor) -> Tensor:
        parts = self.query_key_value(y).unflatten(-1, (3, self.heads, -1)).unbind(2)
        q, k, v = (part.transpose(1, 2) for part in parts)  # (B, heads, N, W / heads)
        if self.rotation is not None:
            q, k = rotated(q, self.rotation), rotated(k, self.rotation)
        return self.out(attend(q, k, v).transpose(1, 2).flatten(2))


def heads_of(width: int) -> int:
    """Return how many heads share a width, a multiple of 8: of 32 features each, or a few more."""
    return max(n for n in range(1, max(width // HEAD, 1) + 1) if width // 8 % n == 0)


def transformer_blocks(
    fields: Sequence[TokenField], width: int, blocks: int, embedding: int
) -> nn.ModuleList:
    """Return blocks for the tokens of all fields; those of a sequence have rotary positions."""
    places = torch.cat([torch.arange(field.tokens) * field.sequence for field in fields])
    rotation = rotations(places, width // heads_of(width)) if places.any() else None
    return nn.ModuleList(TransformerBlock(width, embedding, rotation) for _ in range(blocks))


class TokenStem(nn.Module):
    """Make the tokens of all fields: by a linear layer for each, and a learned position a token.

    Positions tell apart fields, too.
    """

    def __init__(self, fields: Sequence[TokenField], width: int):
        super().__init__()
        self.sizes = [field.tokens * field.inputs for field in fields]
        self.layers = nn.ModuleList(nn.Linear(f.inputs, width, bias=False) for f in fields)
        self.position = nn.Parameter(SMALL * torch.randn(sum(f.tokens for f in fields), width))

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F_in) → (B, N, W)."""
        parts = zip(self.layers, inputs.split(self.sizes, 1), strict=True)
        tokens = [layer(part.unflatten(1, (-1, layer.in_features))) for layer, part in parts]
        return torch.cat(tokens, 1) + self.position


class TokenHead(nn.Module):
    """Make the outputs of all fields: by a linear layer for each, which starts at zero."""

    def __init__(self, fields: Sequence[TokenField], width: int):
        super().__init__()
        self.sizes = [field.tokens for field in fields]
        self.layers = nn.ModuleList(zero_init(nn.Linear(width, f.outputs)) for f in fields)

    def forward(self, h: Tensor) -> Tensor:
        """(B, N, W) → (B, F_out)."""
        parts = zip(self.layers, h.split(self.sizes, 1), strict=True)
        return torch.cat([layer(part).flatten(1) for layer, part in parts], 1)


class Transformer(nn.Module):
    """The decoder of tokens: reads θ_t, the times t and s, and a code z, as the U-Net does.

    To the conditioning, the tokens are the pixels of an image (W, N, 1), at the input's resolution
    and the lowest in one.

    width, blocks: of the tokens, and number of blocks.
    """

    def __init__(
        self,
        fields: Sequence[TokenField],
        code_dim: int,
        width: int = 128,
        blocks: int = 3,
        embedding: int = 128,
        conditioning: str = "adagn",
    ):
        super().__init__()
        self.stem = TokenStem(fields, width)
        self.times = TimeEmbedding(2, embedding)
        self.blocks = transformer_blocks(fields, width, blocks, embedding)
        self.norm = nn.LayerNorm(width)
        self.head = TokenHead(fields, width)
        image = (width, sum(field.tokens for field in fields), 1)
        self.conditioning = conditioning_of(
            conditioning,
            code_dim=code_dim,
            embedding=embedding,
            first=image,
            lowest=image,
            blocks=[image] * blocks,
        )

    def forward(self, inputs: Tensor, log_snr_t: Tensor, z: Tensor, log_snr_s: Tensor) -> Tensor:
        """inputs: (B, F_in), log_snr_t, log_snr_s: (B,), z: (B, d) → (B, F_out)."""
        z = self.conditioning.read(z)
        h = self.conditioning.at_first(_as_image(self.stem(inputs)), z)
        h = _as_tokens(self.conditioning.at_lowest(h, z))
        embedding = F.silu(self.conditioning.of_times(self.times(log_snr_t, log_snr_s), z))
        for number, block in enumerate(self.blocks):
            h = _as_image(block(h, embedding))
            h = _as_tokens(self.conditioning.after_block(h, z, number))
        return self.head(self.norm(h))


def _as_image(h: Tensor) -> Tensor:
    """(B, N, W) → (B, W, N, 1)."""
    return h.transpose(1, 2)[..., None]


def _as_tokens(h: Tensor) -> Tensor:
    """(B, W, N, 1) → (B, N, W)."""
    return h[..., 0].transpose(1, 2)


class TransformerEncoder(nn.Module):
    """Map tokens and their log-SNR to the mean and log-scale of q(z | ·).

    A few learned queries attend to all tokens, and a code is read from what they find.
    """

    def __init__(
        self,
        fields: Sequence[TokenField],
        code_dim: int,
        width: int = 128,
        blocks: int = 3,
        embedding: int = 128,
    ):
        super().__init__()
        self.stem = TokenStem(fields, width)
        self.times = TimeEmbedding(1, embedding)
        self.blocks = transformer_blocks(fields, width, blocks, embedding)
        self.norm = nn.LayerNorm(width)
        self.queries = nn.Linear(width, READERS, bias=False)
        self.head = nn.Linear(READERS * width, 2 * code_dim)

    def forward(self, inputs: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: (B, F_in), log_snr: (B,) → mean and log standard deviation, (B, d)."""
        embedding = F.silu(self.times(log_snr))
        h = self.stem(inputs)
        for block in self.blocks:
            h = block(h, embedding)
        h = self.norm(h)
        weights = self.queries(h).softmax(1)  # (B, N, readers)
        return self.head((weights.transpose(1, 2) @ h).flatten(1)).chunk(2, -1)


class TransformerBackbone:
    """Transformers for data of any shapes: variables are tokens, and patches those of images."""

    def takes(self, shape: Shape) -> bool:
        return True

    def networks(
        self, shape: Shape, num_inputs: Features, num_outputs: Features, sizes: Sizes, coded: bool
    ) -> Networks:
        packing = TokenPacking(shape, num_outputs)
        common = dict(
            fields=leaves(each(_field, shape, packing.tokens, num_inputs, num_outputs)),
            code_dim=sizes.code_dim,
            width=sizes.mlp_width,
            blocks=sizes.mlp_blocks,
            embedding=sizes.embedding,
        )
        decoder = Transformer(**common, conditioning=sizes.conditioning)
        return Networks(packing, decoder, TransformerEncoder(**common) if coded else None)


def _field(shape: tuple[int, ...], tokens: int, inputs: int, outputs: int) -> TokenField:
    variables = math.prod(shape) // tokens  # of a token
    return TokenField(tokens, variables * inputs, variables * outputs, len(shape) == 1)
