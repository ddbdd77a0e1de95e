"""Networks for data that are no images: vectors, short sequences, and records of several fields.

They read all variables as one vector. For text that is a small stand-in for a sequence model: it
trains and is tested, but shares nothing between positions, as the transformer does.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paramrel.networks.backbone import Networks, Sizes
from paramrel.networks.blocks import TimeEmbedding, zero_init
from paramrel.networks.conditioning import conditioning_of, rename_older_weights
from paramrel.networks.packing import Features, FlatPacking, Shape


class ResidualMLPBlock(nn.Module):
    """Two linear layers around an adaptive layer norm, the `ResBlock` of a vector."""

    def __init__(self, width: int, embedding: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, width)
        self.linear2 = zero_init(nn.Linear(width, width))
        self.modulation = zero_init(nn.Linear(embedding, 2 * width))

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """h: (B, W), embedding: (B, E) → (B, W)."""
        scale, shift = self.modulation(embedding).chunk(2, 1)
        y = self.linear1(F.silu(self.norm1(h)))
        return h + self.linear2(F.silu(torch.addcmul(shift, self.norm2(y), 1 + scale)))


class MLP(nn.Module):
    """The decoder of a vector: reads θ_t, the times t and s, and a code z, as the U-Net does.

    To the conditioning, the first hidden vector is an image of one pixel, the input's resolution
    and the lowest in one.

    width, blocks: of the hidden vectors, and number of residual blocks.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        code_dim: int,
        width: int = 128,
        blocks: int = 3,
        embedding: int = 128,
        conditioning: str = "adagn",
    ):
        super().__init__()
        self.stem = nn.Linear(in_features, width)
        self.times = TimeEmbedding(2, embedding)
        self.blocks = nn.ModuleList(ResidualMLPBlock(width, embedding) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = zero_init(nn.Linear(width, out_features))
        pixel = (width, 1, 1)
        self.conditioning = conditioning_of(
            conditioning,
            code_dim=code_dim,
            embedding=embedding,
            first=pixel,
            lowest=pixel,
            blocks=[pixel] * blocks,
        )
        self.register_load_state_dict_pre_hook(rename_older_weights)

    def forward(self, inputs: Tensor, log_snr_t: Tensor, z: Tensor, log_snr_s: Tensor) -> Tensor:
        """inputs: (B, F_in), log_snr_t, log_snr_s: (B,), z: (B, d) → (B, F_out)."""
        z = self.conditioning.read(z)
        h = self.conditioning.at_first(self.stem(inputs)[..., None, None], z)
        h = self.conditioning.at_lowest(h, z)[..., 0, 0]
        embedding = F.silu(self.conditioning.of_times(self.times(log_snr_t, log_snr_s), z))
        for number, block in enumerate(self.blocks):
            h = block(h, embedding)[..., None, None]
            h = self.conditioning.after_block(h, z, number)[..., 0, 0]
        return self.head(F.silu(self.norm(h)))


class MLPEncoder(nn.Module):
    """Map a vector and its log-SNR to the mean and log-scale of q(z | ·)."""

    def __init__(
        self,
        in_features: int,
        code_dim: int,
        width: int = 128,
        blocks: int = 3,
        embedding: int = 128,
    ):
        super().__init__()
        self.stem = nn.Linear(in_features, width)
        self.times = TimeEmbedding(1, embedding)
        self.blocks = nn.ModuleList(ResidualMLPBlock(width, embedding) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2 * code_dim)

    def forward(self, inputs: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: (B, F_in), log_snr: (B,) → mean and log standard deviation, (B, d)."""
        embedding = self.times(log_snr)
        h = self.stem(inputs)
        for block in self.blocks:
            h = block(h, embedding)
        return self.head(F.silu(self.norm(h))).chunk(2, -1)


class MLPBackbone:
    """MLPs for data of any shapes: a record is a vector of all its fields, flattened."""

    def takes(self, shape: Shape) -> bool:
        return True

    def networks(
        self, shape: Shape, num_inputs: Features, num_outputs: Features, sizes: Sizes, coded: bool
    ) -> Networks:
        packing = FlatPacking(shape, num_outputs)
        inputs, outputs = packing.size(num_inputs), packing.size(num_outputs)
        common = dict(
            code_dim=sizes.code_dim,
            width=sizes.mlp_width,
            blocks=sizes.mlp_blocks,
            embedding=sizes.embedding,
        )
        decoder = MLP(inputs, outputs, **common, conditioning=sizes.conditioning)
        return Networks(packing, decoder, MLPEncoder(inputs, **common) if coded else None)
