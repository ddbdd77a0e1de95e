"""Digits as records of mixed type: what is drawn, what it means, and what can be measured on it."""

import torch
from torch import Tensor

from paramrel.data.dataset import Fields, Variable
from paramrel.data.readings import Reading

NOISE = 0.05  # standard deviation of the measured summary, whose range is 1.8


SUMMARY = ("ink", "horizontal centre", "vertical centre", "slant")


MIXED_FIELDS = {
    "pixels": Variable("discretized", (1, 8, 8), 17),
    "label": Variable("categorical", (), 10),
    "summary": Variable("continuous", (len(SUMMARY),), None),
}


def mixed_records(levels: Tensor, labels: Tensor, training: Tensor) -> Fields:
    """Return digits levels (N, 1, 8, 8) in 0..16 and labels (N,) as records of three fields.

    pixels: (N, 1, 8, 8) centres of 17 bins; label: (N,) long; summary: (N, 4) float32 in [-1, 1],
    each feature scaled to [-0.9, 0.9] over the digits that `training` (N,) marks, and measured with
    noise: without it, it would be a function of the pixels, and its density given them infinite.
    """
    features = summarise(levels)
    low, high = features[training].amin(0), features[training].amax(0)
    noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    summary = 0.9 * (2 * (features - low) / (high - low) - 1) + NOISE * noise
    summary = summary.clamp(-1, 1).float()
    pixels = Reading("discretized", 16)(levels)
    return Fields({"pixels": pixels, "label": labels, "summary": summary})


def summarise(levels: Tensor) -> Tensor:
    """Return the features (N, 4) of images levels (N, 1, H, W), float64, in pixels where lengths.

    The mean level; the two means of the ink's position; and the slant, by how much the ink moves
    to the right a row: the covariance of x and y over the variance of y.
    """
    ink = levels[:, 0].double()
    share = ink / ink.sum((1, 2), keepdim=True)
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in ink.shape[1:])
    x, y = (share.sum(1) * columns).sum(1), (share.sum(2) * rows).sum(1)
    dx, dy = columns - x[:, None], rows - y[:, None]
    covariance = torch.einsum("nij,ni,nj->n", share, dy, dx)
    variance = (share.sum(2) * dy**2).sum(1)
    return torch.stack([ink.mean((1, 2)), x, y, covariance / variance], 1)
