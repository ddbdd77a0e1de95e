"""A flow of named fields, each with its own kind of data and its own flow."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from .bayesian import BayesianFlow
from .flow import Flow
from .mixed_schedule import MixedSchedule
from .mixed_theta import MixedTheta

# Of every field by its name.
Fields = dict[str, Tensor]
Outs = dict[str, Distribution]
Shapes = dict[str, tuple[int, ...]]
Numbers = dict[str, float]
Accuracies = dict[str, float | Tensor]


class MixedFlow(BayesianFlow):
    """Independent flows of the fields of x, tied by the time t and by the network.

    MixedFlow({"pixels": DiscretizedFlow(16), "label": CategoricalFlow(10)}): then x, shapes, raw,
    y, ζ, accuracies, network inputs and output distributions are dicts with those keys, θ is a
    MixedTheta, and each loss is the sum of its fields' nats (B,). Times are those of all fields,
    (B,), or a dict of each field's, (B,) or one per variable; so is `where` a dict.
    """

    def __init__(self, flows: Mapping[str, Flow]):
        if not flows:
            raise ValueError(f"flows = {flows} must have at least one field")
        self.flows = dict(flows)
        self.schedule = MixedSchedule(self.flows)
        self.num_inputs = {name: flow.num_inputs for name, flow in self.flows.items()}
        self.num_outputs = {name: flow.num_outputs for name, flow in self.flows.items()}

    @property
    def moves(self) -> bool:
        """Whether θ of every field does."""
        return all(flow.moves for flow in self.flows.values())

    def each(self, function: Callable[..., Any], *parts: Any) -> dict[str, Any]:
        """A dict of function(flow, *parts) by the fields' flows and their parts."""
        return {
            name: flow.each(function, *[part[name] for part in parts])
            for name, flow in self.flows.items()
        }

    def _each(self, method: str, *by_field: Mapping[str, Any], **shared: Any) -> dict[str, Any]:
        """Calls a method of every field's flow with that field's part of the arguments."""
        for part in by_field:
            if set(part) != set(self.flows):
                raise ValueError(f"fields {sorted(part)} must be {sorted(self.flows)}")
        return {
            name: getattr(flow, method)(*[part[name] for part in by_field], **shared)
            for name, flow in self.flows.items()
        }

    def _of_fields(self, part: Any) -> Mapping[str, Any]:
        """A dict of fields as it is; what is no dict is that of every field."""
        return part if isinstance(part, Mapping) else dict.fromkeys(self.flows, part)

    def _sum(self, method: str, *by_field: Mapping[str, Any], **shared: Any) -> Tensor:
        return torch.stack([*self._each(method, *by_field, **shared).values()]).sum(0)

    def check(self, x: Fields) -> None:
        """Every field must hold data of its flow."""
        self._each("check", x)

    def check_shape(self, shape: Shapes) -> None:
        """`shape` must be a dict of the fields' shapes (B, ...)."""
        if not isinstance(shape, Mapping):
            raise ValueError(f"shape = {shape} must be a dict of the shapes of {[*self.flows]}")
        self._each("check_shape", shape)

    def check_theta(self, theta: MixedTheta, eta: float) -> None:
        """θ of every field must have the accuracy of its flow at η."""
        self._each("check_theta", theta.fields, eta=eta)

    def finite(self, out: Outs) -> Tensor:
        """Whether the output distributions of all fields are finite: ()."""
        return torch.stack([*self._each("finite", out).values()]).all()

    def from_data(self, x: Fields) -> Fields:
        """Every field as its flow takes it."""
        return self._each("from_data", x)

    def to_data(self, x: Fields) -> Fields:
        """The data next to what every field's flow made."""
        return self._each("to_data", x)

    def variables(self, x: Fields) -> Shapes:
        """The shape (B, ...) of the variables of every field."""
        return self._each("variables", x)

    def prior(self, shape: Shapes, device=None, generator: Generator | None = None) -> MixedTheta:
        """θ at t=0 for data of the fields' shapes."""
        return MixedTheta(self._each("prior", shape, device=device, generator=generator))

    def sample_theta(
        self, x: Fields, t: Tensor | Fields, generator: Generator | None = None
    ) -> MixedTheta:
        """A draw of every field's θ_t."""
        return MixedTheta(self._each("sample_theta", x, self._of_fields(t), generator=generator))

    def bayesian_update(self, theta: MixedTheta, y: Fields, alpha: Accuracies) -> MixedTheta:
        """θ after observing every field's y."""
        return MixedTheta(self._each("bayesian_update", theta.fields, y, alpha))

    def sender(self, x: Fields, alpha: Accuracies) -> Outs:
        """p_S(y|x; α) of every field."""
        return self._each("sender", x, alpha)

    def receiver(self, out: Outs, alpha: Accuracies) -> Outs:
        """p_R(y|θ; t, α) of every field."""
        return self._each("receiver", out, alpha)

    def beta(self, t: float) -> Numbers:
        """β(t) of every field."""
        return self._each("beta", t=t)

    def gain(self, t: float, t_next: float) -> Numbers:
        """The accuracy of every field between two times."""
        return self._each("gain", t=t, t_next=t_next)

    def natural(self, theta: MixedTheta) -> Fields:
        """ζ of every field."""
        return self._each("natural", theta.fields)

    def theta_of(self, zeta: Fields, beta: Numbers) -> MixedTheta:
        """θ of every field's ζ."""
        return MixedTheta(self._each("theta_of", zeta, beta))

    def add(self, theta: MixedTheta, told: Fields, alpha: Accuracies) -> MixedTheta:
        """θ with what is told of every field."""
        return MixedTheta(self._each("add", theta.fields, told, alpha))

    def told(self, y: Fields, alpha: Accuracies) -> Fields:
        """What every field's y adds to its ζ."""
        return self._each("told", y, alpha)

    def noise_scale(self, beta: Numbers) -> Numbers:
        """√(cβ) of every field."""
        return self._each("noise_scale", beta)

    def statistic(self, x: Fields, dtype: torch.dtype = torch.float32) -> Fields:
        """u of every field."""
        return self._each("statistic", x, dtype=dtype)

    def expected_statistic(self, out: Outs) -> Fields:
        """û of every field."""
        return self._each("expected_statistic", out)

    def message(self, u: Fields, alpha: Numbers, generator: Generator | None = None) -> Fields:
        """What a sender adds to ζ, field after field."""
        return self._each("message", u, alpha, generator=generator)

    def draw_noise(self, shape: Shapes, device=None, generator: Generator | None = None) -> Fields:
        """Standard normal noise in the shape of every field's ζ."""
        return self._each("draw_noise", shape, device=device, generator=generator)

    def centred(self, zeta: Fields) -> Fields:
        """ζ without what says nothing of x, of every field."""
        return self._each("centred", zeta)

    def extrapolation(
        self,
        last: Numbers,
        now: Numbers,
        end: Numbers,
        stochastic: bool,
    ) -> Numbers:
        """The weight of a step of order 2, of every field."""
        return self._each("extrapolation", last, now, end, stochastic=stochastic)

    def error(self, x: Fields, again: Fields) -> Fields:
        """How far every field is from itself again: (B,)."""
        return self._each("error", x, again)

    def features(self, x: Fields) -> Fields:
        """Vectors of every field, of which `output_of` takes the mean."""
        return self._each("features", x)

    def output_of(self, features: Fields) -> Outs:
        """The output distributions of expected features."""
        return self._each("output_of", features)

    def log_likelihood(self, x: Fields) -> Callable[[MixedTheta], Tensor]:
        """θ → the sum of the fields' ln p(θ|x_j): (B, J)."""
        of_field = self._each("log_likelihood", x)
        return lambda theta: sum(function(theta[name]) for name, function in of_field.items())

    def outcomes(self, out: Outs) -> dict[str, tuple[Tensor, Tensor]]:
        """The numbers that `out` holds possible of every field, and how probable."""
        return self._each("outcomes", out)

    def network_input(self, theta: MixedTheta, t: Tensor | Fields) -> Fields:
        """What a network sees of every field."""
        return self._each("network_input", theta.fields, self._of_fields(t))

    def accuracy_input(self, theta: MixedTheta, t: Tensor | Fields) -> Fields:
        """How accurate θ of every field is."""
        return self._each("accuracy_input", theta.fields, self._of_fields(t))

    def certain_input(self, x: Fields) -> Fields:
        """What a network sees of a θ that is certain of every field."""
        return self._each("certain_input", x)

    def output_distribution(
        self,
        raw: Fields,
        theta: MixedTheta,
        t: Tensor | Fields,
        marginal: Fields | None = None,
    ) -> Outs:
        """p_O(x|θ, t) of every field."""
        times, marginals = self._of_fields(t), self._of_fields(marginal)
        return self._each("output_distribution", raw, theta.fields, times, marginals)

    def marginal(self, x: Fields, where: Fields) -> Fields:
        """That of every field."""
        return self._each("marginal", x, where)

    def sample_output(self, out: Outs, generator: Generator | None = None) -> Fields:
        """A draw of every field's x."""
        return self._each("sample_output", out, generator=generator)

    def mode_output(self, out: Outs) -> Fields:
        """The most probable x of every field."""
        return self._each("mode_output", out)

    def log_snr(self, t: Tensor) -> Tensor:
        """The average of the fields' log signal-to-noise ratios, which grows with t."""
        return torch.stack([flow.log_snr(t) for flow in self.flows.values()]).mean(0)

    def loss_continuous_time(
        self, x: Fields, out: Outs, t: Tensor | Fields, where: Fields | None = None
    ) -> Tensor:
        """Sum of the fields' integrands of L_∞, nats per example (B,)."""
        return self._sum("loss_continuous_time", x, out, self._of_fields(t), self._of_fields(where))

    def loss_discrete_time(
        self,
        x: Fields,
        out: Outs,
        i: int | Tensor,
        n: int,
        generator: Generator | None = None,
        num_samples: int = 1,
    ) -> Tensor:
        """Sum of the fields' terms of L_n, nats per example (B,)."""
        return self._sum(
            "loss_discrete_time", x, out, i=i, n=n, generator=generator, num_samples=num_samples
        )

    def reconstruction_loss(self, x: Fields, out: Outs, where: Fields | None = None) -> Tensor:
        """Sum of the fields' -ln p_O, nats per example (B,)."""
        return self._sum("reconstruction_loss", x, out, self._of_fields(where))

    def nll(self, x: Fields, out: Outs, where: Fields | None = None) -> Tensor:
        """Sum of the fields' -ln p_O(x), nats per example (B,); NaN where one is a point."""
        return self._sum("nll", x, out, self._of_fields(where))

    def training_loss(
        self, x: Fields, out: Outs, t: Tensor | Fields, where: Fields | None = None
    ) -> Tensor:
        """Sum of what the fields' flows minimise (B,)."""
        return self._sum("training_loss", x, out, self._of_fields(t), self._of_fields(where))

    def prior_loss(self, x: Fields, where: Fields | None = None) -> Tensor:
        """Sum of the fields' KL at t=0, nats per example (B,)."""
        return self._sum("prior_loss", x, self._of_fields(where))
