"""Bayesian flow for continuous data (Graves et al. 2023, section 4)."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution, Normal

from . import checks
from .distributions import PointMass, draw
from .flow import Flow
from .schedules import ExponentialAccuracy
from .tensors import clamp, spread, sum_over_data
from .theta import GaussianTheta


class GaussianFlow(Flow):
    """Flow of x in [-1, 1]: θ = (mean, precision), starting at (0, 1) (Graves et al., section 4).

    A network predicts the noise ε of the mean μ = γx + √(γ(1-γ)) ε.
    """

    num_inputs = 1
    num_outputs = 1
    # Before this time θ says nothing, and the prediction is x = 0.
    t_min = 1e-6

    def __init__(self, sigma_1: float = 0.02):
        self.schedule = ExponentialAccuracy(sigma_1)

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
        checks.check_finite("y", y)
        checks.check_accuracy(alpha, y.shape)
        alpha = spread(alpha, y)
        precision = theta.precision + alpha
        return GaussianTheta((theta.precision * theta.mean + alpha * y) / precision, precision)

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

    def output_distribution(self, raw: Tensor, theta: GaussianTheta, t: Tensor) -> Distribution:
        """A point mass at x̂ = μ/γ - √((1-γ)/γ) ε̂ (eq. 84), clamped; raw: ε̂ (*x.shape, 1).

        The clamp to [-1, 1] lets gradients that lead back inside pass, see `tensors.clamp`.
        """
        checks.check_raw(raw, (*theta.mean.shape, 1))
        return PointMass(clamp(self._denoise(raw[..., 0], theta, t)[0], -1, 1))

    def likelihood(self, raw: Tensor) -> Distribution:
        """p_O with raw (*x.shape, 1) as x̂ itself, for a decoder that has no θ to start from."""
        return PointMass(raw[..., 0].float())

    def variables(self, x: Tensor) -> tuple[int, ...]:
        """The shape (B, ...) of the variables in x."""
        self._check_data(x)
        return x.shape

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

    def loss_continuous_time(self, x: Tensor, out: Distribution, t: Tensor) -> Tensor:
        """α(t)/2 |x - x̂|², nats per example (B,) (eq. 101); x̂ is the mean of `out`."""
        error = self._squared_error(x, out)
        checks.check_time(t, x.shape)
        return sum_over_data(spread(self.schedule.alpha(t) / 2, x) * error)

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

    def reconstruction_loss(self, x: Tensor, out: Distribution) -> Tensor:
        """-ln N(x; x̂, σ₁²), nats of density per example (B,)."""
        scale = (1 + self.schedule.beta(1)).rsqrt().item()
        error = self._squared_error(x, out)
        return sum_over_data(error / (2 * scale**2) + math.log(scale * math.sqrt(2 * math.pi)))

    def _squared_error(self, x: Tensor, out: Distribution) -> Tensor:
        self._check_data(x)
        mean = self._expectation(out)
        checks.check_shape("the mean of out", mean, x.shape)
        return (x - mean).square()

    def _expectation(self, out: Distribution) -> Tensor:
        return out.mean

    def _check_data(self, x: Tensor) -> None:
        checks.check_continuous(x)
