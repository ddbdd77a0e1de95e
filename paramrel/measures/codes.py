"""The splits of a data set, in the order that probes take them, and their codes."""

from torch import Tensor

from paramrel.data import Dataset, Split
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.encoding import mean_code

Splits = tuple[Tensor, Tensor, Tensor]  # (N, d) of train, validation and test


def splits(data: Dataset) -> tuple[Split, Split, Split]:
    """Return train, validation and test."""
    return data.train, data.validation, data.test


def code_splits(model: FlowAutoencoder, data: Dataset, s: float = 1.0, seed: int = 0) -> Splits:
    """Return the mean codes (N, d) of time s of the three splits, on the CPU."""
    generator = model.generator(seed)
    return tuple(mean_code(model, split.x, s, generator) for split in splits(data))
