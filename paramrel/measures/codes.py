"""The way from data to codes: in batches, on the model's device."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from paramrel.data import Dataset, Split
from paramrel.data.fields import Data, count
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.runs.run import Run

BATCH = 125  # images that are drawn or encoded at once: what the caches of a CPU can hold


def code_splits(run: Run, data: Dataset, t: float) -> tuple[Tensor, ...]:
    """Return the mean codes (N, d) of time t of the three splits."""
    generator = Generator().manual_seed(run.seed)
    return tuple(mean_codes(run, x, t, generator) for x in splits(data))


def mean_codes(run: Run, x: Tensor, t: float, generator: Generator) -> Tensor:
    """Return the mean codes (N, d) of time t of images x."""
    return posteriors(run, x, t, generator).mean


def posteriors(run: Run, x: Tensor, t: float, generator: Generator) -> Normal:
    """Return q(z | θ_t, t), (N, d), of images x."""
    found = [codes(run.model, part, t, generator) for part in x.split(BATCH)]
    mean, std = (torch.cat([getattr(q, key) for q in found]) for key in ("mean", "stddev"))
    return Normal(mean, std, validate_args=False)  # the std of a deterministic code is 0


def splits(data: Dataset) -> tuple[Tensor, ...]:
    return tuple(part.x for part in parts(data))


def codes(model: FlowAutoencoder, x: Data, s: float, generator: Generator) -> Normal:
    """Return the posterior q(z | θ_s, s), (N, d), of all examples x with θ_s drawn anew."""
    with torch.no_grad():
        return model.encode(x, torch.full((count(x),), s), generator)


def parts(data: Dataset) -> tuple[Split, Split, Split]:
    """Return the three splits in the order that the probes take them."""
    return data.train, data.validation, data.test
