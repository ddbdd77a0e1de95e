"""What happens between two codes: length, straightness, label switches, distance from the data.

Every function takes a decoder, codes (N, d) → images (N, C, H, W) in [-1, 1], that holds all its
noise fixed: else it would measure the sampler's noise. Paths are straight lines between codes.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from paramrel.data.arrays import Row, as_codes
from paramrel.metrics.distances import frechet_distance
from paramrel.metrics.extractors import Classifier, Extractor

Decoder = Callable[[Tensor], Tensor]


def path_length(
    decode: Decoder,
    extractor: Extractor,
    start: Tensor,
    end: Tensor,
    generator: torch.Generator,
    epsilon: float = 0.05,
) -> Row:
    """Return the mean of ‖f(G(z_t)) − f(G(z_{t+ε}))‖² / ε² over t ~ U[0, 1 − ε], ε stated.

    start, end: (N, d). Perceptual path length (Karras et al., 2019) with f the extractor, no pair
    trimmed, and an ε that survives a decoder's single precision. Floor: 0 for a constant decoder;
    one that moves its features straight and evenly attains `path_length_chord`, the same at ε = 1.
    """
    _require_paths(decode, start, end)
    if not 0 < epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}; it must lie in (0, 1]")
    shape, device = (len(start), 1), generator.device
    t = torch.rand(shape, generator=generator, device=device).to(start) * (1 - epsilon)
    here, there = (
        extractor.features(decode(torch.lerp(start, end, at))) for at in (t, t + epsilon)
    )
    ends = [extractor.features(decode(codes)) for codes in (start, end)]
    return {
        "path_length": float(((here - there) ** 2).sum(1).mean() / epsilon**2),
        "path_length_chord": float(((ends[0] - ends[1]) ** 2).sum(1).mean()),
        "epsilon": epsilon,
        "extractor": extractor.name,
        "extractor_sha256": extractor.sha256,
        "n": len(start),
    }


def path_shape(
    decode: Decoder,
    extractor: Extractor,
    judge: Classifier,
    start: Tensor,
    end: Tensor,
    steps: int = 20,
) -> Row:
    """Walk each path in `steps` equal steps; return path over chord and how often labels switch.

    start, end: (N, d). `path_over_chord` is the mean of Σ_k ‖f_{k+1} − f_k‖ / ‖f_K − f_0‖ over all
    paths whose ends differ, floor 1. `label_switches` is the mean number of changes in the judge's
    class along a path, `label_switches_floor` the share of paths whose ends differ in class.
    """
    _require_paths(decode, start, end)
    if steps < 2:
        raise ValueError(f"steps is {steps}; at least 2 are needed")
    seen = []
    for k in range(steps + 1):
        images = decode(torch.lerp(start, end, k / steps))
        seen.append((extractor.features(images), judge.predict(images)))
    features, labels = map(np.stack, zip(*seen, strict=True))  # (steps + 1, N, width) and (…, N)
    lengths = np.linalg.norm(np.diff(features, axis=0), axis=2).sum(0)
    chords = np.linalg.norm(features[-1] - features[0], axis=1)
    moved = chords > 0
    ratio = float((lengths[moved] / chords[moved]).mean()) if moved.any() else float("nan")
    return {
        "path_over_chord": ratio,
        "label_switches": float((labels[1:] != labels[:-1]).sum(0).mean()),
        "label_switches_floor": float((labels[0] != labels[-1]).mean()),
        "steps": steps,
        "extractor": extractor.name,
        "extractor_sha256": extractor.sha256,
        "judge_sha256": judge.sha256,
        "n": len(start),
        "note": "" if moved.all() else f"{(~moved).sum()} paths have equal ends and no ratio",
    }


def midpoint_distance(
    decode: Decoder, extractor: Extractor, start: Tensor, end: Tensor, data: Tensor
) -> Row:
    """Return the Fréchet distance to data of images decoded half-way, beside that of the ends.

    start, end: (N, d); data: (M, C, H, W) in [-1, 1]; the first min(N, M) of each are used. Floor:
    `endpoint_distance`; a decoder that stays on the data's manifold keeps midpoints as close.
    """
    _require_paths(decode, start, end)
    n = min(len(start), len(data))
    real = extractor.features(data[:n])
    middle, ends = (
        extractor.features(decode(codes[:n])) for codes in (torch.lerp(start, end, 0.5), start)
    )
    return {
        "metric": f"fd[{extractor.name}]@{n}",
        "midpoint_distance": frechet_distance(middle, real),
        "endpoint_distance": frechet_distance(ends, real),
        "extractor_sha256": extractor.sha256,
        "n": n,
    }


def _require_paths(decode: Decoder, start: Tensor, end: Tensor) -> None:
    as_codes("start", start), as_codes("end", end)
    if start.shape != end.shape:
        raise ValueError(f"start is {tuple(start.shape)}, end {tuple(end.shape)}; they must match")
    if not torch.equal(decode(start[:2]), decode(start[:2])):
        raise ValueError("decode gives two images for one code; its noise must be held fixed")
