"""Argument checks: a ValueError names the argument, its value and what is allowed."""

import torch
from torch import Tensor
from torch.distributions import Distribution

# Data may leave [-1, 1] by what rounding in float32 leaves behind.
RANGE_TOLERANCE = 1e-5
# Probabilities may miss 1 by as much as softmax of half precision leaves.
SUM_TOLERANCE = 1e-3
# Bin centres may be off by this share of a bin.
BIN_TOLERANCE = 0.01


def check_number(name: str, value: float, above: float, below: float = float("inf")) -> None:
    """`value` must lie strictly between `above` and `below`."""
    if not above < value < below:
        raise ValueError(f"{name} = {value} must lie in ({above}, {below})")


def check_count(name: str, value: int, least: int) -> None:
    """`value` must be an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} = {value!r} must be an integer of at least {least}")


def check_range(name: str, values: Tensor, low: float, high: float, tolerance: float = 0) -> None:
    """All `values` must be finite and lie in [low, high], give or take the tolerance."""
    if values.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(values.shape)}, it must not be empty")
    smallest, largest = (value.item() for value in values.detach().aminmax())
    if not (low - tolerance <= smallest and largest <= high + tolerance):  # also false for NaN
        raise ValueError(
            f"{name} must lie in [{low:g}, {high:g}], but its values span [{smallest}, {largest}]"
        )


def check_finite(name: str, values: Tensor) -> None:
    """All `values` must be finite."""
    if not values.isfinite().all():
        raise ValueError(f"{name} must be finite, but holds NaN or infinite values")


def check_size(shape: tuple[int, ...]) -> None:
    """`shape` must be (B, ...) with at least one example and one variable."""
    if not isinstance(shape, tuple) or not shape:
        raise ValueError(f"shape = {shape!r} must be a tuple (B, ...)")
    for size in shape:
        check_count("a size in shape", size, 1)


def check_shape(name: str, values: Tensor, shape: tuple[int, ...]) -> None:
    """`values` must have exactly this shape."""
    if tuple(values.shape) != tuple(shape):
        raise ValueError(f"{name} has shape {tuple(values.shape)}, it must be {tuple(shape)}")


def check_float(name: str, values: Tensor) -> None:
    """`values` must be a float32 or float64 tensor."""
    if not isinstance(values, Tensor) or values.dtype not in (torch.float32, torch.float64):
        kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"{name} has dtype {kind}, it must be a float32 or float64 tensor")


def check_continuous(x: Tensor) -> None:
    """`x` must be floating-point data in [-1, 1]."""
    check_float("x", x)
    check_range("x", x, -1, 1, RANGE_TOLERANCE)


def check_bins(x: Tensor, num_bins: int) -> None:
    """`x` must hold centres of `num_bins` equal bins of [-1, 1]."""
    check_continuous(x)
    position = (x.detach() + 1) * num_bins / 2 - 0.5
    off = (position - position.round().clamp(0, num_bins - 1)).abs().max().item()
    if off > BIN_TOLERANCE:
        raise ValueError(
            f"x must hold centres (2k+1)/{num_bins} - 1 of the {num_bins} bins, "
            f"but a value lies {off:.2g} bins off"
        )


def check_classes(x: Tensor, num_classes: int) -> None:
    """`x` must be class indices, or probabilities over the classes on a last axis."""
    if not isinstance(x, Tensor) or x.dtype in (torch.bool, torch.complex64, torch.float16):
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"x has dtype {kind}, it must be integer classes or float32/64 soft labels"
        )
    if not x.is_floating_point():
        return check_range("x", x, 0, num_classes - 1)
    check_float("x", x)
    if x.ndim < 2 or x.shape[-1] != num_classes:
        raise ValueError(
            f"x of dtype {x.dtype} is read as soft labels: its shape {tuple(x.shape)} must end in "
            f"num_classes = {num_classes} (class indices must be integers)"
        )
    check_range("x", x, 0, 1, RANGE_TOLERANCE)
    check_range("the sum of soft labels x", x.sum(-1), 1, 1, SUM_TOLERANCE)


def check_time(t: Tensor, shape: tuple[int, ...]) -> None:
    """`t` must have shape (B,), or one time per variable, with values in [0, 1]."""
    check_float("t", t)
    if tuple(t.shape) not in {tuple(shape[:1]), tuple(shape)}:
        raise ValueError(f"t has shape {tuple(t.shape)}, it must be {tuple(shape[:1])}")
    check_range("t", t, 0, 1)


def check_raw(raw: Tensor, shape: tuple[int, ...]) -> None:
    """The raw network output must have this shape and be finite."""
    check_shape("raw", raw, shape)
    check_finite("raw", raw)


def check_output(out: Distribution, shape: tuple[int, ...]) -> None:
    """An output distribution must have one entry per variable of x."""
    if tuple(out.batch_shape) != tuple(shape):
        raise ValueError(
            f"out has batch shape {tuple(out.batch_shape)}, it must be that of x, {tuple(shape)}"
        )


def check_accuracy(alpha: float | Tensor, shape: tuple[int, ...], least: float = 0) -> None:
    """`alpha` must be a number, (B,), or broadcast to the data; finite and not below `least`."""
    values = torch.as_tensor(alpha)
    if values.ndim > 1:
        sizes_fit = values.ndim == len(shape) and all(
            size in (1, full) for size, full in zip(values.shape, shape, strict=True)
        )
    else:
        sizes_fit = values.ndim == 0 or values.shape[0] == shape[0]
    if not sizes_fit:
        raise ValueError(
            f"alpha has shape {tuple(values.shape)}, it must be a number, ({shape[0]},) "
            f"or broadcast to {tuple(shape)}"
        )
    check_range("alpha", values, least, torch.finfo(torch.float32).max)


def check_step(i: int | Tensor, n: int, batch: int | None = None) -> None:
    """`n` must be a number of steps, `i` one of 1..n: an integer, or integers (batch,)."""
    check_count("n", n, 1)
    values = torch.as_tensor(i)
    if values.is_floating_point() or values.dtype == torch.bool:
        raise ValueError(f"i has dtype {values.dtype}, it must be an integer step in 1..n")
    if batch is not None and values.ndim:
        check_shape("i", values, (batch,))
    check_range("i", values, 1, n)
