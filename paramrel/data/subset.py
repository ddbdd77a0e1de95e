"""A small, fixed part of a data set: what measurements are made on."""

from dataclasses import replace

import torch

from paramrel.data.dataset import Dataset, Split
from paramrel.data.readings import Examples


def subset(data: Dataset, number: int, read: bool = True) -> Dataset:
    """Cut each part of a data set to at most `number` examples.

    The examples are drawn at random, the same ones every time, and keep their order; a part that is
    no larger stays whole. read: into memory; else `Examples` stay where they are, and are read
    batch by batch. Either way a random reading is drawn once and for all.
    """
    parts = {
        name: _cut(getattr(data, name), number, read) for name in ("train", "validation", "test")
    }
    return replace(data, **parts)


def _cut(part: Split, number: int, read: bool) -> Split:
    if len(part) <= number:
        rows = slice(None)
    else:
        order = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))
        rows = order[:number].sort().values
    fields = {
        name: None if field is None else field[rows]
        for name, field in vars(part).items()
        if name != "x"
    }
    lazy = isinstance(part.x, Examples) and not read
    return Split(part.x.some(rows) if lazy else part.x[rows], **fields)
