"""The self-encoder's network: the down path of the U-Net, then one linear layer."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paramrel.networks.blocks import ResBlock, TimeEmbedding, down, group_norm, lowest_size
from paramrel.networks.norm_silu import norm_silu


class Encoder(nn.Module):
    """Map an image-shaped input and its log-SNR to the mean and log-scale of q(z | ·)."""

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        code_dim: int,
        channels: Sequence[int] = (32, 64),
        embedding: int = 128,
    ):
        super().__init__()
        height, width = lowest_size(image_size, len(channels))
        self.stem = nn.Conv2d(in_channels, channels[0], 3, padding=1)
        self.times = TimeEmbedding(1, embedding)
        self.downs = nn.ModuleList(down(*pair) for pair in pairwise(channels))
        self.blocks = nn.ModuleList(ResBlock(c, embedding) for c in channels[1:])
        self.norm = group_norm(channels[-1])
        self.head = nn.Linear(channels[-1] * height * width, 2 * code_dim)
        self.to(memory_format=torch.channels_last)  # faster convolutions

    def forward(self, inputs: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: (B, C_in, H, W), log_snr: (B,) → mean and log standard deviation, (B, d)."""
        embedding = self.times(log_snr)
        h = F.silu(self.stem(inputs))
        for halve, block in zip(self.downs, self.blocks, strict=True):
            h = block(halve(h), embedding)
        return self.head(norm_silu(h, self.norm).flatten(1)).chunk(2, -1)
