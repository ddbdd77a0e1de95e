"""Flows whose θ moves, and the natural parameter in which all of them move alike."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from . import checks
from .flow import Flow
from .schedules import AccuracySchedule
from .theta import Theta


class BayesianFlow(Flow):
    """A flow whose θ is moved by the messages y of a sender, from the prior to the data.

    Given x, what has been observed by the accuracy β adds up to ζ ~ N(βu, cβI), the natural
    parameter of θ:

    - continuous and discretized data: ζ = precision · mean, u = x, c = 1;
    - categorical data: ζ = logits, u = K e_x - 1, c = K.

    A Bayesian update adds to ζ, and every solver is a formula in ζ, u and β. Of a MixedFlow, all
    of these are dicts of the fields, accuracies among them.
    """

    schedule: AccuracySchedule
    moves = True
    num_likelihood_outputs: int  # features per variable of what `likelihood` takes

    def each(self, function: Callable[..., Any], *parts: Any) -> Any:
        """function(flow, *parts); of a MixedFlow a dict of it, by the fields and their parts."""
        return function(self, *parts)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises ValueError unless `shape` is that of a batch of data, (B, ...)."""
        checks.check_size(shape)

    @abstractmethod
    def check_theta(self, theta: Theta, eta: float) -> None:
        """Raises ValueError where θ has another accuracy than β(η)."""

    @abstractmethod
    def sender(self, x: Tensor, alpha: float | Tensor) -> Distribution:
        """p_S(y|x; α), the law of a message about x."""

    @abstractmethod
    def receiver(self, out: Distribution, alpha: float | Tensor) -> Distribution:
        """p_R(y|θ; t, α), the law of the message that an output distribution expects."""

    @abstractmethod
    def bayesian_update(self, theta: Theta, y: Tensor, alpha: float | Tensor) -> Theta:
        """θ after observing y with accuracy alpha."""

    def beta(self, t: float) -> float:
        """β(t), a number of Python: solvers take those of all times before their first step."""
        return self.schedule.beta(t).item()

    def gain(self, t: float, t_next: float) -> float:
        """The accuracy β(t_next) - β(t) of what the sender tells between two times."""
        return self.beta(t_next) - self.beta(t)

    @abstractmethod
    def natural(self, theta: Theta) -> Tensor:
        """ζ of θ: (B, ...) as x, or (B, ..., K)."""

    @abstractmethod
    def theta_of(self, zeta: Tensor, beta: float) -> Theta:
        """θ of ζ after messages of accuracy β in all, the inverse of `natural`."""

    @abstractmethod
    def add(self, theta: Theta, told: Tensor, alpha: float | Tensor) -> Theta:
        """θ with `told` added to ζ, and alpha to the accuracy."""

    @abstractmethod
    def told(self, y: Tensor, alpha: float | Tensor) -> Tensor:
        """What a message y of accuracy alpha adds to ζ."""

    @abstractmethod
    def noise_scale(self, beta: float) -> float:
        """√(cβ), the standard deviation of ζ given x."""

    @abstractmethod
    def statistic(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """u of x, which a message of accuracy α adds α times to ζ, and noise."""

    @abstractmethod
    def expected_statistic(self, out: Distribution) -> Tensor:
        """û, the mean of u over an output distribution."""

    def message(self, u: Tensor, alpha: float, generator: Generator | None = None) -> Tensor:
        """What a sender of accuracy alpha adds to ζ: αu + √(cα) ξ, ξ ~ N(0, I).

        The same as `told` of a draw of `sender`, for any u: expected ones may be no data.
        """
        noise = torch.randn(u.shape, generator=generator, dtype=u.dtype, device=u.device)
        return alpha * u + self.noise_scale(alpha) * noise

    def draw_noise(
        self, shape: tuple[int, ...], device=None, generator: Generator | None = None
    ) -> Tensor:
        """Noise ε = ζ/√(cβ) before anything is told of x: standard normal, in the shape of ζ."""
        return torch.randn(shape, generator=generator, device=device)

    def centred(self, zeta: Tensor) -> Tensor:
        """ζ without the part that says nothing of x."""
        return zeta

    @abstractmethod
    def extrapolation(self, last: float, now: float, end: float, stochastic: bool) -> float:
        """The weight w of a step of order 2, whose average drift is û + w(û - û_last).

        û is known where √β is `last` and `now`, and the step leads to `end`. It is taken to be
        linear in a function of β in which the integral over the step is exact (Xue et al. 2024).
        """

    @abstractmethod
    def error(self, x: Tensor, again: Tensor) -> Tensor:
        """How far x again is from x: (B,)."""

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Vectors in float64 whose mean over a law of x is what `output_of` makes p_O of."""

    @abstractmethod
    def output_of(self, features: Tensor) -> Distribution:
        """The output distribution of expected `features`."""

    @abstractmethod
    def log_likelihood(self, x: Tensor) -> Callable[[Theta], Tensor]:
        """θ → ln p(θ|x_j) up to what does not depend on j, (B, J), in float64; x: (J, ...)."""

    @abstractmethod
    def outcomes(self, out: Distribution) -> tuple[Tensor, Tensor]:
        """The numbers between -1 and 1 that `out` holds possible, and how probable: (B, ..., K)."""
