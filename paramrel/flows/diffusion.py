"""Variance-preserving diffusion (DDPM), seen as the Bayesian flow that it is."""

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from . import checks, values
from .discretized_normal import DiscretizedNormal, snap
from .distributions import PointMass
from .gaussian import GaussianFlow
from .schedules import VariancePreservingAccuracy
from .tensors import spread, sum_over_data
from .theta import GaussianTheta


class DiffusionFlow(GaussianFlow):
    """DDPM (Ho et al. 2020) of x in [-1, 1], with `num_bins` at the centres of its bins.

    With β = ᾱ/(1-ᾱ), hence γ = ᾱ, the diffused x_t = √ᾱ x + √(1-ᾱ) ε is μ/√γ of the Gaussian
    flow, and a step of DDPM's ancestral sampler is a Bayesian update. What differs: the schedule,
    that a network sees x_t instead of μ, that x₀ is standard normal instead of constant, that
    training weighs all times alike in ε, and that x̂ is clamped in samplers and bounds alone.
    """

    t_min = 0.0  # x₀ already carries the little signal of β(0) > 0

    def __init__(self, num_bins: int | None = None):
        if num_bins is not None:
            checks.check_count("num_bins", num_bins, 2)
        self.schedule = VariancePreservingAccuracy()
        self.num_bins = num_bins

    def check(self, x: Tensor) -> None:
        """x must lie in [-1, 1], with bins at their centres."""
        if self.num_bins is None:
            values.check_unit_range(x)
        else:
            values.check_bins(x, self.num_bins)

    def to_data(self, x: Tensor) -> Tensor:
        """x clamped to [-1, 1], with bins at their centres."""
        x = super().to_data(x)
        return x if self.num_bins is None else snap(x, self.num_bins)

    def prior(
        self, shape: tuple[int, ...], device=None, generator: Generator | None = None
    ) -> GaussianTheta:
        """x₀ ~ N(0, I) for data of `shape` (B, ...), as θ: mean √γ x₀."""
        checks.check_size(shape)
        state = torch.randn(shape, device=device, generator=generator)
        precision = 1 + self.schedule.beta(torch.zeros(shape[0], device=device))
        return GaussianTheta(self.schedule.gamma(0).sqrt() * state, spread(precision, state))

    def network_input(self, theta: GaussianTheta, t: Tensor) -> Tensor:
        """The diffused x_t = μ/√γ: (*x.shape, 1)."""
        scale = spread(self.schedule.gamma(t).rsqrt(), theta.mean)
        return super().network_input(theta, t) * scale.unsqueeze(-1)

    def output_distribution(
        self, raw: Tensor, theta: GaussianTheta, t: Tensor, marginal: Tensor | None = None
    ) -> PointMass:
        """A point mass at x̂ = (x_t - √(1-ᾱ) ε̂)/√ᾱ, unclamped; raw: ε̂ (*x.shape, 1).

        With a marginal x̂ is that of `_posterior`.
        """
        checks.check_shape("raw", raw, (*theta.mean.shape, 1))
        return PointMass(self._expected(raw[..., 0], theta, t, marginal))

    def expected_statistic(self, out: Distribution) -> Tensor:
        """û = x̂ in [-1, 1], which is never further from x: (B, ...)."""
        return out.mean.clamp(-1, 1)

    def sample_output(self, out: Distribution, generator: Generator | None = None) -> Tensor:
        """x̂ in [-1, 1]: (B, ...)."""
        return self.expected_statistic(out)

    def training_loss(
        self, x: Tensor, out: Distribution, t: Tensor, where: Tensor | None = None
    ) -> Tensor:
        """|ε - ε̂|² = ᾱ/(1-ᾱ) |x - x̂|², summed over dimensions (B,) (Ho et al. 2020, eq. 14).

        These are no nats; the bound is prior_loss + loss_continuous_time + reconstruction_loss,
        where loss_continuous_time is ½ d ln SNR/dt |ε - ε̂|² (Kingma et al. 2021).
        """
        checks.check_continuous(x)
        checks.check_output(out, x.shape)
        checks.check_time(t, x.shape)
        checks.check_where(where, x.shape)
        return sum_over_data(spread(self.schedule.beta(t), x) * (x - out.mean).square(), where)

    def prior_loss(self, x: Tensor, where: Tensor | None = None) -> Tensor:
        """KL(N(√ᾱ x, 1-ᾱ) ‖ N(0, 1)) at t=0, nats per example (B,)."""
        checks.check_continuous(x)
        checks.check_where(where, x.shape)
        gamma = self.schedule.gamma(0).to(x.dtype)
        return sum_over_data(gamma * (x.square() - 1) - torch.log1p(-gamma), where) / 2

    def reconstruction_loss(
        self, x: Tensor, out: Distribution, where: Tensor | None = None
    ) -> Tensor:
        """-ln N(x; x̂, 1-ᾱ(1)), nats of density per example (B,); of the bin of x with bins."""
        if self.num_bins is None:
            return super().reconstruction_loss(x, out, where)
        checks.check_continuous(x)
        checks.check_output(out, x.shape)
        checks.check_where(where, x.shape)
        scale = torch.full_like(x, self.final_scale)
        mean = self.expected_statistic(out)
        return -sum_over_data(DiscretizedNormal(mean, scale, self.num_bins).log_prob(x), where)


class BinaryDiffusionFlow(DiffusionFlow):
    """DDPM of binary data: the classes 0 and 1 enter as -1 and 1, on either side of two bins."""

    def __init__(self):
        super().__init__(num_bins=2)

    def check(self, x: Tensor) -> None:
        """x must be -1 and 1."""
        values.check_range("the size of x", x.abs(), 1, 1)

    def from_data(self, x: Tensor) -> Tensor:
        """-1 and 1 of classes; what has entered already stays."""
        return x if x.is_floating_point() else 2.0 * x - 1

    def to_data(self, x: Tensor) -> Tensor:
        """Class 1 where x is positive; classes stay."""
        return (x > 0).long() if x.is_floating_point() else x
