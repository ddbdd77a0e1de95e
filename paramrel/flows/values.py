"""Whether the values of tensors are what flows take: each check waits for the device once.

They belong where data, times or results enter or leave, and never into a loop: there, flows
compare shapes and dtypes alone (`checks`).
"""

import torch
from torch import Tensor

from .checks import check_classes, check_continuous, check_float, check_not_empty, check_span
from .checks import check_step as check_step_kind

# Data may leave [-1, 1] by what rounding in float32 leaves behind.
RANGE_TOLERANCE = 1e-5
# Probabilities may miss 1 by as much as softmax of half precision leaves.
SUM_TOLERANCE = 1e-3
# Bin centres may be off by this share of a bin.
BIN_TOLERANCE = 0.01


def check_range(name: str, values: Tensor, low: float, high: float, tolerance: float = 0) -> None:
    """All `values` must be finite and lie in [low, high], give or take the tolerance."""
    check_not_empty(name, values)
    smallest, largest = torch.stack(values.detach().aminmax()).tolist()
    check_span(name, smallest, largest, low, high, tolerance)


def check_flag(name: str, finite: Tensor) -> None:
    """`finite` must be true: (), whether something is."""
    if not finite:
        raise ValueError(f"{name} must be finite, but holds NaN or infinite values")


def check_finite(name: str, values: Tensor) -> None:
    """All `values` must be finite."""
    check_flag(name, values.isfinite().all())


def check_unit_range(x: Tensor) -> None:
    """`x` must be floating-point data in [-1, 1]."""
    check_continuous(x)
    check_range("x", x, -1, 1, RANGE_TOLERANCE)


def check_bins(x: Tensor, num_bins: int) -> None:
    """`x` must hold centres of `num_bins` equal bins of [-1, 1]."""
    check_unit_range(x)
    position = (x.detach() + 1) * num_bins / 2 - 0.5
    off = (position - position.round().clamp(0, num_bins - 1)).abs().max().item()
    if off > BIN_TOLERANCE:
        raise ValueError(
            f"x must hold centres (2k+1)/{num_bins} - 1 of the {num_bins} bins, "
            f"but a value lies {off:.2g} bins off"
        )


def check_labels(x: Tensor, num_classes: int) -> None:
    """`x` must be classes in 0..K-1, or probabilities over them on a last axis."""
    check_classes(x, num_classes)
    if not x.is_floating_point():
        return check_range("x", x, 0, num_classes - 1)
    check_range("x", x, 0, 1, RANGE_TOLERANCE)
    check_range("the sum of soft labels x", x.sum(-1), 1, 1, SUM_TOLERANCE)


def check_times(t: Tensor) -> None:
    """`t` must be times in [0, 1], of float32 or float64."""
    check_float("t", t)
    check_range("t", t, 0, 1)


def check_steps(i: int | Tensor, n: int) -> None:
    """`i` must be steps in 1..n."""
    check_step_kind(i, n)
    check_range("i", torch.as_tensor(i), 1, n)
