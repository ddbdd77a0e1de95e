"""How far apart two sets of features lie: Fréchet, kernel (MMD), and each other's manifold."""

import math

import numpy as np
import torch
from scipy.stats import linregress
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from paramrel.data.arrays import Array, as_codes, draw_seed


def frechet_distance(first: Array, second: Array) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of two feature sets (N, d), N > d.

    Its bias falls as 1/N (Chong & Forsyth, 2020): compare at equal N only. Floor: not 0 but the
    distance of two real samples of that N. Source: Heusel et al., 2017.
    """
    first, second = _feature_pair(first, second)
    fewest, width = min(len(first), len(second)), first.shape[1]
    if fewest <= width:
        raise ValueError(f"{fewest} examples for {width} features; more than {width} are needed")
    shift = ((first.mean(0) - second.mean(0)) ** 2).sum()
    covariances = [np.atleast_2d(np.cov(f, rowvar=False)) for f in (first, second)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)).sum()
    return float(shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * cross)


def frechet_infinity(
    first: Array, second: Array, generator: torch.Generator, sizes: int = 15
) -> tuple[float, float]:
    """Return the Fréchet distance extrapolated to 1/N → 0, and the fit's standard error.

    first, second: (N, d) features. A line through the distances of `sizes` random subsets of both
    sets, their sizes n even in 1/n from N/4 to N (Chong & Forsyth, 2020, who subset one set only).
    The subsets overlap, so the error is too small; floor: 0 within a few of it.
    """
    first, second = _feature_pair(first, second)
    most, width = min(len(first), len(second)), first.shape[1]
    if most // 4 <= width:
        raise ValueError(f"{most} examples for {width} features; {4 * (width + 1)} are needed")
    counts = (1 / np.linspace(1 / most, 4 / most, sizes)).astype(int)
    rng = np.random.default_rng(draw_seed(generator))
    distances = [
        frechet_distance(*(rng.choice(f, n, replace=False) for f in (first, second)))
        for n in counts
    ]
    line = linregress(1 / counts, distances)
    return float(line.intercept), float(line.intercept_stderr)


def kernel_distance(
    first: Array, second: Array, generator: torch.Generator, subsets: int = 100, size: int = 1000
) -> tuple[float, float]:
    """Return the unbiased squared kernel (MMD) distance of features (N, d), and its standard error.

    Polynomial kernel (x·y/d + 1)³, the mean over `subsets` of `size` examples, at most half of
    either set (Bińkowski et al., 2018). The subsets overlap, so the error is too small. Floor: 0 on
    average, so it can be negative.
    """
    first, second = _feature_pair(first, second, at_least=4)
    size = min(size, len(first) // 2, len(second) // 2)
    rng = np.random.default_rng(draw_seed(generator))
    values = []
    for _ in range(subsets):
        x, y = (rng.choice(f, size, replace=False) for f in (first, second))
        within = _off_diagonal_mean(_cubic_kernel(x, x)) + _off_diagonal_mean(_cubic_kernel(y, y))
        values.append(within - 2 * _cubic_kernel(x, y).mean())
    return float(np.mean(values)), float(np.std(values) / math.sqrt(subsets))


def precision_recall(real: Array, generated: Array, k: int = 3) -> tuple[float, float]:
    """Return the share of generated features within the real manifold, and the reverse.

    real, generated: (N, d). A manifold is the union of balls around its examples that reach to
    their k-th neighbours (Kynkäänniemi et al., 2019). Floor: 0; two real samples stay below 1.
    """
    real, generated = _feature_pair(real, generated, at_least=k + 1)
    return _share_within(generated, real, k), _share_within(real, generated, k)


def _feature_pair(first: Array, second: Array, at_least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    first, second = as_codes("first", first, at_least), as_codes("second", second, at_least)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"features have {first.shape[1]} and {second.shape[1]} dimensions")
    return first, second


def _cubic_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1
    return base * base * base  # a power is twenty times as slow


def _off_diagonal_mean(kernel: np.ndarray) -> float:
    n = len(kernel)
    return (kernel.sum() - np.trace(kernel)) / (n * (n - 1))


def _share_within(points: np.ndarray, centres: np.ndarray, k: int) -> float:
    radii = NearestNeighbors(n_neighbors=k).fit(centres).kneighbors()[0][:, -1]
    inside = pairwise_distances_chunked(
        points,
        centres,
        reduce_func=lambda distances, _: (distances <= radii).any(1),
        working_memory=256,  # MiB
    )
    return float(np.concatenate(list(inside)).mean())
