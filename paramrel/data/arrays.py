"""What every metric accepts: finite arrays of matching lengths, or one clear error."""

import numpy as np
import torch

Row = dict[str, float | int | str]


Array = np.ndarray | torch.Tensor


def as_array(name: str, values: Array) -> np.ndarray:
    """Return `values` as a finite float64 array; raises ValueError for NaN or infinity."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    array = np.asarray(values, dtype=np.float64)
    bad = array.size - np.isfinite(array).sum()
    if bad:
        raise ValueError(f"{name} has {bad} values that are NaN or infinite; all must be finite")
    return array


def as_codes(name: str, values: Array, at_least: int = 2) -> np.ndarray:
    """Return codes as a finite (N, d) float64 array with N ≥ `at_least`; else raises ValueError."""
    array = as_array(name, values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} has shape {array.shape}; it must be (N, d) with d ≥ 1")
    if len(array) < at_least:
        raise ValueError(f"{name} has {len(array)} examples; at least {at_least} are needed")
    return array


def as_labels(name: str, values: Array, length: int, classes: int = 2) -> np.ndarray:
    """Return (N,) class labels; raises ValueError for a wrong length or fewer than `classes`."""
    array = as_array(name, values)
    if array.shape != (length,):
        raise ValueError(f"{name} has shape {array.shape}; it must be ({length},), one per example")
    if not np.array_equal(array, array.round()):
        raise ValueError(f"{name} has fractional values; class labels must be integers")
    found = len(np.unique(array))
    if found < classes:
        raise ValueError(f"{name} has {found} distinct classes; at least {classes} are needed")
    return array.astype(np.int64)


def require_same_shape(**arrays: Array) -> None:
    """Raise ValueError unless all named arrays have one shape."""
    shapes = {name: tuple(array.shape) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"shapes differ: {listed}; they must be equal")


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless `value` is positive and finite."""
    if not 0 < value < np.inf:
        raise ValueError(f"{name} is {value}; it must be positive and finite")


def constant_columns(codes: np.ndarray) -> np.ndarray:
    """Return which of the d columns of codes (N, d) never vary, as a (d,) boolean array."""
    return np.ptp(codes, axis=0) == 0


def draw_seed(generator: torch.Generator) -> int:
    """Draw a seed for a library that takes integers, so that one generator rules all randomness."""
    return int(torch.randint(2**31, (), generator=generator, device=generator.device))


def as_table(
    name: str, table: tuple[Array, Array], at_least: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Return codes (N, d) and integer factors (N, F), each factor with two values or more."""
    codes, factors = as_codes(f"{name} codes", table[0], at_least), as_array("factors", table[1])
    if factors.ndim != 2 or len(factors) != len(codes):
        shape = factors.shape
        raise ValueError(f"{name} factors have shape {shape}; they must be ({len(codes)}, F)")
    columns = [as_labels(f"{name} factor {j}", f, len(codes)) for j, f in enumerate(factors.T)]
    return codes, np.stack(columns, 1)


def require_images(**images: torch.Tensor) -> None:
    """Raise ValueError unless each named tensor is (N, C, H, W), N ≥ 1, with values in [-1, 1]."""
    for name, values in images.items():
        if values.ndim != 4 or len(values) == 0:
            shape = tuple(values.shape)
            raise ValueError(f"{name} has shape {shape}; it must be (N, C, H, W) with N ≥ 1")
        low, high = (end.item() for end in values.aminmax())
        if not (-1 <= low and high <= 1):  # also of a NaN
            raise ValueError(f"{name} has values in [{low:g}, {high:g}]; they must lie in [-1, 1]")
