"""What keeps a code useful: the rate, a divergence of its aggregate, and how they are weighed."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from paramrel.models.config import ModelParams
from paramrel.models.methods import Method

WIDEST = 4.0  # of the bandwidths 4, 2, 1, ½ and ¼: each kernel is the square of the one before


def rate(posterior: Normal) -> Tensor:
    """Return KL(q(z|·) ‖ N(0, I)) in nats per example; posterior: (B, d) → (B,)."""
    mean, variance = posterior.mean, posterior.variance
    return 0.5 * (mean.square() + variance - 1 - variance.log()).sum(-1)


def mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy of two samples, a scalar.

    x, y: (N, d), (M, d). The kernel is the mean of Gaussians exp(−‖x − y‖² / (2·s·d)) over the
    bandwidths s; scaled by the dimension d, it tells a matched from a collapsed code at any d,
    which the kernel exp(−‖x − y‖² / d²) of earlier work does not. U-statistic of Gretton et al.
    (2012), eq. 3: 0 on average for equal distributions, so a single value may be negative.
    """
    kernel, n = _kernel(torch.cat([x, y])), len(x)
    between = kernel[:n, n:].mean()
    return (_off_diagonal(kernel[:n, :n]) + _off_diagonal(kernel[n:, n:]) - 2 * between) / 5


def released_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared MMD that InfoDiffusion and ParamReL released, a scalar; x, y: (N, d).

    Kernel exp(−‖x − y‖² / d²), biased V-statistic. Its kernel is so wide at d ≥ 32 that it takes
    a code collapsed to 0 for a matched one: it is here to be compared with `mmd`.
    """

    def mean_kernel(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(-(a[:, None] - b[None]).square().mean(-1) / a.shape[1]).mean()

    return mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)


KERNELS = {"scaled": mmd, "released": released_mmd}  # of params.model.kernel


def mmd_z_score(
    x: Tensor, prior: Tensor, permutations: int = 200, generator: Generator | None = None
) -> float:
    """Return how many standard deviations the MMD of two samples lies above that of equal ones.

    x, prior: (N, d), (M, d). The equal ones are `permutations` random divisions of both together.
    """
    n, m = len(x), len(prior)
    kernel = _kernel(torch.cat([x, prior])).double().fill_diagonal_(0)
    order = torch.rand(permutations, n + m, generator=generator, device=x.device).argsort(1)
    first = torch.cat([torch.arange(n + m, device=x.device)[None], order]) < n  # row 0: as given
    first, second = first.double(), (~first).double()
    towards_first, towards_second = first @ kernel, second @ kernel
    values = (
        (towards_first * first).sum(1) / (n * (n - 1))
        + (towards_second * second).sum(1) / (m * (m - 1))
        - 2 * (towards_first * second).sum(1) / (n * m)
    )
    null = values[1:]
    return ((values[0] - null.mean()) / null.std()).item()


def _kernel(points: Tensor) -> Tensor:
    """Sum of the five Gaussians between all points (N, d): (N, N)."""
    with torch.autocast(points.device.type, enabled=False):
        norms = points.square().sum(-1)
        distances = norms[:, None] + norms - 2 * points @ points.T
    kernel = torch.exp(-distances.clamp(min=0) / points.shape[1] / (2 * WIDEST))
    total = kernel
    for _ in range(4):
        kernel = kernel.square()
        total = total + kernel
    return total


def _off_diagonal(matrix: Tensor) -> Tensor:
    """Mean of all but the diagonal of a square matrix."""
    n = len(matrix)
    return (matrix.sum() - matrix.trace()) / (n * (n - 1))


def method_weights(method: Method, params: ModelParams) -> tuple[float, float]:
    """Return the weights of the rate and of the divergence in the objective of a method."""
    beta = params.beta if method.beta is None else method.beta
    gamma = params.gamma if method.gamma is None else method.gamma
    lambda_ = params.lambda_ if method.lambda_ is None else method.lambda_
    return {
        "none": (0.0, 0.0),
        "kl": (beta, 0.0),
        "mmd": (0.0, lambda_),
        "mutual_information": objective_weights(gamma, lambda_),
    }[method.regularizer]


def objective_weights(gamma: float, lambda_: float) -> tuple[float, float]:
    """Return the weights (1 − γ, λ + γ − 1) of the rate and of the divergence D(q(z) ‖ p(z)).

    Maximising ELBO + γ·I(θ; z) − (λ − 1)·D is minimising
    E[ℓ] + (1 − γ)·E KL(q(z|·) ‖ p) + (λ + γ − 1)·D (InfoVAE, Zhao et al. 2019, eq. 6, with
    their α = γ). γ = 0, λ = 1 is the plain ELBO; γ = 1 has no rate term.
    """
    return 1 - gamma, lambda_ + gamma - 1
