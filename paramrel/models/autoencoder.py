"""FlowAutoencoder: a flow, a decoder that reads θ_t, and an encoder that reads θ_s or x."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Distribution, Normal

from paramrel.data import Variable, Variables
from paramrel.data.fields import Data, count, each, leaves, missing, moved
from paramrel.flows import Flow, Theta
from paramrel.models.config import ModelParams
from paramrel.models.evidence import (
    greatest_time,
    least_time,
    patterns_of,
    per_example,
    present,
    reads_unknown,
    training_evidence,
    where_present,
)
from paramrel.models.methods import Method
from paramrel.models.objective import KERNELS, method_weights, rate
from paramrel.models.times import log_snr_times, low_discrepancy_times
from paramrel.networks import Packing

Outputs = Distribution | dict[str, Distribution]

SMALLEST_LOG_STD = -20.0  # of a code; at γ = 1 nothing else keeps its noise from vanishing
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


class _Drawn(NamedTuple):
    """Rows of a training batch, as the flow takes them, and all that is drawn for them.

    t, s: times of θ_t and of what the code is read from, shared or one per variable.
    unknown: the variables that the decoder is asked for; None where it is asked for all.
    """

    x: Data
    t: Data
    s: Data
    unknown: Data | None
    theta: Theta
    posterior: Normal | None  # of the code; None where there is none
    z: Tensor
    prior: Tensor | None


class FlowAutoencoder(nn.Module):
    """A flow whose decoder p_O(x | θ_t, z, t, s) is told a code z ~ q(z | θ_s, s), or of x.

    ParamReL (Wu et al. 2024, arXiv 2405.15268) and its rivals, which differ in their `Method`
    alone. The decoder knows its own time t and the code's time s. θ_t and θ_s are drawn
    independently given x, but where s = t they are the very same: that is what happens when
    sampling re-encodes the current θ_t.

    Of a method of partial evidence t and s may be those of every variable, (B, ...): what is hidden
    has time 0. Its networks are told the accuracy of each. As the time of all, a decoder is told
    that of the variable known least, which is the time t of what it is asked for, and an encoder
    that of the one known best; so are those of other methods, which are told nothing else.

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
        variables: Variables,
        params: ModelParams,
    ):
        super().__init__()
        self.flow, self.method, self.params = flow, method, params
        self.packing, self.decoder, self.encoder = packing, decoder, encoder
        self.variables = variables
        self.data_shape = each(lambda variable: tuple(variable.shape), self.variables)
        fitted = leaves(self._marginal_of(self._no_data())) if params.residual else []
        for number, marginal in enumerate(fitted):
            self.register_buffer(f"marginal_{number}", marginal)

    @property
    def marginal(self) -> Data | None:
        """The distribution of every variable by itself, which outputs are residuals to."""
        if not self.params.residual:
            return None
        parts = self.buffers(recurse=False)
        return each(lambda _: next(parts), self.data_shape)

    def fit_marginal(self, x: Data) -> None:
        """Take the distribution of every variable by itself from data x, (N, ...)."""
        fitted = leaves(self._marginal_of(x)) if self.params.residual else []
        for part, values in zip(self.buffers(recurse=False), fitted, strict=True):
            part.copy_(values)

    def _marginal_of(self, x: Data) -> Data:
        return self.flow.marginal(self.flow.from_data(each(_filled, x, self.variables)), present(x))

    def _no_data(self) -> Data:
        """One example of which all is missing."""

        def unknown(variable: Variable) -> Tensor:
            mark = -1 if variable.kind in ("binary", "categorical") else math.nan
            return torch.full((1, *variable.shape), mark)

        return each(unknown, self.variables)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def generator(self, seed: int) -> Generator:
        """Return a seeded generator on the model's device: what every function here draws with."""
        return Generator(self.device).manual_seed(seed)

    @property
    def batch_size(self) -> int:
        """How many examples are measured or drawn at once: what the caches of a CPU can hold."""
        return max(BATCH_VALUES // self.num_dimensions, 2)

    @property
    def num_dimensions(self) -> int:
        """The number of data dimensions of an example, of all fields together."""
        return sum(map(math.prod, leaves(self.data_shape)))

    def batch_shape(self, number: int) -> tuple[int, ...] | dict[str, tuple[int, ...]]:
        """Return the shape (number, ...) of so many examples, of each field, as solvers take it."""
        return each(lambda shape: (number, *shape), self.data_shape)

    def to_flow(self, x: Data) -> Data:
        """Return data x on the model's device, as its flow takes them.

        To a diffusion, binary pixels are ±1. What is missing becomes some value of its kind,
        which nothing may depend on: `present` says where.

        Raises ValueError where x has other fields or shapes than the data the model is built for.
        """
        shape = each(lambda part: tuple(part.shape[1:]), x)
        if shape != self.data_shape:
            raise ValueError(
                f"x holds examples of shape {shape}, but this model is built for {self.data_shape}"
            )
        return self.flow.from_data(each(_filled, moved(x, self.device), self.variables))

    def present(self, x: Data) -> Data | None:
        """Return which variables of data x, (B, ...), are not missing; None where none can be.

        A method of shared times reads complete data only.
        """
        shared = self.method.evidence == "shared"
        return None if shared else present(moved(x, self.device))

    def to_data(self, x: Data) -> Data:
        """Return x from the flow as the data are; x̂ may lie between or beyond them."""
        return self.flow.to_data(x)

    def encode_theta(self, theta: Theta, s: Data) -> Normal:
        """Return q(z | θ_s, s), (B, d), from parameters that one already has.

        s: (B,), or the time of every variable, (B, ...), 0 where it is hidden.
        """
        if self.method.code in ("x", "x_t"):
            raise ValueError("this method's code is read from data x, not from θ: use encode(x, s)")
        if self.encoder is None:
            raise ValueError("this method has no code, so there is nothing to encode")
        told = s
        if self.method.code == "mean" and self.method.evidence == "shared":
            told = torch.ones_like(greatest_time(s))
        elif self.method.code == "mean":  # which variables are seen, and not how well
            told = each(lambda part: (part > 0).to(part), s)
        return self._posterior(self._input(theta, s, told), greatest_time(told))

    def _input(self, theta: Theta, t: Data, told: Data) -> Data:
        """What a network sees of θ_t, and where it is told them the accuracies of times `told`."""
        features = self.flow.network_input(theta, t)
        if self.method.evidence == "shared":
            return features
        accuracies = self.flow.accuracy_input(theta, told)
        return each(lambda *parts: torch.cat(parts, -1), features, accuracies)

    def encode(self, x: Data, s: Data | None = None, generator: Generator | None = None) -> Normal:
        """Return the code's distribution, (B, d), for data x and its time s, by default 1.

        s: (B,), or of a code of θ the time of every variable, (B, ...), 0 where it is hidden.

        A code of θ: q(z | θ_s, s), with θ_s ~ p_F(θ | x; s) drawn first. A code of x: q(z | x),
        whatever s; of x_t: q(z | x, s). Of scale 0 where the code is deterministic. Variables
        that are missing in x have time 0.
        """
        seen, x = self.present(x), self.to_flow(x)
        s = torch.ones(count(x), device=self.device) if s is None else s
        if self.method.code == "x":
            return self._posterior(self.flow.certain_input(x), torch.ones_like(s))
        if self.method.code == "x_t":
            return self._posterior(self.flow.certain_input(x), s)
        s = where_present(s, seen)
        return self.encode_theta(self.flow.sample_theta(x, s, generator=generator), s)

    def _posterior(self, features: Data, s: Tensor) -> Normal:
        mean, log_std = self.encoder(self.packing.pack(features), self.flow.log_snr(s))
        log_std = log_std.float().clamp(min=SMALLEST_LOG_STD)
        std = log_std.exp() if self.method.stochastic else torch.zeros_like(mean.float())
        return Normal(mean.float(), std, validate_args=False)

    def output_distribution(self, theta: Theta, z: Tensor, t: Data, s: Data) -> Outputs:
        """Return p_O(x | θ_t, z, t, s) of every variable; z: (B, d).

        t, s: (B,), or the times of every variable, (B, ...).
        """
        inputs = self.packing.pack(self._input(theta, t, t))
        levels = self.flow.log_snr(least_time(t)), self.flow.log_snr(greatest_time(s))
        raw = self.decoder(inputs, levels[0], z, levels[1]).float()
        return self.flow.output_distribution(self.packing.unpack(raw), theta, t, self.marginal)

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
        codes (rows, d) of all parts, for the divergence belongs to their sample.

        Of partial evidence, all variables of most examples have one time: the mean of their data
        terms estimates L_∞ as without evidence, of a code that has seen a part of x. Of every
        eighth some variables are known better, and its data term is that of the others alone, an
        estimate of the conditional bound; there a code that has read nothing of the unknown beyond
        θ_t has no rate, for whoever receives them holds all that it is read from.
        """
        drawn = self._draw(x, generator, rows)
        out = self.output_distribution(drawn.theta, drawn.z, drawn.t, drawn.s)
        data = self.flow.training_loss(drawn.x, out, drawn.t, drawn.unknown).mean()
        none = torch.zeros_like(data)
        if drawn.posterior is None:
            return Loss(data, data, none, none)
        kl = none
        if self.method.stochastic:
            kl = rate(drawn.posterior)
            if drawn.unknown is not None:
                kl = kl * reads_unknown(drawn.s, drawn.t, drawn.unknown)
            kl = kl.mean()
        divergence = KERNELS[self.params.kernel](gather(drawn.z), gather(drawn.prior))
        divergence = divergence * self.num_dimensions
        rate_weight, divergence_weight = method_weights(self.method, self.params)
        total = data
        for weight, term in ((rate_weight, kl), (divergence_weight, divergence)):
            if weight:  # 0 · ∞ is no number
                total = total + weight * term
        return Loss(total, data, kl, divergence)

    loss = forward  # the name to call it by; Fabric wraps `forward`

    @torch.no_grad()
    def training_codes(
        self, x: Data, generator: Generator | None, rows: slice
    ) -> tuple[Tensor, Tensor] | None:
        """Return the codes and the draws of the prior, (rows, d), that `forward` compares."""
        drawn = self._draw(x, generator, rows)
        return None if drawn.posterior is None else (drawn.z, drawn.prior)

    def _draw(self, x: Data, generator: Generator | None, rows: slice) -> _Drawn:
        known, x = self.present(x), self.to_flow(x)
        t = low_discrepancy_times(count(x), generator, self.device)
        if self.params.training_times == "log_snr":
            t = log_snr_times(t, self.flow.log_snr)
        s = self._training_code_time(t, generator)
        shape, same, unknown = (len(t), self.params.code_dim), (s == t)[rows], None
        if self.method.evidence == "partial":
            seen = patterns_of(self.variables).draw(len(t), generator, self.device)
            t, s, unknown = training_evidence(seen, t, s, generator)
            t, s = where_present(t, known), where_present(s, known)
            unknown = each(torch.logical_and, unknown, known)
        theta_t = self.flow.sample_theta(x, t, generator=generator).map(lambda a: a[rows])
        if self.method.reads_theta:
            theta_s = self.flow.sample_theta(x, s, generator=generator).map(lambda a: a[rows])
        x, t, s = (each(lambda part: part[rows], whole) for whole in (x, t, s))
        if unknown is not None:
            unknown = each(lambda part: part[rows], unknown)
        if self.encoder is None:
            return _Drawn(x, t, s, unknown, theta_t, None, self.no_code(count(x)), None)
        if self.method.reads_theta:
            theta_t = theta_t.map(lambda a, b: torch.where(per_example(same, a), b, a), theta_s)
            posterior = self.encode_theta(theta_s, s)
        else:
            posterior = self.encode(x, s)
        noise, prior = (
            torch.randn(shape, generator=generator, device=self.device) for _ in range(2)
        )
        z = posterior.mean + posterior.stddev * noise[rows]
        return _Drawn(x, t, s, unknown, theta_t, posterior, z, prior[rows])

    def _training_code_time(self, t: Tensor, generator: Generator | None) -> Tensor:
        if self.method.code_time == "same":
            return t
        if self.method.code_time == "clean":
            return torch.ones_like(t)
        later = t + (1 - t) * torch.rand(t.shape, generator=generator, device=t.device)
        same = torch.rand(t.shape, generator=generator, device=t.device)
        return torch.where(same < self.params.same_time_share, t, later)


def _filled(x: Tensor, variable: Variable) -> Tensor:
    """x with a value of its kind where it is missing: class 0, the first bin, or 0."""
    value = 1 / variable.levels - 1 if variable.kind == "discretized" else 0
    return x.masked_fill(missing(x), value)


def sample_code(posterior: Normal, generator: Generator | None = None) -> Tensor:
    """Return a reparameterised sample z of a Normal, (B, d); drawn on the generator's device."""
    mean = posterior.mean
    device = mean.device if generator is None else generator.device
    noise = torch.randn(mean.shape, generator=generator, device=device).to(mean.device)
    return mean + posterior.stddev * noise
