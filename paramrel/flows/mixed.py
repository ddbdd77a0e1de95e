"""A flow of named fields, each with its own kind of data and its own flow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from .flow import Flow
from .theta import Theta


@dataclass(frozen=True)
class MixedTheta(Theta):
    """θ of every field."""

    fields: dict[str, Theta]

    def __getitem__(self, name: str) -> Theta:
        return self.fields[name]

    def map(self, function: Callable[..., Tensor], *others: "MixedTheta") -> "MixedTheta":
        """Applies `function` to every tensor of every field, as `Theta.map` does."""
        return MixedTheta(
            {
                name: theta.map(function, *[other[name] for other in others])
                for name, theta in self.fields.items()
            }
        )

    def to_distribution(self) -> dict[str, Distribution]:
        """p_I(x|θ) of every field."""
        return {name: theta.to_distribution() for name, theta in self.fields.items()}

    def entropy(self) -> dict[str, Tensor]:
        """Entropy of p_I per variable of every field, nats."""
        return {name: theta.entropy() for name, theta in self.fields.items()}


@dataclass(frozen=True)
class MixedSchedule:
    """The accuracies of every field at the time that they share."""

    flows: Mapping[str, Flow]

    def beta(self, t: float | Tensor) -> dict[str, Tensor]:
        return {name: flow.schedule.beta(t) for name, flow in self.flows.items()}

    def alpha(self, t: float | Tensor) -> dict[str, Tensor]:
        return {name: flow.schedule.alpha(t) for name, flow in self.flows.items()}

    def alpha_step(self, i: int | Tensor, n: int) -> dict[str, Tensor]:
        return {name: flow.schedule.alpha_step(i, n) for name, flow in self.flows.items()}


class MixedFlow(Flow):
    """Independent flows of the fields of x, tied by the time t and by the network.

    MixedFlow({"pixels": DiscretizedFlow(16), "label": CategoricalFlow(10)}): then x, shapes, raw,
    y, alpha, network inputs and output distributions are dicts with those keys, θ a MixedTheta,
    and each loss is the sum of its fields' nats (B,).
    """

    def __init__(self, flows: Mapping[str, Flow]):
        if not flows:
            raise ValueError(f"flows = {flows} must have at least one field")
        self.flows = dict(flows)
        self.schedule = MixedSchedule(self.flows)
        self.num_inputs = {name: flow.num_inputs for name, flow in self.flows.items()}
        self.num_outputs = {name: flow.num_outputs for name, flow in self.flows.items()}

    def _each(self, method: str, *by_field: Mapping[str, Any], **shared: Any) -> dict[str, Any]:
        """Calls a method of every field's flow with that field's part of the arguments."""
        for part in by_field:
            if set(part) != set(self.flows):
                raise ValueError(f"fields {sorted(part)} must be {sorted(self.flows)}")
        return {
            name: getattr(flow, method)(*[part[name] for part in by_field], **shared)
            for name, flow in self.flows.items()
        }

    def _sum(self, method: str, *by_field: Mapping[str, Any], **shared: Any) -> Tensor:
        return torch.stack([*self._each(method, *by_field, **shared).values()]).sum(0)

    def prior(
        self, shape: dict[str, tuple[int, ...]], device=None, generator: Generator | None = None
    ) -> MixedTheta:
        """θ at t=0 for data of the fields' shapes."""
        return MixedTheta(self._each("prior", shape, device=device, generator=generator))

    def sample_theta(
        self, x: dict[str, Tensor], t: Tensor, generator: Generator | None = None
    ) -> MixedTheta:
        """A draw of every field's θ_t."""
        return MixedTheta(self._each("sample_theta", x, t=t, generator=generator))

    def bayesian_update(
        self, theta: MixedTheta, y: dict[str, Tensor], alpha: dict[str, float | Tensor]
    ) -> MixedTheta:
        """θ after observing every field's y."""
        return MixedTheta(self._each("bayesian_update", theta.fields, y, alpha))

    def sender(
        self, x: dict[str, Tensor], alpha: dict[str, float | Tensor]
    ) -> dict[str, Distribution]:
        """p_S(y|x; α) of every field."""
        return self._each("sender", x, alpha)

    def receiver(
        self, out: dict[str, Distribution], alpha: dict[str, float | Tensor]
    ) -> dict[str, Distribution]:
        """p_R(y|θ; t, α) of every field."""
        return self._each("receiver", out, alpha)

    def network_input(self, theta: MixedTheta, t: Tensor) -> dict[str, Tensor]:
        """What a network sees of every field."""
        return self._each("network_input", theta.fields, t=t)

    def output_distribution(
        self, raw: dict[str, Tensor], theta: MixedTheta, t: Tensor
    ) -> dict[str, Distribution]:
        """p_O(x|θ, t) of every field."""
        return self._each("output_distribution", raw, theta.fields, t=t)

    def sample_output(
        self, out: dict[str, Distribution], generator: Generator | None = None
    ) -> dict[str, Tensor]:
        """A draw of every field's x."""
        return self._each("sample_output", out, generator=generator)

    def mode_output(self, out: dict[str, Distribution]) -> dict[str, Tensor]:
        """The most probable x of every field."""
        return self._each("mode_output", out)

    def log_snr(self, t: Tensor) -> Tensor:
        """The average of the fields' log signal-to-noise ratios, which grows with t."""
        return torch.stack([flow.log_snr(t) for flow in self.flows.values()]).mean(0)

    def loss_continuous_time(
        self, x: dict[str, Tensor], out: dict[str, Distribution], t: Tensor
    ) -> Tensor:
        """Sum of the fields' integrands of L_∞, nats per example (B,)."""
        return self._sum("loss_continuous_time", x, out, t=t)

    def loss_discrete_time(
        self,
        x: dict[str, Tensor],
        out: dict[str, Distribution],
        i: int | Tensor,
        n: int,
        generator: Generator | None = None,
        num_samples: int = 1,
    ) -> Tensor:
        """Sum of the fields' terms of L_n, nats per example (B,)."""
        return self._sum(
            "loss_discrete_time", x, out, i=i, n=n, generator=generator, num_samples=num_samples
        )

    def reconstruction_loss(self, x: dict[str, Tensor], out: dict[str, Distribution]) -> Tensor:
        """Sum of the fields' -ln p_O, nats per example (B,)."""
        return self._sum("reconstruction_loss", x, out)

    def training_loss(
        self, x: dict[str, Tensor], out: dict[str, Distribution], t: Tensor
    ) -> Tensor:
        """Sum of what the fields' flows minimise (B,)."""
        return self._sum("training_loss", x, out, t=t)

    def prior_loss(self, x: dict[str, Tensor]) -> Tensor:
        """Sum of the fields' KL at t=0, nats per example (B,)."""
        return self._sum("prior_loss", x)
