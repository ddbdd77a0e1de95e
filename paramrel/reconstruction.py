"""Images again: from the code alone, from θ of a time alone, from the code and the noise."""

import math

import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.generation import predictor, run_ancestral, to_pixels
from paramrel.metrics.reconstruction import reconstruction_errors
from paramrel.model import FlowAutoencoder
from paramrel.params import GenerateParams
from paramrel.runs import Run
from paramrel.solvers import Inversion, invert


def reconstruct_from_code(
    model: FlowAutoencoder, x: Tensor, steps: int, generator: Generator, s: float = 1.0
) -> Tensor:
    """Return x: (B, ...) again from the mean of its code alone, read at time s.

    The sampling noise is fresh, so that nothing but the d scalars of the code is kept of x.
    """
    z = mean_code(model, x, s, generator)
    return run_ancestral(model, len(x), steps, generator, predictor(model, z, s))


def reconstruct_from_theta(
    model: FlowAutoencoder, x: Tensor, t: float, steps: int, generator: Generator
) -> Tensor:
    """Return x: (B, ...) again, sampled on from θ_t ~ p_F(θ | x; t); `steps` are those of [0, 1].

    A self-encoder re-encodes the current θ at every step, so that θ_t is all that is kept of x.
    """
    theta = model.flow.sample_theta(x, torch.full((len(x),), t), generator=generator)
    predict = predictor(model, generator=generator)
    return run_ancestral(model, len(x), steps, generator, predict, theta, t)


def reconstruct_from_noise(
    model: FlowAutoencoder, x: Tensor, steps: int, generator: Generator
) -> Inversion:
    """Return the noise from which the probability-flow ODE leads to x, and the way back.

    With a code, decoder and inversion share its mean at s = 1: that is `code plus noise`, and
    near lossless for any flow whatever the code holds. The noise has as many floats as x or more.
    The way back is in the flow's own values: `model.to_data` makes images of them.
    """
    z = model.no_code(len(x)) if model.encoder is None else mean_code(model, x, 1.0, generator)
    x, predict = model.to_flow(x), predictor(model, z)
    return invert(model.flow, predict, x, steps, start="sample", generator=generator)


def mean_code(model: FlowAutoencoder, x: Tensor, s: float, generator: Generator) -> Tensor:
    """Return the mean (B, d) of q(z | θ_s, s) for θ_s drawn from x: (B, ...)."""
    with torch.no_grad():
        return model.encode(x, torch.full((len(x),), s, device=x.device), generator).mean


def reconstruct_in_all_ways(
    run: Run, x: Tensor, params: GenerateParams
) -> dict[tuple[str, float], Tensor]:
    """Reconstruct x: (B, ...) in every way that a run's method has.

    Keys: ("code", s) and ("theta", t) for each of the progressive times, and ("noise", 1), or
    ("code and noise", 1) where there is a code. Every way has the same sampling noise. A code of
    x has no other time than s = 1, and no way from θ alone; without a flow there is no noise.
    """

    def noise() -> Generator:
        return Generator().manual_seed(run.seed)

    model, steps, times = run.model, params.sampling_steps, params.progressive_times
    code = model.method.code
    ways = {}
    for time in times if code in ("none", "theta") else ():
        ways["theta", time] = reconstruct_from_theta(model, x, time, steps, noise())
    for time in {"none": (), "x": (1.0,)}.get(code, times):
        ways["code", time] = reconstruct_from_code(model, x, steps, noise(), time)
    if model.method.flow != "one_shot":
        inversion = reconstruct_from_noise(model, x, params.inversion_steps, noise())
        way = "noise" if code == "none" else "code and noise"
        ways[way, 1.0] = model.to_data(inversion.reconstruction)
    return ways


def reconstruction_table(
    run: Run, x: Tensor, ways: dict[tuple[str, float], Tensor]
) -> pd.DataFrame:
    """Score the ways of `reconstruct_in_all_ways`: mean squared error of pixels in [0, 1].

    For binary pixels that is the share of wrong bits. `floats` counts the numbers kept of an
    image; the floor is the mean of these images, which keeps none.
    """
    variables = math.prod(x.shape[1:]) * max(run.model.flow.num_outputs - 1, 1)
    floats = {
        "code": run.model.params.code_dim,
        "theta": variables,
        "noise": variables,
        "code and noise": run.model.params.code_dim + variables,
    }
    images = to_pixels(x)
    mean = images.mean(0, keepdim=True).expand_as(images)
    rows = [("mean image", 0.0, 0, mean)]
    rows += [(way, time, floats[way], to_pixels(other)) for (way, time), other in ways.items()]
    return pd.DataFrame(
        {
            "dataset": run.dataset,
            "method": run.method,
            "seed": run.seed,
            "way": way,
            "time": time,
            "floats": number,
            "mse": reconstruction_errors(images, other)["mse"].mean(),
            "n": len(x),
        }
        for way, time, number, other in rows
    )
