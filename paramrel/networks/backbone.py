"""What a backbone gives a model: how its variables are packed, a decoder and an encoder."""

from typing import NamedTuple, Protocol

from torch import nn

from paramrel.networks.packing import Features, Packing, Shape


class Sizes(Protocol):
    """The numbers of a model that backbones read; each takes those that it has a use for."""

    code_dim: int
    embedding: int
    conditioning: str
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    mlp_width: int
    mlp_blocks: int


class Networks(NamedTuple):
    """packing: of network inputs and outputs; decoder(inputs, log_snr_t, z, log_snr_s) → raw;
    encoder(inputs, log_snr) → mean and log-scale of z, None for a model without a code."""

    packing: Packing
    decoder: nn.Module
    encoder: nn.Module | None


class Backbone(Protocol):
    """A backbone in its file; `models.build.BACKBONES` has a row for each."""

    def takes(self, shape: Shape) -> bool:
        """Whether it reads examples of a shape, of records of several fields a dict of shapes."""

    def networks(
        self, shape: Shape, num_inputs: Features, num_outputs: Features, sizes: Sizes, coded: bool
    ) -> Networks:
        """Its networks for features per variable of a flow; coded: with an encoder."""
