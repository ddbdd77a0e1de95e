"""How much a code knows about its example, and how its aggregate differs from the prior (nats)."""

import math
from collections.abc import Callable

import numpy as np
import torch

from paramrel.metrics.inputs import (
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
