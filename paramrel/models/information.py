"""How much a code knows about its example, and how its aggregate differs from the prior (nats)."""

import math

import numpy as np
import torch
from scipy.special import logsumexp

from paramrel.data.arrays import (
    Array,
    Row,
    as_array,
    as_codes,
    require_positive,
    require_same_shape,
)

LOG_2PI = math.log(2 * math.pi)


def kl_per_dimension(mean: Array, log_std: Array) -> np.ndarray:
    """Return KL(N(mean, std²) ‖ N(0, 1)) of each code dimension in nats, averaged over examples.

    mean, log_std: (N, d); the result is (d,), its sum is the rate. Floor: 0, the prior itself.
    """
    mean, log_std = as_codes("mean", mean, 1), as_codes("log_std", log_std, 1)
    require_same_shape(mean=mean, log_std=log_std)
    return (0.5 * (mean**2 + np.expm1(2 * log_std)) - log_std).mean(0)


def active_units(kl_per_dim: Array, threshold: float = 0.01) -> int:
    """Count the code dimensions whose mean KL exceeds `threshold` nats; kl_per_dim: (d,)."""
    require_positive("threshold", threshold)
    return int((as_array("kl_per_dim", kl_per_dim) > threshold).sum())


def aggregate_information(mean: Array, log_std: Array, z: Array, block: int = 128) -> Row:
    """Split the rate of a Gaussian code into information, total correlation and marginal KL (nats).

    mean, log_std, z: (N, d), z drawn once from each q(z|x_n) = N(mean_n, std_n²). The aggregate
    q(z) = (1/N) Σ_n q(z|x_n) is the exact mixture over all N examples, never a minibatch:
        I_q(x; z) = E[log q(z|x) − log q(z)] ≤ log N, the cap that the row reports;
        marginal KL = E[log q(z) − log p(z)], p = N(0, I);
        total correlation = E[log q(z) − Σ_j log q(z_j)] (Chen et al., 2018, eq. 2).
    Floor: all three are 0 for a collapsed code q(z|x) = p(z). For a code without noise I_q is
    infinite: give its coding rate, or pass z with the noise added and that noise's log_std.

    Of a code of θ, mean and log_std are those of one drawn θ_n per example, and I_q is that of θ
    and z, an upper bound on I(x; z): see `information_bounds`.
    """
    mean, log_std, z = as_codes("mean", mean), as_codes("log_std", log_std), as_codes("z", z)
    require_same_shape(mean=mean, log_std=log_std, z=z)
    _require_drawn(z, mean, log_std)
    log_posterior = _log_density(z, mean, log_std)
    log_prior = _log_density(z, np.zeros_like(z), np.zeros_like(z))
    log_joint, log_product = _log_aggregate(mean, log_std, z, block)
    kl = kl_per_dimension(mean, log_std)
    cap = math.log(len(z))
    information = float((log_posterior - log_joint).mean())
    return {
        "kl": float(kl.sum()),
        "active_units": active_units(kl),
        "mutual_information": information,
        "mutual_information_cap": cap,
        "marginal_kl": float((log_joint - log_prior).mean()),
        "total_correlation": float((log_joint - log_product).mean()),
        "n": len(z),
        "d": z.shape[1],
        "note": "mutual information is within 0.1 nats of its cap"
        if information > cap - 0.1
        else "",
    }


def information_bounds(means: Array, log_stds: Array, z: Array, block: int = 128) -> Row:
    """Return a lower and an upper estimate of I(x; z), in nats, of a code that is read from θ.

    Such a code's posterior q(z|x) = E_{θ|x} N(z; mean(θ), std(θ)²) is a mixture with no closed
    form. means, log_stds: (N, M, d) of M ≥ 2 independent draws of θ for each of N examples;
    z: (N, d), drawn from the posterior of draw 0. Both estimate the information about which of
    these N examples it was, I = E log q(z|x) − E log q(z) with q(z) = (1/N) Σ_i q(z|x_i). It cannot
    exceed the row's cap, ln N, nor, in expectation, the information in the population.

    Draws 1 … M−1 know nothing of z. Let r_i be the Gaussian of their moments, which stands for
    q(z|x_i), and r = (1/N) Σ_i r_i. In expectation,
        lower = E log r_n(z_n) − E log r(z_n) ≤ I, as r_i(z) / Σ_j r_j(z) is a classifier of i, and
            none has a lower cross-entropy than the posterior (I_NCE of Poole et al. 2019, arXiv
            1905.06922, with r_i for its critic); each term is at most ln N;
        upper = E log q̂_n(z_n) − E log r(z_n) ≥ I, where q̂_n is the mixture of all M draws, the own
            one among them. By symmetry z_n is a draw from q̂_n, so that the first term exceeds
            E log q(z|x) by a KL divergence (Yin & Zhou 2018, arXiv 1805.11183; Sobolev & Vetrov
            2019, arXiv 1910.13398); r is a density, so that the second, by Gibbs' inequality, is
            not below the entropy of q(z). It is cut at the cap.
    Both are means of N draws and have their noise: a dead code is 0 only up to it. More draws close
    the gap, but for what q(z|x_i) differ from Gaussians. A code of x has the same draw M times:
    both are then `aggregate_information`.
    """
    means, log_stds = as_array("means", means), as_array("log_stds", log_stds)
    require_same_shape(means=means, log_stds=log_stds)
    if means.ndim != 3 or means.shape[1] < 2:
        raise ValueError(
            f"means have shape {means.shape}; they must be (N, M, d) with M ≥ 2 draws of θ, as "
            "one says nothing of how codes of the same example differ"
        )
    z = as_codes("z", z)
    require_same_shape(z=z, draw_0=means[:, 0])
    _require_drawn(z, means[:, 0], log_stds[:, 0])
    others = slice(1, None)
    variance = np.exp(2 * log_stds[:, others]).mean(1) + means[:, others].var(1)
    mean, log_std = means[:, others].mean(1), 0.5 * np.log(variance)
    aggregate, _ = _log_aggregate(mean, log_std, z, block)
    outside = _log_density(z, mean, log_std)
    inside = logsumexp(_log_density(z[:, None], means, log_stds), axis=1) - math.log(means.shape[1])
    cap = math.log(len(z))
    return {
        "lower": float((outside - aggregate).mean()),
        "upper": min(float((inside - aggregate).mean()), cap),
        "cap": cap,
    }


def _require_drawn(z: np.ndarray, mean: np.ndarray, log_std: np.ndarray) -> None:
    if (np.abs(z - mean) > 10 * np.exp(log_std)).any():
        raise ValueError("z lies more than 10 std from its mean; it must be drawn from q(z|x)")


def _log_density(z: np.ndarray, mean: np.ndarray, log_std: np.ndarray) -> np.ndarray:
    """Return log N(z; mean, std²) of vectors (..., d): (...)."""
    return (-0.5 * ((z - mean) * np.exp(-log_std)) ** 2 - log_std - 0.5 * LOG_2PI).sum(-1)


def _log_aggregate(
    mean: np.ndarray, log_std: np.ndarray, z: np.ndarray, block: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return log q(z) and Σ_j log q(z_j) at every z, both (N,), under the mixture over all N."""
    precision = np.exp(-2 * log_std)
    constant = -0.5 * mean**2 * precision - log_std - 0.5 * LOG_2PI
    # log N(z | mean, std²) is a polynomial in z: one matrix product gives it for all pairs
    coefficients = torch.as_tensor(np.stack([constant, mean * precision, -0.5 * precision]))
    powers = torch.as_tensor(np.stack([np.ones_like(z), z, z**2], 1))
    n, d = z.shape
    joint, product = [], []
    for rows in powers.split(block):  # (block, 3, d)
        pairs = rows.reshape(-1, 3 * d) @ coefficients.transpose(1, 2).reshape(3 * d, n)
        joint.append(pairs.logsumexp(1))
        densities = [(rows[:, :, j] @ coefficients[:, :, j]).exp_().mean(1) for j in range(d)]
        product.append(torch.stack(densities).log().sum(0))
    return torch.cat(joint).numpy() - math.log(n), torch.cat(product).numpy()
