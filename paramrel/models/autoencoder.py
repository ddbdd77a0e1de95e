"""FlowAutoencoder: a flow, a decoder that reads θ_t, and an encoder that reads θ_s or x."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Distribution, Normal
from torch.nn.functional import one_hot

from paramrel.data import Dataset, Variable
from paramrel.data.fields import Data, count, each, leaves
from paramrel.flows import Flow, Theta, bin_centers, bin_index
from paramrel.models.config import ModelParams
from paramrel.models.methods import Method
from paramrel.models.objective import method_weights, mmd, rate
from paramrel.networks import Packing

Outputs = Distribution | dict[str, Distribution]

BATCH_VALUES = 2**18  # of the data, in a batch that is measured or drawn


class Loss(NamedTuple):
    """The objective and its parts, in nats per example, averaged over the batch.

    total = data + weight·rate + weight·divergence, with (1 − γ) and (λ + γ − 1) for ParamReL's
    weights; divergence is the MMD times the number of data dimensions, so that the terms keep
    their proportions when images grow. The data term of a diffusion, |ε − ε̂|², is no nats. The
    rate of a deterministic code is infinite and weighs nothing: here it is 0.
    """

    total: Tensor
    data: Tensor
    rate: Tensor
    divergence: Tensor


@dataclass(frozen=True)
class NLLBound:
    """An upper bound on −ln p(x) and its parts, (B,) nats per example."""

    prior: Tensor
    transmission: Tensor
    reconstruction: Tensor
    rate: Tensor

    @property
    def total(self) -> Tensor:
        return self.prior + self.transmission + self.reconstruction + self.rate


class FlowAutoencoder(nn.Module):
    """A flow whose decoder p_O(x | θ_t, z, t, s) is told a code z ~ q(z | θ_s, s), or of x.

    ParamReL (Wu et al. 2024, arXiv 2405.15268) and its rivals, which differ in their `Method`
    alone. The decoder knows its own time t and the code's time s. θ_t and θ_s are drawn
    independently given x, but where s = t they are the very same: that is what happens when
    sampling re-encodes the current θ_t.

    Data x are a tensor (B, ...), or a dict of tensors where examples are records of several
    fields; then output distributions are dicts too, and losses are sums over the fields.
    The networks read and write what `packing` makes of the variables.
    """

    def __init__(
        self,
        flow: Flow,
        packing: Packing,
        decoder: nn.Module,
        encoder: nn.Module | None,
        method: Method,
        data: Dataset,
        params: ModelParams,
    ):
        super().__init__()
        self.flow, self.method, self.params = flow, method, params
        self.packing, self.decoder, self.encoder = packing, decoder, encoder
        self.variables = data.variables
        self.data_shape = each(lambda variable: tuple(variable.shape), self.variables)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def generator(self, seed: int) -> Generator:
        """Return a seeded generator on the model's device: what every function here draws with."""
        return Generator(self.device).manual_seed(seed)

    @property
    def batch_size(self) -> int:
        """How many examples are measured or drawn at once: what the caches of a CPU can hold."""
        return max(BATCH_VALUES // self.num_dimensions, 1)

    @property
    def num_dimensions(self) -> int:
        """The number of data dimensions of an example, of all fields together."""
        return sum(map(math.prod, leaves(self.data_shape)))

    def batch_shape(self, number: int) -> tuple[int, ...] | dict[str, tuple[int, ...]]:
        """Return the shape (number, ...) of so many examples, of each field, as solvers take it."""
        return each(lambda shape: (number, *shape), self.data_shape)

    def to_flow(self, x: Data) -> Data:
        """Return data x as the flow takes them; to a diffusion, binary pixels are ±½.

        Raises ValueError where x has other fields or shapes than the data the model is built for.
        """
        shape = each(lambda part: tuple(part.shape[1:]), x)
        if shape != self.data_shape:
            raise ValueError(
                f"x holds examples of shape {shape}, but this model is built for {self.data_shape}"
            )
        if self.method.flow != "diffusion":
            return x
        return each(lambda part: part if part.is_floating_point() else part - 0.5, x)

    def to_data(self, x: Data) -> Data:
        """Return x from the flow as the data are; x̂ may lie between or beyond them."""
        return each(_to_data, self.variables, x)

    def encode_theta(self, theta: Theta, s: Tensor) -> Normal:
        """Return q(z | θ_s, s), (B, d), from parameters that one already has; s: (B,)."""
        if self.method.code in ("x", "x_t"):
            raise ValueError("this method's code is read from data x, not from θ: use encode(x, s)")
        if self.encoder is None:
            raise ValueError("this method has no code, so there is nothing to encode")
        return self._posterior(self.flow.network_input(theta, s), s)

    def encode(self, x: Data, s: Tensor, generator: Generator | None = None) -> Normal:
        """Return the code's distribution, (B, d), for data x and its time s: (B,).

        A code of θ: q(z | θ_s, s), with θ_s ~ p_F(θ | x; s) drawn first. A code of x: q(z | x),
        whatever s; of x_t: q(z | x, s). Of scale 0 where the code is deterministic.
        """
        x = self.to_flow(x)
        if self.method.code == "x":
            return self._posterior(self._features(x), torch.ones_like(s))
        if self.method.code == "x_t":
            return self._posterior(self._features(x), s)
        return self.encode_theta(self.flow.sample_theta(x, s, generator=generator), s)

    def _posterior(self, features: Data, s: Tensor) -> Normal:
        mean, log_std = self.encoder(self.packing.pack(features), self.flow.log_snr(s))
        std = log_std.float().exp() if self.method.stochastic else torch.zeros_like(mean.float())
        return Normal(mean.float(), std, validate_args=False)

    def _features(self, x: Data) -> Data:
        """Data as the network input of a θ that is certain of them: (*x.shape, num_inputs)."""
        return each(_certain_input, self.variables, x, self.flow.num_inputs)

    def output_distribution(self, theta: Theta, z: Tensor, t: Tensor, s: Tensor) -> Outputs:
        """Return p_O(x | θ_t, z, t, s) of every variable; z: (B, d), t, s: (B,)."""
        inputs = self.packing.pack(self.flow.network_input(theta, t))
        raw = self.decoder(inputs, self.flow.log_snr(t), z, self.flow.log_snr(s)).float()
        return self.flow.output_distribution(self.packing.unpack(raw), theta, t)

    def no_code(self, batch: int) -> Tensor:
        """Return the constant code (B, d) that a method without codes gives its decoder."""
        return torch.zeros(batch, self.params.code_dim, device=self.device)

    def forward(
        self,
        x: Data,
        generator: Generator | None = None,
        rows: slice = slice(None),
        gather: Callable[[Tensor], Tensor] = lambda codes: codes,
    ) -> Loss:
        """Return the training objective of rows of a batch x and its parts, in nats per example.

        Everything random is drawn for the whole batch and then cut, so that the parts of a batch,
        in turn or in several processes, are what they are in the whole. gather: brings together the
        codes (rows, d) of all processes, for the divergence belongs to their sample.
        """
        x = self.to_flow(x)
        t = _low_discrepancy_times(count(x), generator, self.device)
        s = self._training_code_time(t, generator)
        shape = (len(t), self.params.code_dim)
        theta_t = self.flow.sample_theta(x, t, generator=generator).map(lambda a: a[rows])
        if self.method.code == "theta":
            theta_s = self.flow.sample_theta(x, s, generator=generator).map(lambda a: a[rows])
        x, t, s = each(lambda part: part[rows], x), t[rows], s[rows]
        if self.encoder is None:
            out = self.output_distribution(theta_t, self.no_code(len(t)), t, s)
            data = self.flow.training_loss(x, out, t).mean()
            return Loss(data, data, torch.zeros_like(data), torch.zeros_like(data))

        if self.method.code == "theta":
            theta_t = theta_t.map(lambda a, b: torch.where(_like(s == t, a), b, a), theta_s)
            posterior = self.encode_theta(theta_s, s)
        else:
            posterior = self.encode(x, s)
        noise = torch.randn(shape, generator=generator, device=s.device)[rows]
        z = posterior.mean + posterior.stddev * noise
        out = self.output_distribution(theta_t, z, t, s)
        data = self.flow.training_loss(x, out, t).mean()
        kl = rate(posterior).mean() if self.method.stochastic else torch.zeros_like(data)
        prior = torch.randn(shape, generator=generator, device=z.device)[rows]
        divergence = mmd(gather(z), gather(prior)) * self.num_dimensions
        rate_weight, divergence_weight = method_weights(self.method, self.params)
        total = data + rate_weight * kl + divergence_weight * divergence
        return Loss(total, data, kl, divergence)

    loss = forward  # the name to call it by; Fabric wraps `forward`

    def _training_code_time(self, t: Tensor, generator: Generator | None) -> Tensor:
        if self.method.code_time == "same":
            return t
        if self.method.code_time == "clean":
            return torch.ones_like(t)
        later = t + (1 - t) * torch.rand(t.shape, generator=generator, device=t.device)
        same = torch.rand(t.shape, generator=generator, device=t.device)
        return torch.where(same < self.params.same_time_share, t, later)

    @torch.no_grad()
    def nll_bound(
        self,
        x: Data,
        n: int | None = None,
        num_times: int = 32,
        generator: Generator | None = None,
    ) -> NLLBound:
        """Return an upper bound on −ln p(x), in nats per example.

        n: number of transmission steps; by default their continuous-time limit.
        num_times: times of each example, one in each of so many equal parts of [0, 1), at which the
            transmission loss is estimated.

        One code of θ or x, read at s = 1, serves all steps, so its rate is paid once. A code of θ
        of the `same` time: the receiver reads z_t from the θ_t that it holds, so it is free.
        No code: L + L_r (Graves et al. 2023, arXiv 2308.07037, eq. 13). Raises ValueError for a
        method that has no bound, with the reason.
        """
        if self.method.no_bound:
            raise ValueError(f"this method has no bound on −ln p(x): {self.method.no_bound}")
        x = self.to_flow(x)
        shared, kl = self._shared_code(x, generator)
        losses = []
        for t in _stratified_times(count(x), num_times, generator, self.device):
            if n is not None:
                step = (t * n).long()
                t = step / n
            theta, z, s = self._step(x, t, shared, generator)
            out = self.output_distribution(theta, z, t, s)
            losses.append(
                self.flow.loss_continuous_time(x, out, t)
                if n is None
                else self.flow.loss_discrete_time(x, out, 1 + step, n, generator=generator)
            )
        end = torch.ones_like(t)
        theta, z, s = self._step(x, end, shared, generator)
        out = self.output_distribution(theta, z, end, s)
        transmission = torch.stack(losses).mean(0)
        reconstruction = self.flow.reconstruction_loss(x, out)
        return NLLBound(self.flow.prior_loss(x), transmission, reconstruction, kl)

    @torch.no_grad()
    def shuffled_code_loss(
        self, x: Data, num_times: int = 32, generator: Generator | None = None
    ) -> Tensor:
        """Return the nats per example that the code of another example adds to L_∞, (B,).

        Zero says that the decoder ignores the code. Both losses share θ_t, the times and the code:
        that of s = 1, or of the `same` time. The examples stand in any order but sorted, B ≥ 2.
        """
        x = self.to_flow(x)
        shared, _ = self._shared_code(x, generator)
        differences = []
        for t in _stratified_times(count(x), num_times, generator, self.device):
            theta, z, s = self._step(x, t, shared, generator)
            true, shuffled = (
                self.flow.loss_continuous_time(x, self.output_distribution(theta, code, t, s), t)
                for code in (z, z.roll(1, 0))
            )
            differences.append(shuffled - true)
        return torch.stack(differences).mean(0)

    def _shared_code(self, x: Data, generator: Generator | None) -> tuple[Tensor | None, Tensor]:
        """Return the code (B, d) that serves all times, None where each has its own; its rate."""
        free = torch.zeros(count(x), device=self.device)
        if self.encoder is None:
            return self.no_code(len(free)), free
        if self.method.code_time == "same":
            return None, free
        posterior = self.encode(x, torch.ones_like(free), generator)
        return sample_code(posterior, generator), rate(posterior)

    def _step(
        self, x: Data, t: Tensor, shared: Tensor | None, generator: Generator | None
    ) -> tuple[Theta, Tensor, Tensor]:
        """Return θ_t ~ p_F(θ | x; t), the code that goes with it, and the code's time."""
        theta = self.flow.sample_theta(x, t, generator=generator)
        if shared is not None:
            return theta, shared, torch.ones_like(t)
        posterior = self.encode(x, t) if self.method.code == "x_t" else self.encode_theta(theta, t)
        return theta, sample_code(posterior, generator), t


def sample_code(posterior: Normal, generator: Generator | None = None) -> Tensor:
    """Return a reparameterised sample z of a Normal, (B, d); drawn on the generator's device."""
    mean = posterior.mean
    device = mean.device if generator is None else generator.device
    noise = torch.randn(mean.shape, generator=generator, device=device).to(mean.device)
    return mean + posterior.stddev * noise


def _to_data(variable: Variable, x: Tensor) -> Tensor:
    if not x.is_floating_point():
        return x
    if variable.kind == "binary":
        return (x > 0).long()
    x, bins = x.clamp(-1, 1), variable.levels
    return x if bins is None else bin_centers(bins, x)[bin_index(x, bins)]


def _certain_input(variable: Variable, x: Tensor, num_inputs: int) -> Tensor:
    """Values themselves; classes one-hot as −1 and 1, of two classes the second alone."""
    if x.is_floating_point():
        return x.unsqueeze(-1)
    return 2.0 * one_hot(x, variable.levels)[..., -num_inputs:] - 1


def _like(mask: Tensor, tensor: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (tensor.ndim - 1))


def _low_discrepancy_times(
    number: int, generator: Generator | None, device: torch.device
) -> Tensor:
    """One time per example, (B,), spread evenly over [0, 1) (Kingma et al. 2021, app. I.1)."""
    u = torch.rand((), generator=generator, device=device)
    return (u + torch.arange(number, device=device) / number) % 1


def _stratified_times(
    number: int, strata: int, generator: Generator | None, device: torch.device
) -> list[Tensor]:
    """Times (number,) in each of the equal parts of [0, 1); every example has one in each part.

    An example's time is uniform in its part, and the examples' times are spread evenly over it: the
    mean over examples, which differ less than times do, is then nearly free of the times' noise.
    """
    below_one = 1 - torch.finfo(torch.float32).eps
    return [
        ((part + _low_discrepancy_times(number, generator, device)) / strata).clamp(max=below_one)
        for part in range(strata)
    ]
