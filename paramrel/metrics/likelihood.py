"""What a model without any structure pays: the floor that a likelihood bound must beat."""

import torch
from torch.distributions import Normal

from paramrel.data import Dataset


def independent_pixels_nll(data: Dataset) -> float:
    """Return the test negative log-likelihood of independent pixels, nats per image.

    Binary and discretized: each pixel has its frequencies in the training split, with one count
    added to each level (Laplace). Continuous: each pixel is normal with its training mean and
    variance, plus the variance of a uniform quantum of 1 %, which keeps constant pixels finite.
    """
    train, test = data.train.x, data.test.x
    if data.levels is None:
        spread = (train.var(0) + 0.02**2 / 12).sqrt()
        return -Normal(train.mean(0), spread).log_prob(test).flatten(1).sum(1).mean().item()
    if data.kind == "discretized":
        train, test = (((x + 1) * data.levels / 2).floor().long() for x in (train, test))
    counts = torch.stack([1 + (train == level).sum(0) for level in range(data.levels)])
    log_probs = (counts / counts.sum(0)).log()  # (levels, C, H, W)
    return -log_probs.gather(0, test).flatten(1).sum(1).mean().item()
