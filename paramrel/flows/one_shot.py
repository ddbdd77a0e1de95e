"""No flow: θ says nothing, and the whole of x is decoded in one step from the code."""

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from . import checks
from .flow import Flow
from .theta import Theta


class OneShotFlow(Flow):
    """θ_t is the prior at every t, which makes an autoencoder of a model (a VAE, with a rate).

    It takes kind of data, likelihood and prior from a Bayesian flow: `OneShotFlow(
    CategoricalFlow(2))`, `OneShotFlow(DiscretizedFlow(16))`, `OneShotFlow(GaussianFlow(0.1))`.
    The raw network output is read as logits; as mean and log-scale of the discretized normal
    distribution; as mean and log-scale of a normal distribution of one scale, no sharper than σ₁.

    -ln p_O(x) stands in the transmission loss, whole at every t, and the reconstruction loss is
    zero: their sum counts it once, and training needs no special case.
    """

    moves = False

    def __init__(self, data_flow: Flow):
        self.data_flow = data_flow
        self.num_inputs = data_flow.num_inputs
        self.num_outputs = data_flow.num_likelihood_outputs

    def check(self, x: Tensor) -> None:
        """x must be data of the data's flow."""
        self.data_flow.check(x)

    def finite(self, out: Distribution) -> Tensor:
        return self.data_flow.finite(out)

    def from_data(self, x: Tensor) -> Tensor:
        return self.data_flow.from_data(x)

    def to_data(self, x: Tensor) -> Tensor:
        return self.data_flow.to_data(x)

    def variables(self, x: Tensor) -> tuple[int, ...]:
        return self.data_flow.variables(x)

    def prior(
        self, shape: tuple[int, ...], device=None, generator: Generator | None = None
    ) -> Theta:
        """The prior of the data's flow."""
        return self.data_flow.prior(shape, device, generator)

    def sample_theta(self, x: Tensor, t: Tensor, generator: Generator | None = None) -> Theta:
        """The prior, whatever x and t."""
        shape = self.variables(x)
        checks.check_time(t, shape)
        return self.prior(shape, x.device)

    def network_input(self, theta: Theta, t: Tensor) -> Tensor:
        """A constant: (*x.shape, num_inputs)."""
        return self.data_flow.network_input(theta, t)

    def certain_input(self, x: Tensor) -> Tensor:
        """That of the data's flow: (*x.shape, num_inputs)."""
        return self.data_flow.certain_input(x)

    def output_distribution(
        self, raw: Tensor, theta: Theta, t: Tensor, marginal: Tensor | None = None
    ) -> Distribution:
        """p_O(x) from raw alone, (*x.shape, num_outputs); with a marginal, raw = 0 is that."""
        expected = self.network_input(theta, t).shape[:-1]
        checks.check_shape("raw", raw, (*expected, self.num_outputs))
        return self.data_flow.likelihood(raw, marginal)

    def marginal(self, x: Tensor, where: Tensor) -> Tensor:
        """That of the data's flow."""
        return self.data_flow.marginal(x, where)

    def sample_output(self, out: Distribution, generator: Generator | None = None) -> Tensor:
        """A draw of x: (B, ...)."""
        return self.data_flow.sample_output(out, generator)

    def mode_output(self, out: Distribution) -> Tensor:
        """The most probable x: (B, ...)."""
        return self.data_flow.mode_output(out)

    def log_snr(self, t: Tensor) -> Tensor:
        """-inf: θ holds no signal."""
        return torch.full_like(t, -torch.inf, dtype=torch.float64)

    def loss_continuous_time(
        self, x: Tensor, out: Distribution, t: Tensor, where: Tensor | None = None
    ) -> Tensor:
        """-ln p_O(x), nats per example (B,)."""
        checks.check_time(t, self.variables(x))
        return self.data_flow.nll(x, out, where)

    def loss_discrete_time(
        self,
        x: Tensor,
        out: Distribution,
        i: int | Tensor,
        n: int,
        generator: Generator | None = None,
        num_samples: int = 1,
    ) -> Tensor:
        """-ln p_O(x), nats per example (B,), at every step i."""
        checks.check_step(i, n, len(x))
        return self.data_flow.nll(x, out)

    def reconstruction_loss(
        self, x: Tensor, out: Distribution, where: Tensor | None = None
    ) -> Tensor:
        """Zero (B,): the transmission loss has counted it."""
        return torch.zeros_like(self.data_flow.nll(x, out, where))

    def nll(self, x: Tensor, out: Distribution, where: Tensor | None = None) -> Tensor:
        """That of the data's flow, nats (B,)."""
        return self.data_flow.nll(x, out, where)
