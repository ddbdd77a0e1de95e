"""Bayesian flow for continuous data (Graves et al. 2023, section 4)."""

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution, Normal

from . import checks, values
from .bayesian import BayesianFlow
from .distributions import PointMass, draw
from .schedules import ExponentialAccuracy
from .tensors import clamp, flat, spread, sum_over_data
from .theta import GaussianTheta

LEAST_VARIANCE = 1e-2  # of a variable's marginal: what never changed in training may still do so


class GaussianFlow(BayesianFlow):
    """Flow of x in [-1, 1]: θ = (mean, precision), starting at (0, 1) (Graves et al., section 4).

    A network predicts the noise ε of the mean μ = γx + √(γ(1-γ)) ε.
    """

    num_inputs = 1
    num_outputs = 1
    num_likelihood_outputs = 2
    # Before this time θ says nothing, and the prediction is x = 0.
    t_min = 1e-6

    def __init__(self, sigma_1: float = 0.02):
        self.schedule = ExponentialAccuracy(sigma_1)

    @cached_property
    def final_scale(self) -> float:
        """The standard deviation 1/√(1 + β(1)) of what θ₁ leaves open of x."""
        return (1 + self.schedule.beta(1)).rsqrt().item()

    def check(self, x: Tensor) -> None:
        """x must be finite and lie in [-1, 1]."""
        values.check_unit_range(x)

    def check_theta(self, theta: GaussianTheta, eta: float) -> None:
        """The precision of θ must be 1 + β(η)."""
        precision = 1 + self.beta(eta)
        span = torch.stack(theta.precision.aminmax()).tolist()
        if max(abs(value / precision - 1) for value in span) > 1e-3:
            raise ValueError(
                f"theta has precisions in {span}, at eta = {eta} all are {precision:.6g}"
            )

    def finite(self, out: Distribution) -> Tensor:
        """Whether the mean is: ()."""
        return out.mean.isfinite().all()

    def from_data(self, x: Tensor) -> Tensor:
        return x

    def to_data(self, x: Tensor) -> Tensor:
        """x clamped to [-1, 1]."""
        return x.clamp(-1, 1)

    def prior(
        self, shape: tuple[int, ...], device=None, generator: Generator | None = None
    ) -> GaussianTheta:
        """θ₀ = (0, 1) for data of `shape` (B, ...)."""
        checks.check_size(shape)
        mean = torch.zeros(shape, device=device)
        return GaussianTheta(mean, spread(mean.new_ones(shape[0]), mean))

    def sample_theta(
        self, x: Tensor, t: Tensor, generator: Generator | None = None
    ) -> GaussianTheta:
        """μ ~ N(γ(t) x, γ(t)(1-γ(t))), precision 1 + β(t) (eq. 77)."""
        checks.check_continuous(x)
        checks.check_time(t, x.shape)
        gamma = self.schedule.gamma(t)
        scale = (gamma * (1 - gamma)).sqrt()
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        mean = spread(gamma, x) * x + spread(scale, x) * noise
        return GaussianTheta(mean, spread(1 + self.schedule.beta(t), x))

    def bayesian_update(
        self, theta: GaussianTheta, y: Tensor, alpha: float | Tensor
    ) -> GaussianTheta:
        """θ after observing y with accuracy alpha: a number, (B,), or per variable (eq. 49, 50)."""
        checks.check_shape("y", y, theta.mean.shape)
        checks.check_accuracy(alpha, y.shape)
        alpha = spread(alpha, y)
        return self.add(theta, self.told(y, alpha), alpha)

    def natural(self, theta: GaussianTheta) -> Tensor:
        """ζ = precision · mean: (B, ...)."""
        return theta.precision * theta.mean

    def theta_of(self, zeta: Tensor, beta: float) -> GaussianTheta:
        """Precision 1 + β, mean ζ / (1 + β)."""
        precision = 1 + beta
        ones = zeta.new_ones(len(zeta), *[1] * (zeta.ndim - 1))
        return GaussianTheta(zeta / precision, precision * ones)

    def add(self, theta: GaussianTheta, told: Tensor, alpha: float | Tensor) -> GaussianTheta:
        """Precision + α, mean (precision · mean + told) / (precision + α)."""
        precision = theta.precision + alpha
        return GaussianTheta((theta.precision * theta.mean + told) / precision, precision)

    def told(self, y: Tensor, alpha: float | Tensor) -> Tensor:
        """αy."""
        return alpha * y

    def noise_scale(self, beta: float) -> float:
        """√β."""
        return beta**0.5

    def statistic(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """u = x."""
        return x.to(dtype)

    def expected_statistic(self, out: Distribution) -> Tensor:
        """û = x̂, the mean of `out`: (B, ...)."""
        return out.mean

    def extrapolation(self, last: float, now: float, end: float, stochastic: bool) -> float:
        """û is linear in ½ ln β, as in DPM-Solver++(2M)."""
        return math.log(end / now) / math.log(now / last) / 2

    def error(self, x: Tensor, again: Tensor) -> Tensor:
        """The root mean square of the difference: (B,)."""
        return (x - again).square().reshape(len(x), -1).mean(1).sqrt()

    def features(self, x: Tensor) -> Tensor:
        """x itself: (J, ...)."""
        return x.double()

    def output_of(self, features: Tensor) -> Distribution:
        """The point mass at expected values (B, ...)."""
        return PointMass(features)

    def log_likelihood(self, x: Tensor) -> Callable[[GaussianTheta], Tensor]:
        """ln N(ζ; βx, β) with β = precision - 1: ζ·x - β|x|²/2 and a constant."""
        points = flat(x.double())

        def of_theta(theta: GaussianTheta) -> Tensor:
            mean, precision = theta.mean.double(), theta.precision.double()
            beta = (precision - 1).expand_as(mean)
            return flat(precision * mean) @ points.T - flat(beta) @ points.square().T / 2

        return of_theta

    def outcomes(self, out: Distribution) -> tuple[Tensor, Tensor]:
        """The mean alone, (B, ..., 1)."""
        return out.mean.unsqueeze(-1), torch.ones_like(out.mean).unsqueeze(-1)

    def sender(self, x: Tensor, alpha: float | Tensor) -> Normal:
        """p_S(y|x; α) = N(x, 1/α), one per variable."""
        checks.check_continuous(x)
        return self._observation(x, alpha)

    def receiver(self, out: Distribution, alpha: float | Tensor) -> Distribution:
        """p_R(y|θ; t, α) = N(x̂, 1/α) with x̂ the mean of `out`, one per variable."""
        return self._observation(out.mean, alpha)

    def _observation(self, mean: Tensor, alpha: float | Tensor) -> Normal:
        checks.check_accuracy(alpha, mean.shape, least=torch.finfo(torch.float32).tiny)
        return Normal(mean, spread(alpha, mean).rsqrt().expand_as(mean), validate_args=False)

    def network_input(self, theta: GaussianTheta, t: Tensor) -> Tensor:
        """The mean of θ: (*x.shape, 1)."""
        checks.check_time(t, theta.mean.shape)
        return theta.mean.unsqueeze(-1)

    def certain_input(self, x: Tensor) -> Tensor:
        """x itself: (*x.shape, 1)."""
        return x.unsqueeze(-1)

    def output_distribution(
        self, raw: Tensor, theta: GaussianTheta, t: Tensor, marginal: Tensor | None = None
    ) -> Distribution:
        """A point mass at x̂ = μ/γ - √((1-γ)/γ) ε̂ (eq. 84), clamped; raw: ε̂ (*x.shape, 1).

        With a marginal x̂ is that of `_posterior`.
        The clamp to [-1, 1] lets gradients that lead back inside pass, see `tensors.clamp`.
        """
        checks.check_shape("raw", raw, (*theta.mean.shape, 1))
        return PointMass(clamp(self._expected(raw[..., 0], theta, t, marginal), -1, 1))

    def _expected(
        self, raw: Tensor, theta: GaussianTheta, t: Tensor, marginal: Tensor | None
    ) -> Tensor:
        if marginal is None:
            return self._denoise(raw, theta, t)[0]
        return self._posterior(raw, theta, marginal)[0]

    def marginal(self, x: Tensor, where: Tensor) -> Tensor:
        """Mean and variance, at least LEAST_VARIANCE, of every variable: (*x.shape[1:], 2)."""
        number = where.sum(0).clamp(min=1)
        mean = (x * where).sum(0) / number
        variance = ((x - mean).square() * where).sum(0) / number
        return torch.stack([mean, variance.clamp(min=LEAST_VARIANCE)], -1)

    def _posterior(
        self, raw: Tensor, theta: GaussianTheta, marginal: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x̂, raw standard deviations from the mean of each variable's posterior, and these.

        Of a marginal N(m, v), and messages of total accuracy β and sum ζ, the posterior is
        N((m + vζ)/(1 + vβ), v/(1 + vβ)); the same as the preconditioning of Karras et al. 2022
        (arXiv 2206.00364, table 1), whose data have mean 0 and one variance for all.
        """
        mean, variance = marginal.to(theta.mean.dtype).unbind(-1)
        certainty = 1 + variance * (theta.precision - 1)
        scale = (variance / certainty).sqrt()
        centre = (mean + variance * self.natural(theta)) / certainty
        return centre + scale * raw.to(theta.mean.dtype), scale

    def likelihood(self, raw: Tensor, marginal: Tensor | None = None) -> Normal:
        """p_O with raw (*x.shape, 2) as mean and log-scale of x, for a decoder without θ.

        With a marginal N(m, v) the mean is m + √v raw. All variables of an example share one scale,
        the mean of theirs (as in σ-VAEs, Rybkin et al. 2021, arXiv 2006.13202): by one each, those
        that never change would outweigh the others. It lies between that of θ₁ and 1, for a density
        of values that were rounded, which images are, could otherwise be as high as one likes.
        """
        mean, log_scale = raw.float().unbind(-1)
        mean = mean if marginal is None else marginal[..., 0] + marginal[..., 1].sqrt() * mean
        shared = flat(log_scale).mean(1)
        scale = clamp(shared, math.log(self.final_scale), 0).exp()
        return Normal(mean, spread(scale, mean).expand_as(mean), validate_args=False)

    def variables(self, x: Tensor) -> tuple[int, ...]:
        """The shape (B, ...) of the variables in x."""
        checks.check_continuous(x)
        return tuple(x.shape)

    def _denoise(self, noise: Tensor, theta: GaussianTheta, t: Tensor) -> tuple[Tensor, ...]:
        """x̂ for a predicted noise, the factor √((1-γ)/γ) of that noise, and where t ≥ t_min."""
        mean = theta.mean
        checks.check_time(t, mean.shape)
        informed = t >= self.t_min
        gamma = torch.where(informed, self.schedule.gamma(t), 0.5)  # no division by 0 at t = 0
        gamma, scale = spread(gamma, mean), spread(((1 - gamma) / gamma).sqrt(), mean)
        informed = spread(informed, mean).bool()
        estimate = torch.where(informed, mean / gamma - scale * noise.to(mean.dtype), 0.0)
        return estimate, scale, informed

    def sample_output(self, out: Distribution, generator: Generator | None = None) -> Tensor:
        """A draw of x: (B, ...)."""
        return draw(out, generator)

    def mode_output(self, out: Distribution) -> Tensor:
        """The most probable x: (B, ...)."""
        return out.mode

    def log_snr(self, t: Tensor) -> Tensor:
        """ln β(t): the mean of θ_t is γx plus noise of variance γ(1-γ), and γ/(1-γ) = β."""
        return self.schedule.beta(t).log()

    def loss_continuous_time(
        self, x: Tensor, out: Distribution, t: Tensor, where: Tensor | None = None
    ) -> Tensor:
        """α(t)/2 |x - x̂|², nats per example (B,) (eq. 101); x̂ is the mean of `out`."""
        error = self._squared_error(x, out)
        checks.check_time(t, x.shape)
        checks.check_where(where, x.shape)
        return sum_over_data(spread(self.schedule.alpha(t) / 2, x) * error, where)

    def loss_discrete_time(
        self,
        x: Tensor,
        out: Distribution,
        i: int | Tensor,
        n: int,
        generator: Generator | None = None,
        num_samples: int = 1,
    ) -> Tensor:
        """n α_i/2 |x - x̂|², nats per example (B,) (eq. 96): exact, so it needs no samples."""
        error = self._squared_error(x, out)
        checks.check_step(i, n, len(x))
        return sum_over_data(spread(n * self.schedule.alpha_step(i, n) / 2, x) * error)

    def reconstruction_loss(
        self, x: Tensor, out: Distribution, where: Tensor | None = None
    ) -> Tensor:
        """-ln N(x; x̂, σ₁²), nats of density per example (B,)."""
        scale, error = self.final_scale, self._squared_error(x, out)
        checks.check_where(where, x.shape)
        constant = math.log(scale * math.sqrt(2 * math.pi))
        return sum_over_data(error / (2 * scale**2) + constant, where)

    def nll(self, x: Tensor, out: Distribution, where: Tensor | None = None) -> Tensor:
        """-ln p_O(x), nats of density (B,); NaN where `out` is a point, which has none."""
        if isinstance(out, Normal):
            checks.check_where(where, x.shape)
            return -sum_over_data(out.log_prob(x), where)
        return torch.full((len(x),), math.nan, device=x.device)

    def _squared_error(self, x: Tensor, out: Distribution) -> Tensor:
        checks.check_continuous(x)
        mean = self.expected_statistic(out)
        checks.check_shape("the mean of out", mean, x.shape)
        return (x - mean).square()
