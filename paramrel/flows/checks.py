"""What flows ask of their arguments at every call: shapes, dtypes, and numbers of Python.

None of these reads a value of a tensor, for which a GPU would have to be waited for at each call;
`values` has the checks that do. A ValueError names the argument, its value and what is allowed.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution


def check_number(name: str, value: float, above: float, below: float = float("inf")) -> None:
    """`value` must lie strictly between `above` and `below`."""
    if not above < value < below:
        raise ValueError(f"{name} = {value} must lie in ({above}, {below})")


def check_count(name: str, value: int, least: int) -> None:
    """`value` must be an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} = {value!r} must be an integer of at least {least}")


def check_span(
    name: str, smallest: float, largest: float, low: float, high: float, tolerance: float = 0
) -> None:
    """Values from `smallest` to `largest` must lie in [low, high], give or take the tolerance."""
    if not (low - tolerance <= smallest and largest <= high + tolerance):  # also false for NaN
        raise ValueError(
            f"{name} must lie in [{low:g}, {high:g}], but its values span [{smallest}, {largest}]"
        )


def check_size(shape: tuple[int, ...]) -> None:
    """`shape` must be (B, ...) with at least one example and one variable."""
    if not isinstance(shape, tuple) or not shape:
        raise ValueError(f"shape = {shape!r} must be a tuple (B, ...)")
    if any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in shape):
        raise ValueError(f"shape = {tuple(shape)} must be (B, ...), integers of at least 1")


def check_shape(name: str, values: Tensor, shape: tuple[int, ...]) -> None:
    """`values` must have exactly this shape."""
    if tuple(values.shape) != tuple(shape):
        raise ValueError(f"{name} has shape {tuple(values.shape)}, it must be {tuple(shape)}")


def check_not_empty(name: str, values: Tensor) -> None:
    """`values` must hold at least one number."""
    if values.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(values.shape)}, it must not be empty")


def check_float(name: str, values: Tensor) -> None:
    """`values` must be a float32 or float64 tensor."""
    if not isinstance(values, Tensor) or values.dtype not in (torch.float32, torch.float64):
        kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"{name} has dtype {kind}, it must be a float32 or float64 tensor")


def check_continuous(x: Tensor) -> None:
    """`x` must be floating-point data."""
    check_float("x", x)
    check_not_empty("x", x)


def check_classes(x: Tensor, num_classes: int) -> None:
    """`x` must be class indices, or probabilities over the classes on a last axis."""
    if not isinstance(x, Tensor) or x.dtype in (torch.bool, torch.complex64, torch.float16):
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"x has dtype {kind}, it must be integer classes or float32/64 soft labels"
        )
    check_not_empty("x", x)
    if not x.is_floating_point():
        return
    check_float("x", x)
    if x.ndim < 2 or x.shape[-1] != num_classes:
        raise ValueError(
            f"x of dtype {x.dtype} is read as soft labels: its shape {tuple(x.shape)} must end in "
            f"num_classes = {num_classes} (class indices must be integers)"
        )


def check_time(t: Tensor, shape: tuple[int, ...]) -> None:
    """`t` must have shape (B,), or one time per variable."""
    check_float("t", t)
    if tuple(t.shape) not in {tuple(shape[:1]), tuple(shape)}:
        raise ValueError(f"t has shape {tuple(t.shape)}, it must be {tuple(shape[:1])}")


def check_where(where: Tensor | None, shape: tuple[int, ...]) -> None:
    """`where` must be None, or a boolean for every variable."""
    if where is None:
        return
    if not isinstance(where, Tensor) or where.dtype != torch.bool:
        kind = where.dtype if isinstance(where, Tensor) else type(where).__name__
        raise ValueError(f"where has dtype {kind}, it must be a tensor of booleans")
    check_shape("where", where, shape)


def check_output(out: Distribution, shape: tuple[int, ...]) -> None:
    """An output distribution must have one entry per variable of x."""
    if tuple(out.batch_shape) != tuple(shape):
        raise ValueError(
            f"out has batch shape {tuple(out.batch_shape)}, it must be that of x, {tuple(shape)}"
        )


def check_accuracy(alpha: float | Tensor, shape: tuple[int, ...], least: float = 0) -> None:
    """`alpha` must be a number of at least `least`, or a tensor () or (B,) or as the data."""
    if not isinstance(alpha, Tensor):
        return check_span("alpha", alpha, alpha, least, torch.finfo(torch.float32).max)
    if alpha.ndim > 1:
        sizes_fit = alpha.ndim == len(shape) and all(
            size in (1, full) for size, full in zip(alpha.shape, shape, strict=True)
        )
    else:
        sizes_fit = alpha.ndim == 0 or alpha.shape[0] == shape[0]
    if not sizes_fit:
        raise ValueError(
            f"alpha has shape {tuple(alpha.shape)}, it must be a number, ({shape[0]},) "
            f"or broadcast to {tuple(shape)}"
        )


def check_step(i: int | Tensor, n: int, batch: int | None = None) -> None:
    """`n` must be a number of steps, `i` one of 1..n or integers (batch,)."""
    check_count("n", n, 1)
    dtype = i.dtype if isinstance(i, Tensor) else torch.as_tensor(i).dtype
    if dtype.is_floating_point or dtype == torch.bool:
        raise ValueError(f"i has dtype {dtype}, it must be an integer step in 1..n")
    if not isinstance(i, Tensor):
        check_span("i", i, i, 1, n)
    elif batch is not None and i.ndim:
        check_shape("i", i, (batch,))
