"""What becomes of an image when its code is changed and its noise is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from sklearn.linear_model import LogisticRegression
from torch import Generator, Tensor

from paramrel.data.arrays import Array, as_codes, as_labels
from paramrel.data.fields import Data, count, each
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.encoding import mean_code
from paramrel.tasks.reconstruction import reconstruct_from_noise
from paramrel.tasks.sampling import Noise, decode_codes, require_code


@dataclass(frozen=True)
class Latent:
    """All that images are decoded from, on the CPU.

    z: (N, d) codes of s = 1, or the constant of a model without a code.
    noise: (N, ...) as `Inversion.noise`; None without a flow.
    """

    z: Tensor
    noise: Noise


def encode_latent(model: FlowAutoencoder, x: Data, steps: int, generator: Generator) -> Latent:
    """Return the mean code of x: (N, ...) and the noise from which the ODE leads to x."""
    z = mean_code(model, x, 1.0, generator)
    if model.method.flow == "one_shot":
        return Latent(z, None)
    return Latent(z, reconstruct_from_noise(model, x, z, steps, generator).noise)


def interpolate(
    model: FlowAutoencoder,
    x_start: Data,
    x_end: Data,
    points: int = 8,
    steps: int = 50,
    generator: Generator | None = None,
) -> Data:
    """Return x: (N, points, ...) on the way from images to others, both (N, ...).

    Code and noise of both are found, and what lies between them is decoded, in so many steps each:
    the ends are the images as they come back. generator: on the model's device; by default of
    seed 0.

    >>> import paramrel
    >>> model = paramrel.load_pretrained("digits").model
    >>> x = paramrel.load_dataset("digits").test.x
    >>> interpolate(model, x[:2], x[2:4], points=5, steps=10).shape
    torch.Size([2, 5, 1, 8, 8])
    """
    if count(x_start) != count(x_end):
        raise ValueError(
            f"x_start holds {count(x_start)} examples and x_end {count(x_end)}; as many are needed"
        )
    generator = generator or model.generator(0)
    start, end = (encode_latent(model, x, steps, generator) for x in (x_start, x_end))
    return interpolate_latents(model, start, end, points, steps)


def interpolate_latents(
    model: FlowAutoencoder, start: Latent, end: Latent, points: int, steps: int
) -> Data:
    """Return x: (N, points, ...) on the way from one latent to another, both ends included.

    The code goes straight, the noise on the sphere, so that it stays as likely as noise is (Song
    et al. 2021, arXiv 2010.02502, section 5.3). A model without a code goes by the noise alone.
    """
    weights = torch.linspace(0, 1, points).tolist()
    z = torch.stack([torch.lerp(start.z, end.z, weight) for weight in weights], 1)
    noise = None
    if start.noise is not None:
        on_arcs = partial(_arcs, weights=weights)
        noise = each(on_arcs, start.noise, end.noise)
    return _decode_rows(model, z, noise, steps)


def _arcs(start: Tensor, end: Tensor, weights: Sequence[float]) -> Tensor:
    """(B, ...) twice → points of the arcs between them, (B · points, ...)."""
    return torch.stack([slerp(start, end, weight) for weight in weights], 1).flatten(0, 1)


def slerp(start: Tensor, end: Tensor, weight: float) -> Tensor:
    """Return the point at `weight` of the arc from start to end, (B, ...), an arc each example.

    sin((1 − w)Ω)/sin Ω · start + sin(wΩ)/sin Ω · end with Ω the angle between them (Shoemake 1985);
    the straight line where the two point the same way.
    """
    first, second = start.flatten(1).double(), end.flatten(1).double()
    cosine = torch.nn.functional.cosine_similarity(first, second).clamp(-1, 1)
    angle = cosine.acos().unsqueeze(1)
    on_arc = (((1 - weight) * angle).sin() * first + (weight * angle).sin() * second) / angle.sin()
    points = torch.where(angle > 1e-6, on_arc, torch.lerp(first, second, weight))
    return points.view_as(start).to(start)


def manipulate(
    model: FlowAutoencoder, latent: Latent, direction: Tensor, amounts: Sequence[float], steps: int
) -> Data:
    """Return x: (B, A, ...) of the codes z + a · direction for each amount a, the noise held fixed.

    direction: (d,), say of `probe_direction`. Raises ValueError for a method without a code.
    """
    require_code(model)
    direction = direction.cpu()
    shifts = torch.tensor(amounts).to(direction)[:, None] * direction  # (A, d)
    z = latent.z.unsqueeze(1) + shifts
    return _decode_rows(model, z, _repeat(latent.noise, len(amounts)), steps)


def traverse(
    model: FlowAutoencoder, latent: Latent, codes: Tensor, amounts: Sequence[float], steps: int
) -> Data:
    """Return x: (B, d, A, ...): each dimension of the code moved alone, the others as they are.

    codes: (N, d) of the aggregate posterior, whose standard deviations are the unit of `amounts`.
    Raises ValueError for a method without a code.

    >>> import paramrel
    >>> model = paramrel.load_pretrained("digits").model
    >>> x = paramrel.load_dataset("digits").test.x
    >>> latent = encode_latent(model, x[:2], 10, model.generator(0))
    >>> traverse(model, latent, paramrel.mean_code(model, x), (-3, 0, 3), steps=10).shape
    torch.Size([2, 10, 3, 1, 8, 8])
    """
    require_code(model)
    codes = codes.cpu()
    shifts = codes.std(0).diag()[:, None] * torch.tensor(amounts).to(codes)[:, None]  # (d, A, d)
    z = latent.z.unsqueeze(1) + shifts.flatten(0, 1)
    x = _decode_rows(model, z, _repeat(latent.noise, z.shape[1]), steps)
    return each(lambda part: part.unflatten(1, shifts.shape[:2]), x)


def probe_direction(codes: Array, wanted: Array) -> Tensor:
    """Return the direction (d,) in which a linear probe reads that an example is a wanted one.

    codes: (N, d); wanted: (N,) of 0 and 1. The weights of a logistic regression on standardised
    codes, made one long there and taken back: an amount of 1 is a standard deviation of the codes
    (Preechakul et al. 2022, arXiv 2111.15640, section 5.2, where it is 0.3√d of them).
    """
    codes = as_codes("codes", codes)
    wanted = as_labels("wanted", wanted, len(codes))
    scale = codes.std(0)
    scale[scale == 0] = 1  # a constant dimension has no weight either
    weights = LogisticRegression(max_iter=2000).fit(codes / scale, wanted).coef_[0]
    return torch.as_tensor(scale * weights / (weights**2).sum() ** 0.5).float()


def time_codes(
    model: FlowAutoencoder,
    x: Data,
    times: Sequence[float],
    noise: Noise,
    steps: int,
    generator: Generator,
) -> Data:
    """Return x again from its code of each time, the noise held fixed: (B, T, ...).

    x: (B, ...); noise: (B, ...), say of `draw_noise` or of `encode_latent`. The θ_s that the codes
    are read from share their noise. Raises ValueError where a code has no time.
    """
    require_code(model)
    if model.method.code == "x":
        raise ValueError("this method's code is read from data x, and so has no other time")
    images = []
    for s in times:
        z = mean_code(model, x, s, generator.clone_state())
        images.append(decode_codes(model, z, noise, steps, s))
    return each(lambda *parts: torch.stack(parts, 1), *images)


def _decode_rows(model: FlowAutoencoder, z: Tensor, noise: Noise, steps: int) -> Data:
    """x: (N, M, ...) of codes z: (N, M, d) and noise: (N · M, ...)."""
    x = decode_codes(model, z.flatten(0, 1), noise, steps)
    return each(lambda part: part.unflatten(0, z.shape[:2]), x)


def _repeat(noise: Noise, number: int) -> Noise:
    """(B, ...) → the same noise so many times, (B · number, ...)."""
    return None if noise is None else each(lambda part: part.repeat_interleave(number, 0), noise)
