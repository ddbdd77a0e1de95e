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
from paramrel.models.batches import in_batches
from paramrel.models.encoding import mean_code
from paramrel.solvers import Inversion, invert, times_of_log_snr
from paramrel.tasks.sampling import predictor, require_code, run_sampler


@dataclass(frozen=True)
class Reconstruction:
    """Images again, and what was kept of them.

    way: `code`, `theta`, `code and theta`, `noise` or `code and noise`.
    time: of the code where it is alone, else of θ; the noise goes with the code of s = 1.
    images: (N, ...) as the data, on the CPU.
    nll: −ln p_O(x), nats per image, of the decoder's first answer to what is kept, before any
        sampling: for a code, at t = 0. NaN where it answers with a point, and for the noise.
    """

    way: str
    time: float
    images: Data
    nll: float = math.nan


def reconstruct(
    model: FlowAutoencoder, x: Data, steps: int = 50, generator: Generator | None = None
) -> Data:
    """Return x: (N, ...) again, from the mean of its code of s = 1 alone, with fresh noise.

    generator: on the model's device; by default of seed 0. Raises ValueError without a code.

    >>> import paramrel
    >>> model = paramrel.load_pretrained("digits").model
    >>> reconstruct(model, paramrel.load_dataset("digits").test.x[:4], steps=10).shape
    torch.Size([4, 1, 8, 8])
    """
    require_code(model)
    return reconstruct_from_code(model, x, steps, generator or model.generator(0)).images


def reconstruct_from_code(
    model: FlowAutoencoder, x: Data, steps: int, generator: Generator, s: float = 1.0
) -> Reconstruction:
    """Reconstruct x: (N, ...) from the mean of its code alone, read at time s.

    The sampling noise is fresh, so that nothing but the d scalars of the code is kept of x.
    """

    def again(x: Data) -> dict[str, Data]:
        z = mean_code(model, x, s, generator).to(model.device)
        predict = predictor(model, z, s)
        images = run_sampler(model, count(x), steps, generator, predict)
        theta = model.flow.prior(model.batch_shape(count(x)), model.device, generator)
        start = torch.zeros(count(x), device=model.device)
        return {"images": images, "nll": model.flow.nll(x, predict(theta, start))}

    return _reconstruction("code", s, in_batches(model, again, x))


def reconstruct_from_theta(
    model: FlowAutoencoder,
    x: Data,
    t: float,
    steps: int,
    generator: Generator,
    z: Tensor | None = None,
) -> Reconstruction:
    """Reconstruct x: (N, ...), sampled on from θ_t ~ p_F(θ | x; t); `steps` are those of [0, 1].

    A self-encoder re-encodes the current θ at every step, so that θ_t is all that is kept of x.
    z: a code of s = 1, (N, d), that is kept beside θ_t; without it, a method whose code is read
    from data is refused with a ValueError.
    """
    check_span("t", t, t, 0, 1)

    def again(x: Data, z: Tensor | None = None) -> dict[str, Data]:
        time = torch.full((count(x),), t, device=model.device)
        theta = model.flow.sample_theta(model.to_flow(x), time, generator=generator)
        predict = predictor(model, z, 1.0, generator)
        nll = model.flow.nll(x, predict(theta, time))
        images = run_sampler(model, count(x), steps, generator, predict, theta, t)
        return {"images": images, "nll": nll}

    way = "theta" if z is None else "code and theta"
    return _reconstruction(way, t, in_batches(model, again, x, *([] if z is None else [z])))


def reconstruct_from_noise(
    model: FlowAutoencoder, x: Data, z: Tensor, steps: int, generator: Generator
) -> Inversion:
    """Return the noise from which the probability-flow ODE leads to x, and the way back.

    z: (N, d), the code of s = 1 that both directions are told, or the constant of a model without
    one. That is `code and noise`, and near lossless for any flow whatever the code holds: the
    noise has as many floats as x or more. It leads to a sample of θ₁ as generation does, so that
    images without classes come back with noise of about σ₁. The way back is in the flow's values:
    `model.to_data` makes images of them. Raises ValueError without a flow, which has no noise.
    """
    thetas = []

    def inverted(x: Data, z: Tensor) -> dict[str, Data]:
        way = invert(
            model.flow,
            predictor(model, z),
            model.to_flow(x),
            steps,
            start="sample",
            generator=generator,
        )
        thetas.append(way.theta.map(Tensor.cpu))
        return {name: getattr(way, name) for name in ("noise", "reconstruction", "error")}

    found = in_batches(model, inverted, x, z)
    theta = thetas[0].map(lambda *parts: torch.cat(parts), *thetas[1:])
    return Inversion(theta=theta, **found)


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


def _reconstruction(way: str, time: float, found: dict[str, Data]) -> Reconstruction:
    return Reconstruction(way, time, found["images"], found["nll"].mean().item())
