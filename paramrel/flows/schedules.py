"""Accuracy schedules: how much the sender tells by time t."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from .checks import check_number, check_span, check_step

Time = float | Tensor


def _time(t: Time) -> Tensor:
    """t as float64; a number of Python must lie in [0, 1], of a tensor no value is read."""
    if not isinstance(t, Tensor):
        check_span("t", t, t, 0, 1)
    return torch.as_tensor(t, dtype=torch.float64)


class AccuracySchedule(ABC):
    """β(t), the accuracy received by time t; every method takes and gives float64 tensors."""

    @abstractmethod
    def beta(self, t: Time) -> Tensor:
        """Accumulated accuracy β(t) = ∫₀ᵗ α."""

    @abstractmethod
    def alpha(self, t: Time) -> Tensor:
        """Accuracy rate α(t) = dβ/dt."""

    @abstractmethod
    def t_of_beta(self, beta: Time) -> Tensor:
        """The time by which the accuracy `beta` has been received."""

    def alpha_step(self, i: int | Tensor, n: int) -> Tensor:
        """Accuracy of step i of n, i in 1..n: β(i/n) - β((i-1)/n)."""
        check_step(i, n)
        i = torch.as_tensor(i, dtype=torch.float64)
        return self.beta(i / n) - self.beta((i - 1) / n)


@dataclass(frozen=True)
class ExponentialAccuracy(AccuracySchedule):
    """β(t) = σ₁^(-2t) - 1: the entropy of θ falls linearly (Graves et al. 2023, eq. 72)."""

    sigma_1: float

    def __post_init__(self):
        check_number("sigma_1", self.sigma_1, 0, 1)

    @property
    def _rate(self) -> float:
        return -2 * math.log(self.sigma_1)

    def beta(self, t: Time) -> Tensor:
        return torch.expm1(self._rate * _time(t))

    def alpha(self, t: Time) -> Tensor:
        """-2 ln σ₁ σ₁^(-2t) (eq. 74)."""
        return self._rate * torch.exp(self._rate * _time(t))

    def alpha_step(self, i: int | Tensor, n: int) -> Tensor:
        """σ₁^(-2i/n) (1 - σ₁^(2/n)) (eq. 95)."""
        check_step(i, n)
        i = torch.as_tensor(i, dtype=torch.float64)
        return -math.expm1(-self._rate / n) * torch.exp(self._rate * i / n)

    def gamma(self, t: Time) -> Tensor:
        """β / (1 + β), the weight of x in the mean of θ_t (eq. 80)."""
        return -torch.expm1(-self._rate * _time(t))

    def t_of_beta(self, beta: Time) -> Tensor:
        return torch.log1p(torch.as_tensor(beta, dtype=torch.float64)) / self._rate


@dataclass(frozen=True)
class QuadraticAccuracy(AccuracySchedule):
    """β(t) = β₁t², for categorical data (Graves et al. 2023, section 6)."""

    beta_1: float

    def __post_init__(self):
        check_number("beta_1", self.beta_1, 0)

    def beta(self, t: Time) -> Tensor:
        return self.beta_1 * _time(t).square()

    def alpha(self, t: Time) -> Tensor:
        return 2 * self.beta_1 * _time(t)

    def alpha_step(self, i: int | Tensor, n: int) -> Tensor:
        check_step(i, n)
        return self.beta_1 * (2 * torch.as_tensor(i, dtype=torch.float64) - 1) / n**2

    def t_of_beta(self, beta: Time) -> Tensor:
        return (torch.as_tensor(beta, dtype=torch.float64) / self.beta_1).sqrt()


@dataclass(frozen=True)
class VariancePreservingAccuracy(AccuracySchedule):
    """β(t) = ᾱ/(1-ᾱ), the signal-to-noise ratio of DDPM's linear noise schedule (Ho et al. 2020).

    In continuous time (Song et al. 2021, appendix C): ln ᾱ = -(b₀τ + (b₁-b₀)τ²/2), where the noise
    time τ runs from 1 at t=0 to `tau_min` at t=1. The default `tau_min` is the first of DDPM's
    1,000 steps. Unlike the others this schedule starts above zero: β(0) = 4e-5.
    """

    noise_rate_0: float = 0.1
    noise_rate_1: float = 20.0
    tau_min: float = 1e-3

    def __post_init__(self):
        check_number("noise_rate_0", self.noise_rate_0, 0)
        check_number("noise_rate_1", self.noise_rate_1, self.noise_rate_0)
        check_number("tau_min", self.tau_min, 0, 1)

    def _tau(self, t: Time) -> Tensor:
        return 1 - (1 - self.tau_min) * _time(t)

    def _log_alpha_bar(self, t: Time) -> Tensor:
        tau, slope = self._tau(t), self.noise_rate_1 - self.noise_rate_0
        return -(self.noise_rate_0 * tau + slope * tau.square() / 2)

    def beta(self, t: Time) -> Tensor:
        return 1 / torch.expm1(-self._log_alpha_bar(t))

    def alpha(self, t: Time) -> Tensor:
        # dβ/dt = β(1 + β) d ln ᾱ/dt
        rate = self.noise_rate_0 + (self.noise_rate_1 - self.noise_rate_0) * self._tau(t)
        return self.beta(t) * (1 + self.beta(t)) * rate * (1 - self.tau_min)

    def gamma(self, t: Time) -> Tensor:
        """ᾱ = β / (1 + β)."""
        return self._log_alpha_bar(t).exp()

    def t_of_beta(self, beta: Time) -> Tensor:
        beta = torch.as_tensor(beta, dtype=torch.float64)
        slope = self.noise_rate_1 - self.noise_rate_0
        root = (self.noise_rate_0**2 + 2 * slope * torch.log1p(1 / beta)).sqrt()
        return (1 - (root - self.noise_rate_0) / slope) / (1 - self.tau_min)
