"""Numbers of any spread as values in [-1, 1], by their ranks, and back."""

import numpy as np
from scipy.special import ndtr, ndtri

KNOTS = 1000  # most knots of a map
ROWS = 30  # rows for each knot; fewer would follow the noise of the rows
REACH = 3  # standard deviations that become 1
TAIL = ndtr(-REACH)  # mass of a standard normal beyond them, on either side


def fit_knots(numbers: np.ndarray) -> tuple[float, ...]:
    """Return the quantiles of numbers (N,) at equally spaced shares, from the least to the most."""
    count = int(np.clip(len(numbers) // ROWS, 10, KNOTS))
    return tuple(np.quantile(numbers, np.linspace(0, 1, count)).tolist())


def to_unit(numbers: np.ndarray, knots: tuple[float, ...]) -> np.ndarray:
    """Return numbers (N,) as values in [-1, 1]: z / 3, z a normal quantile of a number's rank.

    Ranks cope with heavy tails and leave no gaps. The ranks 0 to 1 of the range seen fill the part
    of a normal within ±3, so that its ends become -1 and 1: clipping at ±3 as usual, one cell in
    370 would lose its value. Within a run of equal numbers, the rank is that of its middle.
    `from_unit` leads back with an error of at most 1e-12 of the range in float64, and of 1e-4 in
    float32, as flows hold values; where no tail is heavy, of a thousandth of that.
    """
    shares = np.linspace(0, 1, len(knots))
    last = np.interp(numbers, knots, shares)
    first = 1 - np.interp(-numbers, np.negative(knots[::-1]), shares)
    rank = (first + last) / 2
    return (ndtri(TAIL + rank * (1 - 2 * TAIL)) / REACH).clip(-1, 1)


def from_unit(values: np.ndarray, knots: tuple[float, ...]) -> np.ndarray:
    """Return the numbers (N,) that values (N,) stand for, within the range of the knots."""
    rank = (ndtr(REACH * values) - TAIL) / (1 - 2 * TAIL)
    return np.interp(rank, np.linspace(0, 1, len(knots)), knots)
