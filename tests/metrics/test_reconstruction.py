import hashlib
import math

import numpy as np
import pytest
import torch
from torchvision.models import squeezenet1_1

from paramrel.metrics.extractors import Extractor
from paramrel.metrics.reconstruction import (
    binary_reconstruction,
    lpips,
    perceptual_distance,
    reconstruction,
    reconstruction_errors,
)

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = 1.8 * torch.rand(6, 1, 16, 16, generator=GENERATOR) - 0.9
NOISY = (IMAGES + 0.1 * torch.randn(IMAGES.shape, generator=GENERATOR)).clamp(-1, 1)


def reference_ssim(x, y):
    """SSIM of Wang et al. (2004) for one grey image in [0, 1] with reflected borders."""
    x, y = (np.pad(image, 5, "reflect") for image in (x, y))
    axis = np.arange(11) - 5
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for i, j in np.ndindex(16, 16):
        a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        var_a, var_b = ((window * (c - (window * c).sum()) ** 2).sum() for c in (a, b))
        covariance = (window * (a - mean_a) * (b - mean_b)).sum()
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        values.append(luminance * (2 * covariance + 0.03**2) / (var_a + var_b + 0.03**2))
    return np.mean(values)


def test_errors_of_each_image_are_those_of_the_definitions_in_zero_to_one():
    errors = reconstruction_errors(IMAGES, NOISY)
    first, second = ((x.double().numpy() + 1) / 2 for x in (IMAGES, NOISY))
    mse = ((first - second) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(errors["mse"], mse)
    np.testing.assert_allclose(errors["psnr"], -10 * np.log10(mse))
    ssim = [reference_ssim(x[0], y[0]) for x, y in zip(first, second, strict=True)]
    np.testing.assert_allclose(errors["ssim"], ssim, atol=1e-5)


def test_each_kind_has_its_own_columns_and_its_floats():
    kinds = {"code": (NOISY, 32), "code_and_noise": (IMAGES, 32 + 256)}
    row = reconstruction(IMAGES, kinds)
    assert row["mse_code"] > row["mse_code_and_noise"] == 0
    assert row["ssim_code"] < row["ssim_code_and_noise"] == pytest.approx(1)
    assert (row["floats_code"], row["floats_code_and_noise"], row["floats_image"]) == (32, 288, 256)
    assert row["psnr_code_and_noise"] == math.inf
    assert row["note"] == "6 code_and_noise images are exact, their PSNR infinite"


def test_the_mean_image_is_the_floor():
    constant = IMAGES.mean(0, keepdim=True).expand_as(IMAGES)
    row = reconstruction(IMAGES, {"code": (constant, 0)})
    assert row["mse_code"] == pytest.approx(row["mse_mean_image"])


def test_ssim_of_images_below_its_window_is_a_stated_nan():
    row = reconstruction(IMAGES[..., :8, :8], {"code": (NOISY[..., :8, :8], 10)})
    assert math.isnan(row["ssim_code"]) and row["note"] == "SSIM needs images of 11×11"
    assert row["mse_code"] > 0


def test_binary_reconstruction_by_hand():
    bits = np.array([[1, 0], [1, 1]])
    row = binary_reconstruction(bits, [[0.9, 0.6], [0.8, 0.5]])
    assert row["bit_error"] == 0.5
    assert row["nll"] == pytest.approx(-math.log(0.9 * 0.4 * 0.8 * 0.5) / 2)
    assert row["bit_error_mean_image"] == 0.25
    assert row["nll_mean_image"] == pytest.approx(math.log(2))


def test_a_certain_but_wrong_bit_costs_infinitely_much_and_a_perfect_answer_nothing():
    bits = np.eye(3)
    assert binary_reconstruction(bits, bits)["nll"] == 0
    assert binary_reconstruction(bits, 1 - bits)["nll"] == math.inf


def test_perceptual_distance_is_the_squared_distance_of_features_below_that_of_other_images():
    pixels = Extractor("pixels", lambda x: x.flatten(1), "hash")
    row = perceptual_distance(pixels, IMAGES, NOISY)
    assert row["metric"] == "pd[pixels]@6"
    squared = ((IMAGES - NOISY).double() ** 2).flatten(1).sum(1).mean()
    assert row["pd"] == pytest.approx(float(squared))
    assert row["pd"] < row["pd_ceiling"]
    assert perceptual_distance(pixels, IMAGES, IMAGES)["pd"] == 0


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "any_name.pth"
    torch.manual_seed(0)
    torch.save(squeezenet1_1().state_dict(), path)
    return path


def test_lpips_uses_the_given_file_and_grows_with_the_error(backbone):
    digest = hashlib.sha256(backbone.read_bytes()).hexdigest()
    images = torch.rand(2, 1, 64, 64, generator=GENERATOR)
    folder = torch.hub.get_dir()
    exact, near, far = (
        lpips(images, (images + e).clamp(-1, 1), backbone, digest, "squeeze")["lpips_squeeze"]
        for e in (0, -0.1, -0.8)
    )
    assert 0 == exact < near < far
    assert torch.hub.get_dir() == folder


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reconstruction_errors(IMAGES, NOISY[:3]), "shapes differ"),
        (lambda: reconstruction_errors(IMAGES * 2, NOISY), r"images has values in .* \[-1, 1\]"),
        (lambda: reconstruction(IMAGES, {"code": (NOISY * torch.nan, 1)}), "must lie in"),
        (lambda: binary_reconstruction([[0.5]], [[0.5]]), "binarise first"),
        (lambda: binary_reconstruction([[1]], [[1.1]]), "outside"),
        (lambda: binary_reconstruction([[1]], [[math.nan]]), "NaN"),
        (lambda: lpips(IMAGES, NOISY, "absent", ""), "LPIPS needs 64×64"),
        (lambda: lpips(IMAGES, NOISY, "absent", "", "resnet"), "'resnet'; it must be one of"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_lpips_refuses_absent_and_changed_weights(backbone):
    images = torch.zeros(1, 3, 64, 64)
    with pytest.raises(ValueError, match="nothing is downloaded"):
        lpips(images, images, backbone.with_name("absent"), "0", "squeeze")
    with pytest.raises(ValueError, match="the pinned one is 0"):
        lpips(images, images, backbone, "0", "squeeze")
