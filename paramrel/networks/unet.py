"""The decoder's U-Net: what p_O(x | θ_t, z, t, s) is computed with."""

from collections.abc import Sequence
from itertools import count, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paramrel.networks.backbone import Networks, Sizes
from paramrel.networks.blocks import (
    Attention,
    ResBlock,
    TimeEmbedding,
    down,
    group_norm,
    lowest_size,
    up,
    zero_init,
)
from paramrel.networks.conditioning import conditioning_of, rename_older_weights
from paramrel.networks.encoder import Encoder
from paramrel.networks.norm_silu import norm_silu
from paramrel.networks.packing import Features, ImagePacking, Shape

LARGEST_ATTENTION = 16  # pixels a side, to each other
LARGEST_READING = 8  # pixels a side, to the tokens of a code, after each block


class UNet(nn.Module):
    """A U-Net that reads θ_t, the times t and s, and a code z in one of the ways of `conditioning`.

    channels, blocks: width and number of residual blocks on each side, for each resolution. The
    pixels of the lowest resolution attend to each other, where it is at most 16 × 16: attention at
    a resolution more would cost 30 to 80 % of a training step at sizes from 8 to 64.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        code_dim: int,
        channels: Sequence[int] = (16, 64),
        blocks: Sequence[int] = (0, 1),
        embedding: int = 128,
        conditioning: str = "adagn",
    ):
        super().__init__()
        if len(blocks) != len(channels):
            raise ValueError(
                f"blocks {tuple(blocks)} and channels {tuple(channels)} differ in length"
            )
        low, size = channels[-1], lowest_size(image_size, len(channels))
        self.stem = nn.Conv2d(in_channels, channels[0], 3, padding=1)
        self.times = TimeEmbedding(2, embedding)
        self.down_blocks = _levels(channels, blocks, embedding)
        self.downs = nn.ModuleList(down(*pair) for pair in pairwise(channels))
        self.attention = Attention(low) if max(size) <= LARGEST_ATTENTION else nn.Identity()
        self.ups = nn.ModuleList(up(*reversed(pair)) for pair in pairwise(channels))
        self.up_blocks = _levels(channels, blocks, embedding)
        self.norm = group_norm(channels[0])
        self.head = zero_init(nn.Conv2d(channels[0], out_channels, 3, padding=1))
        self.conditioning = conditioning_of(
            conditioning,
            code_dim=code_dim,
            embedding=embedding,
            first=(channels[0], *image_size),
            lowest=(low, *size),
            blocks=_shapes(channels, blocks, image_size),
        )
        self.register_load_state_dict_pre_hook(rename_older_weights)
        self.to(memory_format=torch.channels_last)  # faster convolutions

    def forward(self, inputs: Tensor, log_snr_t: Tensor, z: Tensor, log_snr_s: Tensor) -> Tensor:
        """inputs: (B, C_in, H, W), log_snr_t, log_snr_s: (B,), z: (B, d) → (B, C_out, H, W)."""
        z = self.conditioning.read(z)
        embedding = F.silu(self.conditioning.of_times(self.times(log_snr_t, log_snr_s), z))
        h = self.conditioning.at_first(self.stem(inputs), z)
        numbers = count()

        skips = []
        for level, blocks in enumerate(self.down_blocks):
            h = self.downs[level - 1](h) if level else h
            for block in blocks:
                h = self.conditioning.after_block(block(h, embedding), z, next(numbers))
            skips.append(h)

        h = self.attention(self.conditioning.at_lowest(h, z))

        for level in reversed(range(len(self.up_blocks))):
            for block in self.up_blocks[level]:
                h = self.conditioning.after_block(block(h, embedding), z, next(numbers))
            h = self.ups[level - 1](h) + skips[level - 1] if level else h
        return self.head(norm_silu(h, self.norm))


def _levels(channels: Sequence[int], blocks: Sequence[int], embedding: int) -> nn.ModuleList:
    return nn.ModuleList(
        nn.ModuleList(ResBlock(width, embedding) for _ in range(number))
        for width, number in zip(channels, blocks, strict=True)
    )


def _shapes(
    channels: Sequence[int], blocks: Sequence[int], image_size: tuple[int, int]
) -> list[tuple[int, int, int] | None]:
    """Shapes of what all residual blocks make, those of the way down first; None of large ones."""
    down = []
    for level, (width, number) in enumerate(zip(channels, blocks, strict=True)):
        size = lowest_size(image_size, level + 1)
        down += [(width, *size) if max(size) <= LARGEST_READING else None] * number
    return down + down[::-1]


class UNetBackbone:
    """Convolutions for images (C, H, W)."""

    def takes(self, shape: Shape) -> bool:
        return isinstance(shape, tuple) and len(shape) == 3

    def networks(
        self, shape: Shape, num_inputs: Features, num_outputs: Features, sizes: Sizes, coded: bool
    ) -> Networks:
        packing = ImagePacking(shape[0])
        inputs, outputs = packing.size(num_inputs), packing.size(num_outputs)
        common = dict(
            image_size=shape[1:],
            code_dim=sizes.code_dim,
            channels=sizes.channels,
            embedding=sizes.embedding,
        )
        decoder = UNet(
            inputs, outputs, **common, blocks=sizes.blocks, conditioning=sizes.conditioning
        )
        return Networks(packing, decoder, Encoder(inputs, **common) if coded else None)
