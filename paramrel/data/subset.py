"""A small, fixed part of a data set, read into memory: what measurements are made on."""

from dataclasses import replace

import torch

from paramrel.data.dataset import Dataset, Split


def subset(data: Dataset, number: int) -> Dataset:
    """Cut each part of a data set to at most `number` examples and read them into memory.

    The examples are drawn at random, the same ones every time, and keep their order; a part that is
    no larger stays whole.
    """
    parts = {name: _cut(getattr(data, name), number) for name in ("train", "validation", "test")}
    return replace(data, **parts)


def _cut(part: Split, number: int) -> Split:
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))
    rows = order[:number].sort().values
    return Split(*(None if field is None else field[rows] for field in vars(part).values()))
