"""How much a code knows about its example, and how its aggregate differs from the prior (nats)."""

import math

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
    """
    mean, log_std, z = as_codes("mean", mean), as_codes("log_std", log_std), as_codes("z", z)
    require_same_shape(mean=mean, log_std=log_std, z=z)
    if (np.abs(z - mean) > 10 * np.exp(log_std)).any():
        raise ValueError("z lies more than 10 std from its mean; it must be drawn from q(z|x)")
    log_posterior = (-0.5 * ((z - mean) / np.exp(log_std)) ** 2 - log_std - 0.5 * LOG_2PI).sum(1)
    log_prior = (-0.5 * z**2 - 0.5 * LOG_2PI).sum(1)
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
