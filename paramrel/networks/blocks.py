"""Building blocks that the decoder and the self-encoder share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paramrel.networks.norm_silu import norm_silu


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a group norm of 8 channels a group, the same in every network."""
    return nn.GroupNorm(max(channels // 8, 1), channels)


def zero_init(layer: nn.Module) -> nn.Module:
    """Set a layer's parameters to zero, so that its branch starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class TimeEmbedding(nn.Module):
    """Embed one or more log signal-to-noise ratios.

    The log-SNR says what a network has to know, how much θ_t tells of x, in the same unit for
    every flow. Values beyond ±15 are clamped: t = 0 has a log-SNR of minus infinity.
    """

    def __init__(self, num_times: int, features: int):
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(-1.2, 0.6, 8), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(16 * num_times, features), nn.SiLU())

    def forward(self, *log_snr: Tensor) -> Tensor:
        """log_snr: (B,) each → (B, features)."""
        phase = torch.stack(log_snr, 1).float().clamp(-15, 15)[..., None] * self.frequencies
        return self.mlp(torch.cat([phase.sin(), phase.cos()], -1).flatten(1))


class ResBlock(nn.Module):
    """Two convolutions around an adaptive group norm (AdaGN, Dhariwal & Nichol 2021)."""

    def __init__(self, channels: int, embedding: int):
        super().__init__()
        self.norm1, self.norm2 = group_norm(channels), group_norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = zero_init(nn.Conv2d(channels, channels, 3, padding=1))
        self.modulation = zero_init(nn.Linear(embedding, 2 * channels))

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """h: (B, C, H, W), embedding: (B, E) → (B, C, H, W)."""
        scale, shift = self.modulation(embedding).chunk(2, 1)
        y = self.conv1(norm_silu(h, self.norm1))
        return h + self.conv2(norm_silu(y, self.norm2, scale, shift))


class Attention(nn.Module):
    """Let every pixel read from all pixels, or from given tokens of T features (default C)."""

    def __init__(self, channels: int, token: int | None = None, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(token or channels, 2 * channels)
        self.out = zero_init(nn.Linear(channels, channels))

    def forward(self, h: Tensor, tokens: Tensor | None = None) -> Tensor:
        """h: (B, C, H, W), tokens: (B, N, T), by default the pixels → (B, C, H, W)."""
        pixels = self.norm(h).flatten(2).transpose(1, 2)  # (B, HW, C)
        tokens = pixels if tokens is None else tokens
        q, k, v = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, N, C / heads)
            for x in (self.query(pixels), *self.key_value(tokens).chunk(2, -1))
        )
        y = attend(q, k, v).transpose(1, 2).flatten(2)
        return h + self.out(y).transpose(1, 2).unflatten(2, h.shape[2:])


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return what queries find, softmax(q kᵀ / √C) v: (B, heads, N, C) of keys and values alike."""
    if q.device.type == "cpu":  # in bfloat16 it is five times slower there
        q, k, v = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (q, k, v))
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(q, k, v)


def down(channels_in: int, channels_out: int) -> nn.Conv2d:
    """Return the layer that makes one pixel of every 2×2 patch."""
    return nn.Conv2d(channels_in, channels_out, 2, stride=2)


def up(channels_in: int, channels_out: int) -> nn.ConvTranspose2d:
    """Return the layer that makes a 2×2 patch of every pixel."""
    return nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)


def lowest_size(image_size: tuple[int, int], levels: int) -> tuple[int, int]:
    """Return height and width after `levels` − 1 halvings; ValueError where they do not divide."""
    factor = 2 ** (levels - 1)
    if any(size % factor for size in image_size):
        raise ValueError(
            f"channels has {levels} levels, which halve the image {levels - 1} times, but the "
            f"image size {image_size} is not divisible by {factor}; give fewer channels"
        )
    return image_size[0] // factor, image_size[1] // factor
