"""How much of an image comes back, and how many numbers had to be stored for it."""

import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

from paramrel.data.arrays import Array, Row, as_array, require_images, require_same_shape
from paramrel.data.fields import batches, joined
from paramrel.metrics.extractors import Extractor, require_sha256

SSIM_WINDOW = 11
BACKBONES = {"alex": AlexNet_Weights, "vgg": VGG16_Weights, "squeeze": SqueezeNet1_1_Weights}


def reconstruction_errors(images: Tensor, reconstructions: Tensor) -> dict[str, np.ndarray]:
    """Return mean squared error, PSNR in dB and SSIM of each image, three (N,) arrays.

    Both: (N, C, H, W) in [-1, 1], compared in [0, 1], data_range = 1. SSIM: Gaussian window of
    11×11, σ = 1.5, borders reflected and counted; NaN for images below 11×11 pixels. An exact image
    has infinite PSNR.
    """
    _require_image_pair(images, reconstructions)
    pairs = zip(batches(images, 500), batches(reconstructions, 500), strict=True)
    found = joined([_errors(*pair) for pair in pairs])
    as_array("mse", found["mse"])
    return {name: values.numpy() for name, values in found.items()}


def reconstruction(images: Tensor, kinds: Mapping[str, tuple[Tensor, int]]) -> Row:
    """Score reconstructions of one or more kinds in separate columns, each with its floats stored.

    images: (N, C, H, W) in [-1, 1]; kinds: name → (reconstructions, floats stored per image), say
    {"code": (a, 32), "code_and_noise": (b, 32 + 784)}. Means of `reconstruction_errors`. Floor:
    `mse_mean_image`, the error of always answering with the mean of these images.
    """
    require_images(images=images)
    pixels = (images.double() + 1) / 2
    row = {"mse_mean_image": float(pixels.var(0, correction=0).mean())}
    notes = []
    for kind, (reconstructions, floats) in kinds.items():
        errors = reconstruction_errors(images, reconstructions)
        row |= {f"{key}_{kind}": float(values.mean()) for key, values in errors.items()}
        row[f"floats_{kind}"] = floats
        exact = int((errors["mse"] == 0).sum())
        notes += [f"{exact} {kind} images are exact, their PSNR infinite"] * bool(exact)
    if min(images.shape[2:]) < SSIM_WINDOW:
        notes.append(f"SSIM needs images of {SSIM_WINDOW}×{SSIM_WINDOW}")
    floats = math.prod(images.shape[1:])
    return {
        **row,
        "floats_image": floats,
        "data_range": 1.0,
        "n": len(images),
        "note": "; ".join(notes),
    }


def binary_reconstruction(bits: Array, probabilities: Array) -> Row:
    """Score reconstructed probabilities of ones: bit error at ½ (a share), NLL in nats per example.

    Both (N, ...); bits in {0, 1}. Beside them `bit_error_mean_image` and `nll_mean_image`, of the
    mean of these bits at each place, which knows no example. A certain but wrong bit costs
    infinitely much.
    """
    bits, probabilities = as_array("bits", bits), as_array("probabilities", probabilities)
    require_same_shape(bits=bits, probabilities=probabilities)
    if not np.isin(bits, (0, 1)).all():
        raise ValueError("bits has values other than 0 and 1; binarise first")
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError("probabilities has values outside [0, 1]")
    n, mean = len(bits), np.broadcast_to(bits.mean(0), bits.shape)
    return {
        "bit_error": _bit_error(bits, probabilities),
        "bit_error_mean_image": _bit_error(bits, mean),
        "nll": _binary_nll(bits, probabilities) / n,
        "nll_mean_image": _binary_nll(bits, mean) / n,
        "n": n,
        "bits": bits.size // n,
    }


def perceptual_distance(extractor: Extractor, images: Tensor, reconstructions: Tensor) -> Row:
    """Return the mean squared distance of an extractor's features, named `pd[<extractor>]@N`.

    Both: (N, C, H, W) in [-1, 1]. Floor: 0, an exact image; `pd_ceiling`: another image of the set.
    """
    _require_image_pair(images, reconstructions)
    real, other = extractor.features(images), extractor.features(reconstructions)
    return {
        "metric": f"pd[{extractor.name}]@{len(images)}",
        "pd": float(((real - other) ** 2).sum(1).mean()),
        "pd_ceiling": float(((real - np.roll(real, 1, 0)) ** 2).sum(1).mean()),
        "extractor_sha256": extractor.sha256,
        "n": len(images),
    }


def lpips(
    images: Tensor, reconstructions: Tensor, backbone: Path, sha256: str, net: str = "alex"
) -> Row:
    """Return the mean LPIPS (Zhang et al., 2018) with a backbone from a local file of pinned hash.

    Both: (N, C, H, W) in [-1, 1], 64×64 at least, grey ones repeated to three channels; net:
    "alex", "vgg" or "squeeze"; backbone: torchvision's weights of it. No downloads. Floor: 0.
    """
    _require_image_pair(images, reconstructions)
    if net not in BACKBONES:
        raise ValueError(f"net is {net!r}; it must be one of {', '.join(BACKBONES)}")
    if min(images.shape[2:]) < 64:
        raise ValueError(f"images are {tuple(images.shape[2:])} pixels; LPIPS needs 64×64")
    require_sha256(backbone, sha256)
    metric = _lpips_from(backbone, net)
    for pair in zip(images.split(100), reconstructions.split(100), strict=True):
        metric.update(*(x.float().expand(-1, 3, -1, -1) for x in pair))
    return {f"lpips_{net}": float(metric.compute()), "backbone_sha256": sha256, "n": len(images)}


def _errors(images: Tensor, reconstructions: Tensor) -> dict[str, Tensor]:
    first, second = ((x.cpu().double() + 1) / 2 for x in (images, reconstructions))
    mse = ((first - second) ** 2).flatten(1).mean(1)
    psnr = peak_signal_noise_ratio(second, first, data_range=1.0, reduction="none", dim=(1, 2, 3))
    ssim = torch.full_like(mse, math.nan)
    if min(images.shape[2:]) >= SSIM_WINDOW:
        # single precision: its error is below 1e-5, double would take ten times as long
        ssim = _ssim(second.float(), first.float())
    return {"mse": mse, "psnr": psnr, "ssim": ssim}


def _require_image_pair(images: Tensor, reconstructions: Tensor) -> None:
    require_images(images=images, reconstructions=reconstructions)
    require_same_shape(images=images, reconstructions=reconstructions)


def _ssim(reconstructions: Tensor, images: Tensor) -> Tensor:
    return structural_similarity_index_measure(
        reconstructions,
        images,
        sigma=1.5,
        kernel_size=SSIM_WINDOW,
        reduction="none",
        data_range=1.0,
    ).reshape(len(images))


def _bit_error(bits: np.ndarray, probabilities: np.ndarray) -> float:
    return float(((probabilities > 0.5) != bits).mean())


def _binary_nll(bits: np.ndarray, probabilities: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        return float(-np.log(np.where(bits == 1, probabilities, 1 - probabilities)).sum())


def _lpips_from(backbone: Path, net: str) -> LearnedPerceptualImagePatchSimilarity:
    """Show torchvision a hub folder that holds the file under the name it looks for."""
    usual = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as hub:
        place = Path(hub, "checkpoints", Path(BACKBONES[net].IMAGENET1K_V1.url).name)
        place.parent.mkdir()
        shutil.copy(backbone, place)
        torch.hub.set_dir(hub)
        try:
            return LearnedPerceptualImagePatchSimilarity(net)
        finally:
            torch.hub.set_dir(usual)
