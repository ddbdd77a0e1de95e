"""The natural parameter of θ, in which all flows move alike.

Given x, what a flow has observed by the accuracy β adds up to ζ ~ N(βu, cβI):

- continuous and discretized data: ζ = precision · mean, u = x, c = 1;
- categorical data: ζ = logits, u = K e_x - 1, c = K.

A Bayesian update adds to ζ; every solver is a formula in ζ, u and β. Of a MixedFlow, all these
functions take and return dicts of fields.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution
from torch.nn.functional import one_hot

from paramrel.flows import (
    CategoricalFlow,
    CategoricalTheta,
    Flow,
    GaussianTheta,
    MixedFlow,
    MixedTheta,
    Theta,
    bin_centers,
)


def per_field(function: Callable) -> Callable:
    """Lets `function(flow, *parts, **shared)` treat every field of a MixedFlow by itself."""

    @wraps(function)
    def of_fields(flow: Flow, *parts: Any, **shared: Any) -> Any:
        if not isinstance(flow, MixedFlow):
            return function(flow, *parts, **shared)
        results = {
            name: function(field, *[part[name] for part in parts], **shared)
            for name, field in flow.flows.items()
        }
        is_theta = all(isinstance(result, Theta) for result in results.values())
        return MixedTheta(results) if is_theta else results

    return of_fields


@per_field
def natural(flow: Flow, theta: Theta) -> Tensor:
    """ζ of θ: (B, ...) as x, or (B, ..., K)."""
    if isinstance(theta, CategoricalTheta):
        return theta.logits
    return theta.precision * theta.mean


@per_field
def theta_at(flow: Flow, zeta: Tensor, t: float) -> Theta:
    """θ of ζ at time t."""
    if isinstance(flow, CategoricalFlow):
        return CategoricalTheta(zeta)
    precision = 1 + flow.schedule.beta(t).item()
    ones = zeta.new_ones(len(zeta), *[1] * (zeta.ndim - 1))
    return GaussianTheta(zeta / precision, precision * ones)


def noise_scale(flow: Flow, beta: float) -> float:
    """√(cβ), the standard deviation of ζ given x."""
    return ((flow.num_classes if isinstance(flow, CategoricalFlow) else 1) * beta) ** 0.5


@per_field
def expected_statistic(flow: Flow, out: Distribution) -> Tensor:
    """û, the mean of u over an output distribution."""
    if isinstance(flow, CategoricalFlow):
        return flow.num_classes * out.probs - 1
    if isinstance(out, Categorical):  # over the bins of a DiscretizedFlow
        return out.probs @ bin_centers(flow.num_bins, out.probs)
    return out.mean


def message(flow: Flow, u: Tensor, alpha: float, generator: Generator | None) -> Tensor:
    """What a sender of accuracy alpha adds to ζ: αu + √(cα) ξ, ξ ~ N(0, I).

    Written out, because `flow.sender` accepts data only and a prediction may leave their range.
    """
    noise = torch.randn(u.shape, generator=generator, dtype=u.dtype, device=u.device)
    return alpha * u + noise_scale(flow, alpha) * noise


@per_field
def bayesian_update(
    flow: Flow, theta: Theta, x: Tensor, t: float, t_next: float, generator: Generator | None
) -> Theta:
    """θ after what a sender of x tells from t to t_next."""
    alpha = (flow.schedule.beta(t_next) - flow.schedule.beta(t)).item()
    if isinstance(theta, CategoricalTheta):
        u = flow.num_classes * one_hot(x, flow.num_classes).to(theta.logits) - 1
        return CategoricalTheta(theta.logits + message(flow, u, alpha, generator))
    precision = theta.precision + alpha
    told = message(flow, x.to(theta.mean), alpha, generator)
    return GaussianTheta((theta.precision * theta.mean + told) / precision, precision)


@per_field
def to_noise(flow: Flow, zeta: Tensor, t: float) -> Tensor:
    """ε = ζ/√(cβ(t)), standard normal where β(t) is too small for ζ to say anything of x."""
    return zeta / noise_scale(flow, flow.schedule.beta(t).item())


@per_field
def from_noise(flow: Flow, noise: Tensor, t: float) -> Tensor:
    """ζ at time t from the noise, the inverse of `to_noise`."""
    return noise * noise_scale(flow, flow.schedule.beta(t).item())
