"""How much a code knows about its example, and how its aggregate differs from the prior (nats)."""

import math
from collections.abc import Callable

import numpy as np
import torch

from paramrel.data.arrays import (
    Array,
    Row,
    as_array,
    as_codes,
    require_positive,
    require_same_shape,
)


def coding_rate(codes: Array, relative_noise: float = 0.1) -> float:
    """Return ½ log det(I + Σ/σ²), the nats that deterministic codes carry through noise of std σ.

    codes: (N, d); σ is `relative_noise` times their root-mean-square standard deviation, so that
    the rate changes neither with scale nor with rotation. It is the exact information of Gaussian
    codes with covariance Σ and an upper bound for all others (Cover & Thomas, 2006, §9.4).
    NaN for constant codes. Floor at d equal independent dimensions: none higher than theirs.
    """
    require_positive("relative_noise", relative_noise)
    codes = as_codes("codes", codes)
    covariance = np.atleast_2d(np.cov(codes, rowvar=False))
    if not covariance.any():
        return math.nan
    variance = relative_noise**2 * np.trace(covariance) / codes.shape[1]
    return 0.5 * float(np.linalg.slogdet(np.eye(codes.shape[1]) + covariance / variance)[1])


def nats_gained(loss_without_code: Array, loss_with_code: Array) -> Row:
    """Return the mean paired difference of two losses with its standard error over examples.

    Both: (N,) nats of the same examples, from separately trained models without and with a code.
    Floor: 0, a code that gains nothing.
    """
    without = as_array("loss_without_code", loss_without_code)
    with_code = as_array("loss_with_code", loss_with_code)
    require_same_shape(loss_without_code=without, loss_with_code=with_code)
    return {f"nats_gained{key}": value for key, value in _mean_and_error(without - with_code)}


def shuffled_code_difference(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    codes: torch.Tensor,
    generator: torch.Generator,
) -> Row:
    """Return the loss that another example's code adds, in nats; 0 (the floor) is an ignored code.

    loss(x, codes) → (N,) nats, deterministic or with its own fixed noise; x: (N, ...);
    codes: (N, d). No example keeps its own code.
    """
    if len(x) != len(codes) or len(x) < 2:
        raise ValueError(f"x has {len(x)} and codes {len(codes)} examples; they must match, ≥ 2")
    order = torch.randperm(len(x), generator=generator)
    partner = torch.empty_like(order).scatter_(0, order, order.roll(1))
    difference = as_array("loss", loss(x, codes[partner]) - loss(x, codes))
    return {f"shuffled_code{key}": value for key, value in _mean_and_error(difference)}


def _mean_and_error(values: np.ndarray) -> list[tuple[str, float | int]]:
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"the loss has shape {values.shape}; it must be (N,) with N ≥ 2")
    error = float(values.std(ddof=1) / math.sqrt(len(values)))
    return [("", float(values.mean())), ("_error", error), ("_n", len(values))]
