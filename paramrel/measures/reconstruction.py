"""Images again, in every way that a method has, and their errors."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.measures.config import GenerateParams
from paramrel.metrics.reconstruction import binary_reconstruction, reconstruction_errors
from paramrel.models.encoding import mean_code
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.tasks.reconstruction import (
    Reconstruction,
    progressive_times,
    reconstruct_from_code,
    reconstruct_from_noise,
    reconstruct_from_theta,
)
from paramrel.tasks.sampling import to_pixels


def reconstruct_in_all_ways(
    run: Run, x: Tensor, params: GenerateParams
) -> Iterator[Reconstruction]:
    """Reconstruct x: (B, ...) in every way that a run's method has, with the same sampling noise.

    The times are those of `progressive_times`. A code of x has no other time than s = 1, and no
    way from θ alone, but with the code; without a flow there are neither times nor noise.
    """

    def noise() -> Generator:
        return model.generator(run.seed)

    model, steps, code = run.model, params.sampling_steps, run.model.method.code
    times = progressive_times(model.flow, params.progressive_log_snr)
    for s in {"none": (), "x": (1.0,)}.get(code, times):
        yield reconstruct_from_code(model, x, steps, noise(), s)
    if model.method.flow == "one_shot":
        return
    z = mean_code(model, x, 1.0, noise())
    for t in times:
        kept = None if code == "none" or run.model.method.reads_theta else z
        yield reconstruct_from_theta(model, x, t, steps, noise(), kept)
    inversion = reconstruct_from_noise(model, x, z, params.inversion_steps, noise())
    way = "noise" if code == "none" else "code and noise"
    yield Reconstruction(way, 1.0, model.to_data(inversion.reconstruction))


def reconstruction_table(
    run: Run, x: Tensor, ways: Sequence[Reconstruction], params: GenerateParams
) -> pd.DataFrame:
    """Score reconstructions of x: (B, ...), a row each, and the floor: the mean of these images.

    log_snr: of the row's time, nats. floats: the numbers kept of an image. mse: of pixels in
    [0, 1]; of binary pixels that is bit_error, the share of wrong bits. Others have psnr (dB, of
    that error) and ssim (NaN below 11×11 pixels). nll: as in `Reconstruction`.
    """
    variables = math.prod(x.shape[1:]) * max(run.model.flow.num_outputs - 1, 1)
    floats = {"code": run.model.params.code_dim, "theta": variables, "noise": variables}
    rows = [
        {"way": "mean image", "time": 0.0, "log_snr": math.nan, "floats": 0}
        | _errors_of_the_mean(x)
    ]
    for kept in ways:
        row = {
            "way": kept.way,
            "time": kept.time,
            "log_snr": run.model.flow.log_snr(torch.tensor([kept.time])).item(),
            "floats": sum(floats[part] for part in kept.way.split(" and ")),
        }
        rows.append(row | _errors(x, kept))
    return pd.DataFrame([origin(run, params) | row | {"n": len(x)} for row in rows])


def _errors(x: Tensor, kept: Reconstruction) -> dict[str, float]:
    errors = reconstruction_errors(to_pixels(x), to_pixels(kept.images))
    mse = float(errors["mse"].mean())
    if not x.is_floating_point():
        return {"mse": mse, "bit_error": mse, "nll": kept.nll}
    psnr = -10 * math.log10(mse) if mse else math.inf
    return {"mse": mse, "psnr": psnr, "ssim": float(errors["ssim"].mean()), "nll": kept.nll}


def _errors_of_the_mean(x: Tensor) -> dict[str, float]:
    """The errors of the mean of images x, which knows none of them."""
    images = to_pixels(x)
    mean = images.mean(0, keepdim=True).expand_as(images)
    errors = _errors(images, Reconstruction("mean image", 0.0, mean))
    if x.is_floating_point():
        return errors
    binary = binary_reconstruction(x, (mean + 1) / 2)
    return {"mse": errors["mse"], "bit_error": binary["bit_error"], "nll": binary["nll"]}
