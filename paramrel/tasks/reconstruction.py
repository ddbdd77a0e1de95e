"""Images again: from the code alone, from θ of a time alone, from the code and the noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from paramrel.data.fields import Data, count
from paramrel.flows import Flow
from paramrel.flows.checks import check_span
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.solvers import Inversion, invert, times_of_log_snr
from paramrel.tasks.sampling import predictor, run_sampler


@dataclass(frozen=True)
class Reconstruction:
    """Images again, and what was kept of them.

    way: `code`, `theta`, `code and theta`, `noise` or `code and noise`.
    time: of the code where it is alone, else of θ; the noise goes with the code of s = 1.
    images: (B, ...) as the data.
    nll: −ln p_O(x), nats per image, of the decoder's first answer to what is kept, before any
        sampling: for a code, at t = 0. NaN where it answers with a point, and for the noise.
    """

    way: str
    time: float
    images: Tensor
    nll: float = math.nan


def reconstruct_from_code(
    model: FlowAutoencoder, x: Tensor, steps: int, generator: Generator, s: float = 1.0
) -> Reconstruction:
    """Reconstruct x: (B, ...) from the mean of its code alone, read at time s.

    The sampling noise is fresh, so that nothing but the d scalars of the code is kept of x.
    """
    z = mean_code(model, x, s, generator)
    predict = predictor(model, z, s)
    images = run_sampler(model, len(x), steps, generator, predict)
    with torch.no_grad():
        theta = model.flow.prior(x.shape, x.device, generator)
        nll = model.flow.nll(x, predict(theta, torch.zeros(len(x), device=x.device))).mean().item()
    return Reconstruction("code", s, images, nll)


def reconstruct_from_theta(
    model: FlowAutoencoder,
    x: Tensor,
    t: float,
    steps: int,
    generator: Generator,
    z: Tensor | None = None,
) -> Reconstruction:
    """Reconstruct x: (B, ...), sampled on from θ_t ~ p_F(θ | x; t); `steps` are those of [0, 1].

    A self-encoder re-encodes the current θ at every step, so that θ_t is all that is kept of x.
    z: a code of s = 1, (B, d), that is kept beside θ_t; without it, a method whose code is read
    from data is refused with a ValueError.
    """
    check_span("t", t, t, 0, 1)
    time = torch.full((len(x),), t, device=x.device)
    theta = model.flow.sample_theta(model.to_flow(x), time, generator=generator)
    predict = predictor(model, z, 1.0, generator)
    with torch.no_grad():
        nll = model.flow.nll(x, predict(theta, time)).mean().item()
    images = run_sampler(model, len(x), steps, generator, predict, theta, t)
    return Reconstruction("theta" if z is None else "code and theta", t, images, nll)


def reconstruct_from_noise(
    model: FlowAutoencoder, x: Data, z: Tensor, steps: int, generator: Generator
) -> Inversion:
    """Return the noise from which the probability-flow ODE leads to x, and the way back.

    z: (B, d), the code of s = 1 that both directions are told, or the constant of a model without
    one. That is `code and noise`, and near lossless for any flow whatever the code holds: the
    noise has as many floats as x or more. It leads to a sample of θ₁ as generation does, so that
    images without classes come back with noise of about σ₁. The way back is in the flow's values:
    `model.to_data` makes images of them. Raises ValueError without a flow, which has no noise.
    """
    x, predict = model.to_flow(x), predictor(model, z)
    return invert(model.flow, predict, x, steps, start="sample", generator=generator)


def mean_code(model: FlowAutoencoder, x: Data, s: float, generator: Generator) -> Tensor:
    """Return the mean (B, d) of q(z | θ_s, s) for θ_s drawn from x: (B, ...).

    A model without a code returns the constant that its decoder is given.
    """
    if model.encoder is None:
        return model.no_code(count(x))
    check_span("s", s, s, 0, 1)
    with torch.no_grad():
        return model.encode(x, torch.full((count(x),), s, device=model.device), generator).mean


def progressive_times(flow: Flow, log_snr: Sequence[float]) -> tuple[float, ...]:
    """Return the times at which a flow reaches these log-SNRs (nats), and then t = 1.

    Levels that it reaches only after t = 1, or never, are left out.
    """
    last = flow.log_snr(torch.ones(1)).item()
    levels = torch.tensor([level for level in sorted(log_snr) if level < last])
    return (*times_of_log_snr(flow, levels.double()).tolist(), 1.0)


def progression(x: Tensor, ways: Sequence[Reconstruction], way: str) -> Tensor:
    """Return x: (B, ...), and x again in one way from the earliest time on: (B, 1 + T, ...)."""
    again = sorted((kept for kept in ways if kept.way == way), key=lambda kept: kept.time)
    return torch.stack([x, *(kept.images for kept in again)], 1)
