"""Tensors of one's own as the variables of a flow: checked once, here, never in training."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from paramrel.data.readings import Reading

KINDS = ("binary", "categorical", "discretized", "continuous")


def as_tensor(name: str, values: Any, missing: bool = False) -> Tensor:
    """Return finite numbers (N, ...) on the CPU; raises ValueError for what is none.

    missing: whether NaN may stand for what nobody knows.
    """
    if not isinstance(values, Tensor):
        array = np.array(values)  # a copy, which may be written
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds {array.dtype}; it must hold numbers")
        values = torch.from_numpy(array.astype(_torch_type(array.dtype), copy=False))
    values = values.detach().cpu()
    if values.is_complex() or values.ndim == 0 or values.numel() == 0:
        raise ValueError(
            f"{name} is {values.dtype} {tuple(values.shape)}; it must hold real numbers, (N, ...)"
        )
    if infinite := int(values.isinf().sum()):
        raise ValueError(f"{name} has {infinite} infinite values; all must be finite")
    if not missing and (unknown := int(values.isnan().sum())):
        raise ValueError(
            f"{name} has {unknown} values that are NaN; if those are missing values, say so with "
            "missing=True"
        )
    return values


def _torch_type(dtype: np.dtype) -> np.dtype:
    """The type that holds the same numbers and that all of torch computes with."""
    if dtype.kind == "u" and dtype.itemsize > 1:
        return np.dtype(np.int64)
    return np.dtype(np.float64) if dtype.itemsize > 8 else dtype.newbyteorder("=")


def read_variable(
    name: str, values: Tensor, kind: str, levels: int | None
) -> tuple[Tensor, int | None]:
    """Return values (N, ...) as a flow models them, and how many levels they have.

    binary and categorical: long classes; discretized: the centres of the bins, float32;
    continuous: float32 in [-1, 1], no levels. Where values are missing, NaN, they stay NaN or
    become class -1. Raises ValueError for values of another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"the kind of {name} is {kind!r}; it must be one of {', '.join(KINDS)}")
    gone = values.isnan()
    if gone.all():
        raise ValueError(f"all values of {name} are missing; leave it out")
    known = values[~gone]
    if gone.any() and kind == "discretized" and _are_bins(known, levels):
        known = known.long()  # beside NaN, whole numbers can't be integers
    known, levels = _read_known(name, known, kind, levels)
    mark = float("nan") if known.is_floating_point() else -1
    read = torch.full(values.shape, mark, dtype=known.dtype)
    read[~gone] = known
    return read, levels


def _are_bins(values: Tensor, levels: int | None) -> bool:
    """Whether values are bins' whole numbers: 0.0 alone is the middle one's centre, if one is."""
    has_middle = levels is not None and levels % 2 == 1
    return torch.equal(values, values.round()) and (bool(values.any()) or not has_middle)


def _read_known(
    name: str, values: Tensor, kind: str, levels: int | None
) -> tuple[Tensor, int | None]:
    if kind == "continuous":
        return _in_range(name, values.float()), None
    if kind == "binary":
        levels = 2
    if kind == "discretized" and values.is_floating_point():
        classes = _nearest_bins(name, values, levels)
    else:
        if kind == "discretized" and levels is None and values.dtype == torch.uint8:
            levels = 256
        classes, levels = read_classes(name, values, kind, levels)
    if levels < 2:
        raise ValueError(f"{name} has one value only; a {kind} variable has 2 or more")
    if kind == "discretized":
        return Reading("discretized", levels - 1)(classes), levels
    return classes, levels


def _in_range(name: str, values: Tensor) -> Tensor:
    low, high = values.min().item(), values.max().item()
    if low < -1 or high > 1:
        raise ValueError(
            f"{name} reaches from {low:g} to {high:g}; continuous values lie in [-1, 1]: scale "
            f"them, as in 2 * (x - low) / (high - low) - 1 with low = {low:g} and high = {high:g}"
        )
    return values


def read_classes(name: str, values: Tensor, kind: str, levels: int | None) -> tuple[Tensor, int]:
    """Return values (N, ...) as long classes and the number of classes, by default the least."""
    classes = values.long()
    low, high = values.min().item(), values.max().item()
    end = f"to {levels - 1}" if levels else "on"
    levels = levels or int(high) + 1
    if low < 0 or high >= levels:
        raise ValueError(
            f"{name} reaches from {low:g} to {high:g}; {kind} values are whole numbers from 0 {end}"
        )
    if not torch.equal(classes.to(values.dtype), values):
        raise ValueError(f"{name} holds fractions; {kind} values are whole numbers from 0 {end}")
    return classes, levels


def _nearest_bins(name: str, values: Tensor, levels: int | None) -> Tensor:
    if levels is None:
        raise ValueError(
            f"{name} holds fractions, so name its number of bins, as in levels=256; or give the "
            "bins' whole numbers"
        )
    place = ((values.double() + 1) * levels - 1) / 2
    bins = place.round()
    if (place - bins).abs().max() > 0.01 or bins.min() < 0 or bins.max() >= levels:
        raise ValueError(
            f"{name} holds other values than the centres of {levels} bins in [-1, 1], which are "
            f"(2k + 1) / {levels} - 1; give those, or the bins' whole numbers 0 to {levels - 1}"
        )
    return bins.long()
