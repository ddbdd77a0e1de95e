"""What every flow offers: the surface that models, solvers and notebooks rely on."""

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from .tensors import spread
from .theta import Theta
from .values import check_flag

LARGEST_LOG_SNR = 10.0  # nats, that networks tell apart: sigma_1 = 0.007 has it at t = 1


class Flow(ABC):
    """How θ_t, which a decoder sees, is made from x; holds no network and no state.

    Shapes: x (B, ...), t (B,) in [0, 1] (t=0 prior, t=1 data) or one time per variable, (B, ...);
    network inputs and outputs have the shape of x and their features on a last axis.
    All losses are nats per example (B,), summed over the data dimensions, or over those alone
    `where` a tensor (B, ...) of booleans is true.

    One time per variable says what is known of each: nothing at 0, the value at 1. With the
    variables K known at any times and the others, U, at a common time t, the sum over U of the
    integrand of L_∞ has the integral of the conditional bound over t,

        -ln p(x_U | θ_K) ≤ ∫ Σ_{d∈U} ℓ_d(x_d, θ_K, θ_U(t)) dt + Σ_{d∈U} L_r(d),

    for given θ_K the messages about U alone are a flow of their own.

    Methods compare shapes and dtypes, and read no value of a tensor: that would make a GPU wait
    at each step. `check` reads those of data, once, where they come in.
    """

    num_inputs: int  # features per variable of network_input
    num_outputs: int  # features per variable of raw
    moves: bool  # whether θ says more of x at later times, so that there is something to solve

    @abstractmethod
    def check(self, x: Tensor) -> None:
        """Raises ValueError unless the values of x, too, are data of this flow's kind."""

    @abstractmethod
    def from_data(self, x: Tensor) -> Tensor:
        """Data as this flow takes them."""

    @abstractmethod
    def to_data(self, x: Tensor) -> Tensor:
        """The data next to what this flow made, which may lie between or beyond them."""

    @abstractmethod
    def variables(self, x: Tensor) -> tuple[int, ...]:
        """The shape (B, ...) of the variables in x."""

    @abstractmethod
    def prior(
        self, shape: tuple[int, ...], device=None, generator: Generator | None = None
    ) -> Theta:
        """θ at t=0 for data of `shape` (B, ...), float32."""

    @abstractmethod
    def sample_theta(self, x: Tensor, t: Tensor, generator: Generator | None = None) -> Theta:
        """A draw of θ_t from the Bayesian flow distribution p_F(θ|x; t)."""

    @abstractmethod
    def network_input(self, theta: Theta, t: Tensor) -> Tensor:
        """What a network sees of θ: (*x.shape, num_inputs)."""

    @abstractmethod
    def certain_input(self, x: Tensor) -> Tensor:
        """The network input of a θ that is certain of x: (*x.shape, num_inputs)."""

    @abstractmethod
    def output_distribution(
        self, raw: Tensor, theta: Theta, t: Tensor, marginal: Tensor | None = None
    ) -> Distribution:
        """p_O(x|θ, t) from the raw network output (*x.shape, num_outputs).

        marginal: what `marginal` returns. With it, raw = 0 is the posterior of each variable given
        its own θ alone, and a network has only to learn what the others say of it: messages are
        independent given x, so that p(x_d|θ) ∝ p(x_d|θ_{-d}) p(θ_d|x_d).
        """

    @abstractmethod
    def marginal(self, x: Tensor, where: Tensor) -> Tensor:
        """The distribution of every variable by itself, of data x (N, ...): (*x.shape[1:], M).

        where: which variables are not missing, booleans of the shape of x.
        """

    @abstractmethod
    def sample_output(self, out: Distribution, generator: Generator | None = None) -> Tensor:
        """A draw of x from an output distribution."""

    @abstractmethod
    def mode_output(self, out: Distribution) -> Tensor:
        """The most probable x of an output distribution."""

    @abstractmethod
    def log_snr(self, t: Tensor) -> Tensor:
        """Natural logarithm of the signal-to-noise ratio of θ_t, float64; -inf where none."""

    def accuracy_input(self, theta: Theta, t: Tensor) -> Tensor:
        """How accurate θ of each variable is, as a network sees it: (*x.shape, 1), in [-1, 1].

        The log-SNR of its time, clamped to ±10 nats, over 10: unlike the mean of a Gaussian, which
        is 0 of a grey pixel and of a hidden one, it tells what is unknown.
        """
        level = self.log_snr(t).clamp(-LARGEST_LOG_SNR, LARGEST_LOG_SNR) / LARGEST_LOG_SNR
        like = torch.empty(theta.shape, dtype=theta.dtype, device=t.device)
        return spread(level, like).expand_as(like).unsqueeze(-1)

    @abstractmethod
    def loss_continuous_time(
        self, x: Tensor, out: Distribution, t: Tensor, where: Tensor | None = None
    ) -> Tensor:
        """The integrand of L_∞, whose mean over t ~ U[0, 1] is L_∞."""

    @abstractmethod
    def loss_discrete_time(
        self,
        x: Tensor,
        out: Distribution,
        i: int | Tensor,
        n: int,
        generator: Generator | None = None,
        num_samples: int = 1,
    ) -> Tensor:
        """n KL(p_S ‖ p_R) of step i, whose mean over i ~ U{1..n} is L_n; `out` is at t=(i-1)/n."""

    @abstractmethod
    def reconstruction_loss(
        self, x: Tensor, out: Distribution, where: Tensor | None = None
    ) -> Tensor:
        """L_r = -ln p_O(x|θ₁), with `out` at t=1."""

    @abstractmethod
    def nll(self, x: Tensor, out: Distribution, where: Tensor | None = None) -> Tensor:
        """-ln p_O(x) of `out` at any time, nats (B,); NaN where `out` is a point."""

    @abstractmethod
    def finite(self, out: Distribution) -> Tensor:
        """Whether an output distribution holds no NaN or infinity: (), on its device."""

    def check_output(self, out: Distribution) -> None:
        """Raises ValueError unless an output distribution is finite."""
        check_flag("the output distribution", self.finite(out))

    def training_loss(
        self, x: Tensor, out: Distribution, t: Tensor, where: Tensor | None = None
    ) -> Tensor:
        """What training minimises; the L_∞ integrand unless a flow says otherwise."""
        return self.loss_continuous_time(x, out, t, where)

    def prior_loss(self, x: Tensor, where: Tensor | None = None) -> Tensor:
        """KL(p(θ₀|x) ‖ p(θ₀)): zero, for θ₀ is a constant, unless a flow says otherwise.

        -ln p(x) ≤ prior_loss + L_∞ (or L_n) + L_r.
        """
        return x.new_zeros(x.shape[0]).float()
